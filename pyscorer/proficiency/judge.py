"""A new response judged by the best mixture, or by the best system of text experts alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.characters import plain
from pyscorer.contract.files import read_json, shown
from pyscorer.contract.weights import load_tensors
from pyscorer.corpora.spoken_call import close_prompts, known_prompt
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import transcript_text
from pyscorer.proficiency import units
from pyscorer.proficiency.architectures import Architecture
from pyscorer.proficiency.combine import (
    apply_temperature,
    normalise_outputs,
    pseudo_joint,
    remember,
)
from pyscorer.proficiency.edits import Edit, closest
from pyscorer.proficiency.encoders import Encoders, load_encoders
from pyscorer.proficiency.expert_features import Inputs, encode
from pyscorer.proficiency.judgement import ACCEPT, REJECT, Judgement, Opinion
from pyscorer.proficiency.mixture import apply_gate, concatenate, gate_sizes
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.read_prompts import read_aloud, with_prompt
from pyscorer.proficiency.systems import SystemKey, Systems, load_systems
from pyscorer.proficiency.task import Rule
from pyscorer.proficiency.train_members import predict
from pyscorer.proficiency.tree_expert import Forest, apply_forest, load_forest

TEXT_ONLY = "text.json"
"""Of a model with acoustic experts: the system that judges typed responses."""
_LONGER, _MORE = 1.5, 3
"""A response is too long from this many times the longest known, and this many words more, on."""
Combine = Callable[[Sequence[NDArray]], tuple[NDArray, NDArray]]
"""What k experts say, each seeds x N x classes -> posteriors, N x classes, and credits, N x k."""


@dataclass(frozen=True)
class Member:
    """One expert: its input kind and its groups of networks, or its trees."""

    name: str
    shape: Architecture
    networks: list[Network]
    seeds: int
    forest: Forest | None = None

    def posteriors(self, inputs: Inputs) -> NDArray[np.float32]:
        """Seeds x N x classes, averaged over folds."""
        if self.forest is not None:
            outputs = apply_forest(self.forest, inputs.values)
        else:
            outputs = np.concatenate([predict(network, inputs) for network in self.networks])
        averaged: NDArray[np.float32] = outputs.reshape(self.seeds, -1, *outputs.shape[1:]).mean(
            axis=1
        )
        return averaged


@dataclass(frozen=True)
class Panel:
    """Experts, how their words become one, and what is decided by it."""

    members: tuple[Member, ...]
    combine: Combine
    rule: Rule
    memory: float | None
    """How many labels of equal responses the experts' word weighs; None: none are remembered."""

    def kinds(self, group: str) -> list[str]:
        """Input kinds of the experts of a group, each once."""
        return list(dict.fromkeys(m.shape.kind for m in self.members if m.shape.group == group))


@dataclass(frozen=True)
class Judge:
    """Everything loaded: call `judge_response` as often as needed."""

    encoders: Encoders
    best: Panel
    text: Panel | None
    """The best panel without acoustic experts; None where nothing is known of one."""

    @cached_property
    def read_aloud(self) -> bool:
        """Whether prompts are read aloud: a new one is then its own accepted response."""
        return read_aloud(self.encoders.grammar)

    @property
    def prompts(self) -> Mapping[str, Any]:
        """The prompts that are known: of the grammar or, without one, of the training responses."""
        return self.encoders.grammar or self.encoders.known


def gated(gate: Network, said: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
    """A `Combine`: the mixture of a gate, averaged over seeds and folds."""
    mixed, credits = apply_gate(gate, concatenate(said))
    return mixed.mean(axis=(0, 1)), credits.mean(axis=(0, 1))


def joined_by(
    exponents: Sequence[Sequence[float]], priors: NDArray, said: Sequence[NDArray]
) -> tuple[NDArray, NDArray]:
    """A `Combine`: the pseudo-joint model, averaged over seeds.

    exponents: those that calibrate each expert, one a seed; none of an expert that is not
    calibrated. All experts have the same credit.
    """
    calibrated = [
        np.stack([apply_temperature(o, t) for o, t in zip(outputs, ts, strict=True)])
        if len(ts)
        else outputs
        for outputs, ts in zip(said, exponents, strict=True)
    ]
    joint = pseudo_joint(calibrated, priors).mean(axis=0)
    return joint, np.full((len(joint), len(said)), 1 / len(said))


@contextmanager
def _whole(path: Path, stage: str) -> Iterator[None]:
    """Whatever a damaged or foreign file raises is an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}", 200)
        raise InputError(f"{path}: damaged, or of another version ({reason}): {stage}") from None


def load_member(folder: Path, classes: int) -> Member:
    """Load the networks of one expert. Raises InputError naming the file that is not theirs."""
    settings = read_json(folder / "architecture.json", ["expert", "n_in", "seeds"])
    with _whole(folder, "run train_expert and judge_model again"):
        name, n_in, seeds = settings.pop("expert"), settings.pop("n_in"), settings.pop("seeds")
        shape = Architecture(**settings | {"hidden": tuple(settings["hidden"])})
        if shape.trees:
            return Member(name, shape, [], seeds, load_forest(folder / "forest.npz"))
        networks = []
        for state in load_tensors(folder / "model.pt"):
            members = next(iter(state.values())).shape[0]
            sizes = (n_in, *shape.hidden, classes)
            network = Network(members, sizes, shape.recurrent, shape.dropout)
            network.load_state_dict(state)
            networks.append(network.eval())
        return Member(name, shape, networks, seeds)


def load_judge(model: Path) -> Judge:
    """Load the folder that `judge_model` wrote. Raises InputError if it is not one."""
    if not (model / "best.json").exists():
        raise InputError(f"{model}/best.json: no such file: name a folder written by judge_model")
    encoders = load_encoders(model / "encoders")
    systems = load_systems(model)
    with _whole(model, "run train_mixture and judge_model again"):
        best, number = systems.best, len(systems.classes.names)
        members = _members(model, best["members"], number)
        state = load_tensors(model / "gate.pt")
        gate = Network(
            next(iter(state.values())).shape[0],
            gate_sizes(len(members), number, best["gate_hidden"]),
            sigmoid=True,
        )
        gate.load_state_dict(state)
        combine = partial(gated, gate.eval())
        panel = Panel(members, combine, systems.rule(systems.final), best["memory"])
        if not panel.kinds("acoustic"):
            return Judge(encoders, panel, panel)
        return Judge(encoders, panel, _text_panel(model, systems))


def _members(model: Path, names: Sequence[str], classes: int) -> tuple[Member, ...]:
    return tuple(load_member(model / "experts" / name, classes) for name in names)


def _text_panel(model: Path, systems: Systems) -> Panel | None:
    if not (model / TEXT_ONLY).exists():
        return None
    found = read_json(model / TEXT_ONLY, ["base", "memory", "members", "exponents", "priors"])
    members = _members(model, found["members"], len(systems.classes.names))
    combine = partial(joined_by, found["exponents"], np.array(found["priors"]))
    rule = systems.rule(SystemKey(found["base"], found["memory"] is not None))
    return Panel(members, combine, rule, found["memory"])


def judge_response(
    judge: Judge, prompt: str, response: str, answer: Mapping[str, Inputs] | None = None
) -> Judgement:
    """Judge one response (a transcript, read as those of the training files are).

    `answer` holds the inputs of acoustic experts by kind; without it, text experts judge alone.
    Seeds and folds are averaged. An empty response is rejected without asking the experts: all
    empty responses of the task are wrong. A prompt that is not known, whatever its case and
    punctuation, is judged by its words, with a warning.

    Raises InputError for an empty prompt, for an empty response where it cannot be rejected, and
    for a response without `answer` that text experts alone cannot judge.
    """
    words, prompt = transcript_text(response), plain(prompt)
    if not prompt:
        raise InputError("the prompt is empty")
    panel, warnings = _panel(judge, answer)
    prompt = resolved(judge, prompt)
    if judge.read_aloud and prompt not in judge.prompts:
        judge = replace(judge, encoders=with_prompt(judge.encoders, prompt))
    known = prompt in judge.prompts
    if not known:
        warnings.append(_unknown(judge, prompt))
    alignment = closest(tuple(words.split()), judge.encoders.references.responses.get(prompt))
    warnings += _too_long(judge, prompt, words.split())
    judgement = Judgement(
        panel.rule.classes,
        *(prompt, words, REJECT, 0.0, panel.rule.threshold),
        known_prompt=known,
        edits=tuple(alignment[1]),
        warnings=tuple(warnings),
        cuts=panel.rule.cuts,
    )
    if words:
        return _asked(judge.encoders, panel, judgement, alignment, answer or {})
    if panel.rule.classes.ordinal:
        raise InputError("the response has no words: nothing to give a level to")
    return judgement


def resolved(judge: Judge, prompt: str) -> str:
    """The prompt as the model knows it, whatever its case and punctuation; else as it stands."""
    return known_prompt(judge.prompts, plain(prompt)) or plain(prompt)


def _asked(
    encoders: Encoders,
    panel: Panel,
    judgement: Judgement,
    alignment: tuple[float, list[Edit]],
    answer: Mapping[str, Inputs],
) -> Judgement:
    """The judgement, as the experts decide."""
    prompt, words, rule = judgement.prompt, judgement.response, panel.rule
    inputs = dict(answer) | {
        kind: encode(encoders, kind, [prompt], [words], [alignment]) for kind in panel.kinds("text")
    }
    said = [member.posteriors(inputs[member.shape.kind]) for member in panel.members]
    mixed, credits = panel.combine(said)
    experts = {
        member.name: _opinion(rule, outputs.mean(axis=0)[0], credit)
        for member, outputs, credit in zip(panel.members, said, credits[0], strict=True)
    }
    posteriors = normalise_outputs(mixed)[0]
    counts = None
    if panel.memory is not None:
        counts = units.seen_counts(encoders.known, prompt, words)
    if counts is not None and panel.memory is not None:
        posteriors = remember(posteriors, counts, panel.memory)
        credit = counts.sum() / (counts.sum() + panel.memory)
        experts["memory"] = _opinion(rule, counts / counts.sum(), credit)
    decided = int(rule.decide(posteriors))
    decision = REJECT if decided else ACCEPT
    return replace(
        judgement,
        decision=rule.classes.names[decided] if rule.classes.ordinal else decision,
        score=float(rule.score(posteriors)),
        posteriors=tuple(posteriors.tolist()),
        experts=experts,
    )


def _opinion(rule: Rule, posteriors: NDArray, credit: float) -> Opinion:
    shares = posteriors / posteriors.sum()
    return Opinion(float(rule.score(posteriors)), float(credit), tuple(shares.tolist()))


def _panel(judge: Judge, answer: Mapping[str, Inputs] | None) -> tuple[Panel, list[str]]:
    acoustic = judge.best.kinds("acoustic")
    if answer is not None or not acoustic:
        return judge.best, []
    if judge.text is None:
        raise InputError(
            "the model's experts listen, and no system of text experts alone is known: judge a "
            "recording"
        )
    names = ", ".join(m.name for m in judge.best.members if m.shape.group == "acoustic")
    told = f"A typed response cannot be listened to: judged by text experts alone, not by {names}."
    return judge.text, [told]


def _unknown(judge: Judge, prompt: str) -> str:
    near = close_prompts(judge.prompts, prompt)
    hint = f"; did you mean {' or '.join(f'“{p}”' for p in near)}?" if near else ""
    where = "the grammar" if judge.encoders.grammar else "the training responses"
    return f"The prompt “{shown(prompt)}” is not in {where}{hint}"


def _too_long(judge: Judge, prompt: str, words: Sequence[str]) -> list[str]:
    """A warning of a response that is far longer than any that is known of its prompt."""
    encoders = judge.encoders
    known = [encoders.references.responses.get(prompt), encoders.known.get(prompt, (None,))[0]]
    longest = max((int(c.lengths.max(initial=0)) for c in known if c is not None), default=0)
    if not longest or len(words) <= _LONGER * longest + _MORE:
        return []
    return [
        f"The response has {len(words)} words, where the longest that is known of this prompt has "
        f"{longest}: is it an answer to it, and nothing else?"
    ]
