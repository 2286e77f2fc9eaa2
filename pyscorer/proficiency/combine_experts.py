"""Stage `combine_experts`: the combinations of Papi et al. 2020 in the paper's protocol."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.proficiency.build_systems import GRAMMAR, grammar_matches
from pyscorer.proficiency.crossed_decisions import (
    PARTS,
    Crossing,
    Decisions,
    Words,
    decide,
    grammar_words,
    joined,
    learnt_pairs,
    validation_metrics,
    views,
    vote,
)
from pyscorer.proficiency.crossed_gates import (
    CrossedGateOptions,
    GateInputs,
)
from pyscorer.proficiency.crossed_mixtures import Experts, Group, Mixture, mixed
from pyscorer.proficiency.pairs import PairTable, load_data
from pyscorer.proficiency.paper_combinations import (
    DNNS,
    MIXTURES,
    PSEUDO_JOINTS,
    distinct,
    own_combinations,
    rank,
    searched,
)
from pyscorer.proficiency.selection import Limits, build_validation, is_fbk
from pyscorer.proficiency.train_mixture import load_experts

log = logging.getLogger(__name__)

VOTE = "FbkB"
SLOW = {"MIX2-3FbkB-F1": 1e-4}
"""Learning rates that are not the paper's .001 (section 3)."""
FEWEST_VOTES = 6
"""FBK networks at least, as the paper has its 6 best."""

Kind = Literal["reference", "vote", "fbk", "network", "own", "pseudo-joint", "mixture"]


@dataclass(frozen=True)
class CombineOptions:
    """How experts are combined."""

    validation_ids: str = option(
        "", "pattern of the training ids that tune thresholds for test rows; all if empty"
    )
    min_recall: float = option(0.85, "of right responses, of a tuned threshold", ge=0, le=1)
    min_rejection: float = option(0.5, "of wrong responses, of a tuned threshold", ge=0, le=1)
    voters: int = option(3, "FBK networks that vote: the best by D_full on validation rows", ge=1)
    searched_mixtures: int = option(
        1, "further mixtures: of the combinations whose pseudo-joint is best on validation", ge=0
    )
    gate_inputs: GateInputs = option(
        "posteriors", "what a gate sees of each expert: all posteriors, or that of acceptance"
    )
    gate_factors: tuple[PositiveFloat, ...] = option(
        (12.0,),
        "further values of lambda, what accepting a wrong meaning costs (the paper's 3), for the "
        "mixtures that are best on validation",
    )
    gate_epochs: int = option(50, "passes over the training rows at most", ge=1)
    gate_patience: int = option(5, "passes without a lower validation loss that end it", ge=1)
    gate_batch: int = option(256, "rows a step", ge=1)
    seed: int = option(0, "seed of the gates", ge=0)


@dataclass(frozen=True)
class Combination:
    """A row of the tables: what it is made of, and what it decides."""

    name: str
    kind: Kind
    group: Group
    members: tuple[str, ...]
    decisions: Decisions
    validation: dict[str, float]


def load_crossing(data: Path, experts: Sequence[Path]) -> tuple[dict[str, NDArray], PairTable, Any]:
    """The experts' outputs (seeds x folds x N x c), the table of `data` and its grammar.

    Raises InputError unless the data are split for the paper's protocol and the outputs are theirs.
    """
    table, grammar = load_data(data)
    if table.split == "pairs":
        raise InputError(
            f"{data}: folds are of pairs: the paper's protocol needs prepare_responses.split rows "
            "or speakers"
        )
    outputs, _ = load_experts(experts, even=False)
    wanted = (table.n_folds, *table.counts.shape)
    for name, said in outputs.items():
        if said.shape[1:] != wanted:
            raise InputError(
                f"{name}: outputs of {said.shape[1:]} folds, items and classes, {data} has "
                f"{wanted}: run train_expert again, with protocol paper"
            )
    return outputs, table, grammar


@one_thread()
def combine_experts(
    data: Path, experts: list[Path], out: Path, options: CombineOptions, jobs: int = 1
) -> None:
    """Decide with every expert, with the paper's named combinations and those it searched.

    Experts are ranked on validation rows. Pseudo-joint models are made of all combinations of
    `paper_combinations.searched`, mixtures of the paper's two and of some of the others; of both
    also with the experts that the paper has not. An expert may have fewer seeds than the others:
    what it is combined in has as many. Gates are trained in `jobs` processes (0: one a core).
    Writes out/systems.json (name, kind, group, members and validation metrics of each, the ranking,
    and what validation chose) and out/decisions.npz: `<i>.<part>`, seeds x rows booleans, of the
    parts of `crossed_decisions.PARTS` (of training rows all, counted or not), `<i>.<part>.tuned`
    with tuned thresholds. No test label is read. Raises InputError for data of another protocol,
    and unless there are six FBK networks and three of the paper's.
    """
    outputs, table, grammar = load_crossing(data, experts)
    matches = grammar_matches(table, grammar) if grammar else None
    like_test = build_validation(
        table,
        Limits(options.min_recall, options.min_rejection),
        options.validation_ids,
        matches,
        seed=options.seed,
        known=learnt_pairs(table),
    )
    crossing = Crossing(table, like_test)
    said = {name: views(table, o) for name, o in outputs.items()}
    found = [_of(name, _kind(name), _group(name), (name,), said[name], crossing) for name in said]
    fbk = [c for c in found if c.kind == "fbk"]
    if len(fbk) < FEWEST_VOTES:
        raise InputError(
            f"{len(fbk)} FBK networks, the paper's protocol has at least {FEWEST_VOTES}: add some "
            "to proficiency.experts"
        )
    ranking = rank({c.name: c.validation for c in found})
    log.info("ranking on validation rows: %s", ranking)
    of_name = {c.name: c for c in fbk}
    names = tuple(name for name in ranking["d_full"] if name in of_name)[: options.voters]
    decisions = vote([of_name[n].decisions for n in names], [said[n] for n in names])
    metrics = validation_metrics(decisions, crossing)
    found.append(Combination(VOTE, "vote", "paper", names, decisions, metrics))
    if matches is not None:
        matched = grammar_words(table, matches, len(next(iter(outputs.values()))))
        found.append(_of(GRAMMAR, "reference", "ours", (), matched, crossing))
    found += _combinations(Experts(outputs, said, crossing), ranking, options, jobs)
    best = _best(found)
    log.info("validation chooses %s", best)
    _write(out, found, ranking, best, options)


def _kind(expert: str) -> Kind:
    return "fbk" if is_fbk(expert) else "network" if expert in DNNS else "own"


def _group(expert: str) -> Group:
    return "paper" if expert in DNNS else "ours"


def _of(
    name: str,
    kind: Kind,
    group: Group,
    members: Sequence[str],
    said: Words,
    crossing: Crossing,
) -> Combination:
    decisions = decide(said, crossing)
    metrics = validation_metrics(decisions, crossing)
    return Combination(name, kind, group, tuple(members), decisions, metrics)


def _combinations(
    experts: Experts, ranking: Mapping[str, Sequence[str]], options: CombineOptions, jobs: int
) -> list[Combination]:
    """Pseudo-joint models and mixtures: the paper's, those of the search, and with our experts."""
    space, own = searched(ranking), own_combinations(ranking)

    def joint(name: str, group: Group, members: Sequence[str]) -> Combination:
        said = joined(experts.words(members), experts.crossing)
        return _of(f"PJ{name}", "pseudo-joint", group, members, said, experts.crossing)

    def mixtures(tasks: Sequence[Mixture]) -> list[Combination]:
        results = shared_map(mixed, (experts, gate_options), tasks, jobs)
        return [
            _of(task.name, "mixture", task.group, task.members, said, experts.crossing)
            for task, said in zip(tasks, results, strict=True)
        ]

    gate_options = CrossedGateOptions(
        inputs=options.gate_inputs,
        epochs=options.gate_epochs,
        patience=options.gate_patience,
        batch=options.gate_batch,
        seed=options.seed,
    )
    named = [name.removeprefix("PJ") for name in PSEUDO_JOINTS]
    joints = [
        joint(name, "paper" if name in named else "search", space[name])
        for name in distinct(space, named)
    ]
    theirs = {space[name.removeprefix("MIX")] for name in MIXTURES}
    others = sorted(
        (c for c in joints if c.members not in theirs),
        key=lambda c: -c.validation["d_full"],
    )
    further = [c.name.removeprefix("PJ") for c in others[: options.searched_mixtures]]
    tasks = [
        Mixture(name, "paper", space[name.removeprefix("MIX")], learning_rate=SLOW.get(name, 1e-3))
        for name in MIXTURES
    ]
    tasks += [Mixture(f"MIX{name}", "search", space[name]) for name in further]
    tasks += [Mixture(f"MIX{name}", "ours", members) for name, members in own.items()]
    found = mixtures(tasks)
    best = _best(found)
    again = [
        replace(
            task,
            name=f"{task.name}, lambda {factor:g}",
            group="ours" if task.group == "ours" else "search",
            gross_factor=factor,
        )
        for task in tasks
        if task.name in best.values()
        for factor in options.gate_factors
    ]
    return [
        *joints,
        *(joint(name, "ours", members) for name, members in own.items()),
        *found,
        *mixtures(again),
    ]


def _best(found: Sequence[Combination]) -> dict[str, str]:
    """What validation rows choose by D_full: of what the paper has a single `expert`, a
    `pseudo-joint` model and a `mixture`; of what has our experts the same as `own_...`, where any.
    """
    theirs = [c for c in found if c.group != "ours" or c.kind == "fbk"]
    best = {}
    for prefix, those in (
        ("", theirs),
        ("own_", [c for c in found if c.group == "ours" and c.kind != "fbk"]),
    ):
        for what in ("expert", "pseudo-joint", "mixture"):
            kinds = ("fbk", "network", "own") if what == "expert" else (what,)
            if among := [c for c in those if c.kind in kinds]:
                best[f"{prefix}{what}"] = max(among, key=lambda c: c.validation["d_full"]).name
    return best


def _write(
    out: Path,
    found: Sequence[Combination],
    ranking: Mapping[str, Sequence[str]],
    best: Mapping[str, str],
    options: CombineOptions,
) -> None:
    rows = [
        {key: getattr(c, key) for key in ("name", "kind", "group", "members", "validation")}
        for c in found
    ]
    arrays: dict[str, Any] = {}
    for i, combination in enumerate(found):
        for part in PARTS:
            arrays[f"{i}.{part}"] = combination.decisions.accepted[part]
        for part, tuned in combination.decisions.tuned.items():
            arrays[f"{i}.{part}.tuned"] = tuned
    content = {"options": asdict(options), "ranking": ranking, "best": best, "systems": rows}
    with atomic_directory(out) as folder:
        (folder / "systems.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        np.savez_compressed(folder / "decisions.npz", **arrays)
