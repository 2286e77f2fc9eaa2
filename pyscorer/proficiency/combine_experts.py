"""Stage `combine_experts`: the combinations of Papi et al. 2020 in the paper's protocol."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.build_systems import GRAMMAR, grammar_matches
from pyscorer.proficiency.crossed_decisions import (
    PARTS,
    Crossing,
    Decisions,
    Words,
    decide,
    grammar_words,
    joined,
    validation_metrics,
    views,
    vote,
)
from pyscorer.proficiency.crossed_gates import (
    CrossedGateOptions,
    CrossedRows,
    GateInputs,
    mix_rows,
    mix_test,
    train_gates,
)
from pyscorer.proficiency.mixture import concatenate
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
from pyscorer.proficiency.selection import Limits, is_fbk
from pyscorer.proficiency.train_mixture import load_experts

log = logging.getLogger(__name__)

VOTE = "FbkB"
SLOW = {"MIX2-3FbkB-F1": 1e-4}
"""Learning rates that are not the paper's .001 (section 3)."""
FEWEST_VOTES = 6
"""FBK networks at least, as the paper has its 6 best."""

Kind = Literal["reference", "vote", "fbk", "network", "own", "pseudo-joint", "mixture"]
Group = Literal["paper", "search", "ours"]


@dataclass(frozen=True)
class CombineOptions:
    """How experts are combined."""

    validation_ids: str = option(
        "", "pattern of the training ids whose validation tunes thresholds; all if empty"
    )
    min_recall: float = option(0.85, "of right responses, of a tuned threshold", ge=0, le=1)
    min_rejection: float = option(0.5, "of wrong responses, of a tuned threshold", ge=0, le=1)
    searched_mixtures: int = option(
        3, "further mixtures: of the combinations whose pseudo-joint is best on validation", ge=0
    )
    gate_inputs: GateInputs = option(
        "posteriors", "what a gate sees of each expert: all posteriors, or that of acceptance"
    )
    gate_epochs: int = option(50, "passes over the training rows at most", ge=1)
    gate_patience: int = option(5, "passes without a lower validation loss that end it", ge=1)
    gate_batch: int = option(128, "rows a step", ge=1)
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


@dataclass(frozen=True)
class _Experts:
    """outputs: seeds x folds x N x c. said: their views."""

    outputs: dict[str, NDArray]
    said: dict[str, Words]
    crossing: Crossing


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
    outputs, _ = load_experts(experts)
    wanted = (table.n_folds, *table.counts.shape)
    for name, said in outputs.items():
        if said.shape[1:] != wanted:
            raise InputError(
                f"{name}: outputs of {said.shape[1:]} folds, items and classes, {data} has "
                f"{wanted}: run train_expert again, with protocol paper"
            )
    return outputs, table, grammar


def combine_experts(data: Path, experts: list[Path], out: Path, options: CombineOptions) -> None:
    """Decide with every expert, with the paper's named combinations and those it searched.

    Experts are ranked on validation rows. Pseudo-joint models are made of all combinations of
    `paper_combinations.searched`, mixtures of the paper's two and of some of the others; of both
    also with the experts that the paper has not.
    Writes out/systems.json (name, kind, group, members and validation metrics of each, the ranking,
    and what validation chose) and out/decisions.npz: `<i>.<part>`, seeds x rows booleans, of the
    parts of `crossed_decisions.PARTS` (of training rows all, counted or not), `<i>.<part>.tuned`
    with tuned thresholds. No test label is read. Raises InputError for data of another protocol,
    and unless there are six FBK networks and three of the paper's.
    """
    outputs, table, grammar = load_crossing(data, experts)
    ids = np.array([re.search(options.validation_ids, r.id) is not None for r in table.train])
    if not (ids & table.tested).any():
        raise InputError(f"no validation row has an id that matches {options.validation_ids!r}")
    limits = Limits(options.min_recall, options.min_rejection)
    crossing = Crossing(table, ids & table.tested, limits)
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
    words = [said[c.name] for c in fbk]
    decisions = vote([c.decisions for c in fbk], words)
    names = tuple(c.name for c in fbk)
    metrics = validation_metrics(decisions, crossing)
    found.append(Combination(VOTE, "vote", "paper", names, decisions, metrics))
    if grammar:
        seeds = len(next(iter(outputs.values())))
        matched = grammar_words(table, grammar_matches(table, grammar), seeds)
        found.append(_of(GRAMMAR, "reference", "ours", (), matched, crossing))
    found += _combinations(_Experts(outputs, said, crossing), ranking, options)
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
    experts: _Experts, ranking: Mapping[str, Sequence[str]], options: CombineOptions
) -> list[Combination]:
    """Pseudo-joint models and mixtures: the paper's, those of the search, and with our experts."""
    space, own = searched(ranking), own_combinations(ranking)

    def joint(name: str, group: Group, members: Sequence[str]) -> Combination:
        said = joined([experts.said[m] for m in members], experts.crossing)
        return _of(f"PJ{name}", "pseudo-joint", group, members, said, experts.crossing)

    def mixture(name: str, group: Group, members: Sequence[str]) -> Combination:
        said = _mixed(f"MIX{name}", members, experts, options)
        return _of(f"MIX{name}", "mixture", group, members, said, experts.crossing)

    named = [name.removeprefix("PJ") for name in PSEUDO_JOINTS]
    joints = [
        joint(name, "paper" if name in named else "search", space[name])
        for name in distinct(space, named)
    ]
    mixed = [name.removeprefix("MIX") for name in MIXTURES]
    others = sorted(
        (c for c in joints if c.members not in {space[name] for name in mixed}),
        key=lambda c: -c.validation["d_full"],
    )
    further = [c.name.removeprefix("PJ") for c in others[: options.searched_mixtures]]
    return [
        *joints,
        *(joint(name, "ours", members) for name, members in own.items()),
        *(mixture(name, "paper", space[name]) for name in mixed),
        *(mixture(name, "search", space[name]) for name in further),
        *(mixture(name, "ours", members) for name, members in own.items()),
    ]


def _mixed(name: str, members: Sequence[str], experts: _Experts, options: CombineOptions) -> Words:
    """Train the gates of a mixture and apply them."""
    crossing, table = experts.crossing, experts.crossing.table
    tested, validated = (
        concatenate([experts.said[m][part] for m in members]) for part in ("tested", "validated")
    )
    rows = CrossedRows(
        tested,
        validated,
        crossing.labels,
        crossing.folds,
        crossing.counted,
        table.n_folds,
    )
    gate_options = CrossedGateOptions(
        inputs=options.gate_inputs,
        epochs=options.gate_epochs,
        patience=options.gate_patience,
        batch=options.gate_batch,
        learning_rate=SLOW.get(name, 1e-3),
        seed=options.seed,
    )
    log.info("gates of %s: %s", name, ", ".join(members))
    gates = train_gates(rows, table.classes, gate_options)
    tested, validated = mix_rows(gates, rows, options.gate_inputs)
    outputs = [experts.outputs[m] for m in members]
    test, second = (
        mix_test(gates, concatenate([o[:, :, at] for o in outputs]), options.gate_inputs)
        for at in (table.test_rows, table.second_rows)
    )
    return {"tested": tested, "validated": validated, "test": test, "second": second}


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
