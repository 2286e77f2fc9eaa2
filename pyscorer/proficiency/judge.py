"""Stage `judge`: one new response, judged by the best mixture."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.contract.characters import plain
from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.contract.files import atomic_directory, check_replaceable, read_json, shown
from pyscorer.contract.weights import load_tensors
from pyscorer.corpora.spoken_call import close_prompts, known_prompt
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import transcript_text
from pyscorer.proficiency import units
from pyscorer.proficiency.architectures import Architecture
from pyscorer.proficiency.combine import normalise_outputs, remember
from pyscorer.proficiency.edits import closest, marked
from pyscorer.proficiency.encoders import Encoders, load_encoders
from pyscorer.proficiency.expert_features import Inputs, encode
from pyscorer.proficiency.mixture import apply_gate, concatenate, gate_sizes
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.systems import load_systems
from pyscorer.proficiency.task import Rule
from pyscorer.proficiency.train_expert import predict
from pyscorer.proficiency.tree_expert import Forest, apply_forest, load_forest

log = logging.getLogger(__name__)


@dataclass
class Member:
    """One expert of the mixture: its input kind and its groups of networks, or its trees."""

    name: str
    kind: str
    networks: list[Network]
    seeds: int
    forest: Forest | None = None

    def posteriors(self, inputs: Inputs) -> NDArray[np.float32]:
        """Seeds x N x 4, averaged over folds."""
        if self.forest is not None:
            outputs = apply_forest(self.forest, inputs.values)
        else:
            outputs = np.concatenate([predict(network, inputs) for network in self.networks])
        averaged: NDArray[np.float32] = outputs.reshape(self.seeds, -1, *outputs.shape[1:]).mean(
            axis=1
        )
        return averaged


@dataclass
class Judge:
    """Everything loaded: call `judge_response` as often as needed."""

    encoders: Encoders
    members: list[Member]
    gate: Network
    threshold: float
    gross: float
    memory: float


@dataclass(frozen=True)
class Judgement:
    """The decision and its reasons."""

    accepted: bool
    score: float
    threshold: float
    known_prompt: bool
    closest_accepted: str
    edits: str
    experts: dict[str, dict[str, float]] = field(default_factory=dict)

    def text(self) -> str:
        """A few lines for people."""
        decision = "accept" if self.accepted else "reject"
        lines = [f"{decision} (score {self.score:.3f}, accepted from {self.threshold:.3f})"]
        if not self.known_prompt:
            lines.append("the prompt is not in the grammar: judged by its words alone")
        else:
            lines.append(f"closest accepted response: {self.closest_accepted or '(none)'}")
            lines.append(f"edits: {self.edits or '(empty response)'}")
        for name, said in self.experts.items():
            lines.append(f"{name}: {said['score']:.3f}, credit {said['credit']:.3f}")
        return "\n".join(lines)


def _shape(settings: dict[str, Any]) -> tuple[Architecture, int, int]:
    extra = {"expert", "n_in", "seeds"}
    values: dict[str, Any] = {
        k: tuple(v) if k == "hidden" else v for k, v in settings.items() if k not in extra
    }
    return Architecture(**values), int(settings["n_in"]), int(settings["seeds"])


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


def load_member(folder: Path) -> Member:
    """Load the networks of one expert. Raises InputError naming the file that is not theirs."""
    settings = read_json(folder / "architecture.json", ["expert", "n_in", "seeds"])
    with _whole(folder, "run train_expert and judge_model again"):
        shape, n_in, seeds = _shape(settings)
        if shape.trees:
            forest = load_forest(folder / "forest.npz")
            return Member(settings["expert"], shape.kind, [], seeds, forest)
        networks = []
        for state in load_tensors(folder / "model.pt"):
            members = next(iter(state.values())).shape[0]
            network = Network(members, (n_in, *shape.hidden, 4), shape.recurrent, shape.dropout)
            network.load_state_dict(state)
            networks.append(network.eval())
        return Member(settings["expert"], shape.kind, networks, seeds)


def load_judge(model: Path) -> Judge:
    """Load the folder that `judge_model` wrote. Raises InputError if it is not one."""
    if not (model / "best.json").exists():
        raise InputError(f"{model}/best.json: no such file: name a folder written by judge_model")
    encoders = load_encoders(model / "encoders")
    systems = load_systems(model)
    with _whole(model, "run train_mixture and judge_model again"):
        best, system = systems.best, systems.rows[systems.keys.index(systems.mixture.remembering)]
        members = [load_member(model / "experts" / name) for name in best["members"]]
        state = load_tensors(model / "gate.pt")
        gate = Network(
            next(iter(state.values())).shape[0],
            gate_sizes(len(members), 4, best["gate_hidden"]),
            sigmoid=True,
        )
        gate.load_state_dict(state)
        return Judge(
            encoders=encoders,
            members=members,
            gate=gate.eval(),
            threshold=float(np.mean(system["thresholds"])),
            gross=float(system["gross"]),
            memory=float(system["memory"]),
        )


def judge_response(judge: Judge, prompt: str, response: str) -> Judgement:
    """Judge one response (a transcript, read as those of the training files are).

    Seeds and folds are averaged. An empty response is rejected without asking the experts: all
    empty responses of the task are wrong. A prompt that the grammar lacks, whatever its case and
    punctuation, is judged by its words.
    """
    words = transcript_text(response)
    prompt = plain(prompt)
    if not prompt:
        raise InputError("the prompt is empty")
    grammar = judge.encoders.grammar
    found = known_prompt(grammar, prompt)
    known, prompt = found is not None, found or prompt
    references = judge.encoders.references.responses.get(prompt)
    alignment = closest(tuple(words.split()), references)
    edits = alignment[1]
    threshold = judge.threshold
    shown = " ".join(e.reference for e in edits if e.reference)
    if not words:
        return Judgement(False, 0.0, threshold, known, shown, "", {})
    said = []
    for member in judge.members:
        inputs = encode(judge.encoders, member.kind, [prompt], [words], [alignment])
        said.append(member.posteriors(inputs))
    mixed, credits = apply_gate(judge.gate, concatenate(said))
    experts = {
        member.name: {
            "score": float(Rule(LANGUAGE_MEANING, judge.gross).score(outputs.mean(axis=0))[0]),
            "credit": float(credits[..., 0, k].mean()),
        }
        for k, (member, outputs) in enumerate(zip(judge.members, said, strict=True))
    }
    mean = normalise_outputs(mixed.mean(axis=(0, 1)))[0]
    counts = units.seen_counts(judge.encoders.known, prompt, words)
    if counts is not None:
        mean = remember(mean, counts, judge.memory)
        experts["memory"] = {
            "score": float(counts[0] / counts.sum()),
            "credit": float(counts.sum() / (counts.sum() + judge.memory)),
        }
    score = float(Rule(LANGUAGE_MEANING, judge.gross).score(mean))
    return Judgement(score >= threshold, score, threshold, known, shown, marked(edits), experts)


def judge_model(features: Path, experts: list[Path], mixture: Path, out: Path) -> None:
    """Gather what judging needs into one folder: encoders, the best mixture's experts and gate."""
    best = load_systems(mixture).best
    folders = {read_json(f / "architecture.json", ["expert"])["expert"]: f for f in experts}
    missing = [m for m in best["members"] if m not in folders]
    if missing:
        raise InputError(f"the best mixture needs the experts {', '.join(missing)}")
    check_replaceable(out, "experts", "gate.pt")
    with atomic_directory(out) as part:
        shutil.copytree(features / "encoders", part / "encoders")
        for name in ("best.json", "systems.json", "classes.json", "gate.pt"):
            shutil.copyfile(mixture / name, part / name)
        for member in best["members"]:
            (part / "experts" / member).mkdir(parents=True)
            for name in ("architecture.json", "model.pt", "forest.npz"):
                if (folders[member] / name).exists():
                    shutil.copyfile(folders[member] / name, part / "experts" / member / name)


def judge(model: Path, prompt: str, response: str) -> None:
    """Judge one response with a folder written by `judge_model` and print the decision and why."""
    torch.set_num_threads(1)
    loaded = load_judge(model)
    judgement = judge_response(loaded, prompt, response)
    if not judgement.known_prompt:
        near = close_prompts(loaded.encoders.grammar, prompt)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        log.warning("the prompt %s is not in the grammar%s", shown(prompt), hint)
    print(judgement.text())
