"""Stage `train_mixture`: every model of Tables 1 to 3, tuned on training rows alone."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from pyscorer.contract.classes import write_classes
from pyscorer.contract.files import atomic_directory, read_json
from pyscorer.contract.weights import load_array, save_weights
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.architectures import Group
from pyscorer.proficiency.build_systems import (
    System,
    build_system,
    grammar_match,
    grammar_matches,
    majority_vote,
    of_rows,
    with_memory,
)
from pyscorer.proficiency.combine import apply_temperature, class_priors, pseudo_joint, temperature
from pyscorer.proficiency.mixture import GateOptions, apply_gate, concatenate, train_gate
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.pairs import PairTable, average_members, load_data
from pyscorer.proficiency.selection import (
    Limits,
    Validation,
    build_validation,
    is_fbk,
    rank_experts,
    subsets,
)

log = logging.getLogger(__name__)

ABLATION = 4
"""Number of the table of the best mixture without each of its experts and each group of them."""


@dataclass(frozen=True)
class MixtureOptions:
    """Constraints of thresholds and training of gates."""

    min_recall: float = option(
        0.85, "of right responses, on validation; where language and meaning are known", ge=0, le=1
    )
    min_rejection: float = option(
        0.5, "of wrong responses, on validation; where language and meaning are known", ge=0, le=1
    )
    validation_ids: str = option("", "pattern of the training ids to choose on; all if empty")
    exams: int = option(200, "test sets drawn from validation rows to choose thresholds", ge=1)
    gate_epochs: int = option(5, "passes over the training pairs", ge=1)
    gate_hidden: tuple[PositiveInt, ...] = option(
        (), "hidden sizes of every gate; the paper's if empty"
    )
    seed: int = option(1, "seed of the gates", ge=0)


@dataclass(frozen=True)
class Outputs:
    """What the experts say of every item, out of fold and on average: seeds x N x classes."""

    oof: dict[str, NDArray]
    final: dict[str, NDArray]
    groups: dict[str, Group]


@dataclass(frozen=True)
class Mixture:
    """A mixture with its gate: as a system, with memory if there is any, and by item."""

    system: System
    remembering: System | None
    gate: Network
    credits: NDArray
    oof: NDArray
    final: NDArray

    @property
    def best(self) -> System:
        """That of the two that judges new responses."""
        return self.remembering or self.system


def load_experts(
    folders: Sequence[Path], even: bool = True
) -> tuple[dict[str, NDArray], dict[str, Group]]:
    """Expert -> outputs (seeds x groups x N x classes) and group, of folders of `train_expert`.

    even: all have as many seeds. Raises InputError for experts of different data, and of seeds.
    """
    outputs: dict[str, NDArray] = {}
    groups: dict[str, Group] = {}
    for folder in folders:
        settings = read_json(folder / "architecture.json", ["expert"])
        outputs[settings["expert"]] = load_array(folder / "outputs.npy", "train_expert")
        groups[settings["expert"]] = settings.get("group", "text")
    shapes = {(len(o) if even else 0, *o.shape[2:]) for o in outputs.values()}
    if len(shapes) > 1:
        raise InputError(f"experts of different seeds or data: shapes {sorted(shapes)}")
    return outputs, groups


def _calibrated(
    oof: Mapping[str, NDArray], final: Mapping[str, NDArray], table: PairTable
) -> tuple[dict[str, NDArray], dict[str, NDArray], dict[str, list[float]]]:
    known = table.counts.sum(axis=1) > 0
    new_oof, new_final, exponents = {}, {}, {}
    for name in oof:
        ts = [temperature(o[known], table.counts[known]) for o in oof[name]]
        exponents[name] = ts
        new_oof[name] = np.stack(
            [apply_temperature(o, t) for o, t in zip(oof[name], ts, strict=True)]
        )
        new_final[name] = np.stack(
            [apply_temperature(o, t) for o, t in zip(final[name], ts, strict=True)]
        )
    return new_oof, new_final, exponents


def train_mixture(data: Path, experts: list[Path], out: Path, options: MixtureOptions) -> None:
    """Combine experts in all ways of the paper's Tables 1 to 3 and pick the best on validation.

    Writes out/systems.json (base, memory, table, members, thresholds and validation metrics a
    seed), out/scores.npz (scores, `<i>.validation` and `<i>.test`, and where items are rows the
    posteriors `<i>.posteriors` of test rows), and for the best mixture out/gate.pt, out/credits.npy
    (seeds x N x k) and out/best.json; out/classes.json. Where items are rows, the best mixture is
    also trained without each of its experts and without each group of them. Nothing here reads a
    test label. Raises InputError unless there are two experts.
    """
    table, grammar = load_data(data)
    limits = Limits(options.min_recall, options.min_rejection)
    matches = grammar_matches(table, grammar) if grammar else None
    validation = build_validation(
        table, limits, options.validation_ids, matches, options.exams, options.seed
    )
    outputs, groups = load_experts(experts)
    if len(outputs) < 2:
        raise InputError("a mixture needs at least two experts")
    if (said := next(iter(outputs.values())).shape[2:]) != table.counts.shape:
        raise InputError(
            f"{experts[0]}: outputs of {said[0]} items and {said[1]} classes, {data} has "
            f"{table.n_items} and {len(table.classes.names)}: run train_expert again"
        )
    averaged = {name: average_members(table, o) for name, o in outputs.items()}
    said_of = Outputs(
        {name: pair[0] for name, pair in averaged.items()},
        {name: pair[1] for name, pair in averaged.items()},
        groups,
    )
    systems, ranking = _table1(table, said_of, matches, validation)
    chosen = subsets(ranking, groups)
    log.info("ranking: %s; subsets: %s", ranking, chosen)
    joint, exponents = _table2(table, said_of, chosen, validation)
    systems += joint
    best: Mixture | None = None
    for name, members in chosen.items():
        mixture = _mix(f"mixture: {name}", 3, members, table, said_of, validation, options)
        systems += [s for s in (mixture.system, mixture.remembering) if s is not None]
        if best is None or mixture.best.choice.value > best.best.choice.value:
            best = mixture
    assert best is not None
    if table.by == "row":
        systems += _ablation(best, systems, table, said_of, validation, options)
    with atomic_directory(out) as part:
        _write(part, systems, options, table)
        write_classes(part, table.classes)
        save_weights(part / "gate.pt", best.gate.state_dict())
        np.save(part / "credits.npy", best.credits.astype(np.float32))
        np.save(part / "mixed.npy", best.final.astype(np.float32))
        np.save(part / "mixed_oof.npy", best.oof.astype(np.float32))
        summary = {
            "base": best.system.base,
            "memory": best.best.memory,
            "members": list(best.system.members),
            "gate_hidden": list(options.gate_hidden),
            "ranking": ranking,
            "exponents": exponents,
            "best_expert": next(iter(ranking.values()))[0],
            "groups": groups,
        }
        (part / "best.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _table1(
    table: PairTable,
    outputs: Outputs,
    matches: NDArray[np.bool_] | None,
    validation: Validation,
) -> tuple[list[System], dict[str, list[str]]]:
    """Baselines and experts alone, and the experts' ranking."""
    oof, final = outputs.oof, outputs.final
    systems: list[System] = []
    ordinal = table.classes.ordinal
    if matches is not None and not ordinal:
        systems.append(grammar_match(table, matches, len(next(iter(oof.values()))), validation))
    alone = {n: build_system(n, 1, (n,), of_rows(table, oof[n], final[n]), validation) for n in oof}
    fbk = [s for s in alone.values() if is_fbk(s.base)]
    if fbk and not ordinal:
        systems.append(majority_vote(fbk, validation))
    systems += alone.values()
    for n in oof:
        systems += with_memory(n, 1, (n,), table, oof[n], validation)
    choices = {name: system.choice for name, system in alone.items()}
    return systems, rank_experts(choices, table.classes)


def _table2(
    table: PairTable,
    outputs: Outputs,
    chosen: Mapping[str, Sequence[str]],
    validation: Validation,
) -> tuple[list[System], dict[str, list[float]]]:
    """Pseudo-joint models, and the experts' exponents of calibration."""
    systems: list[System] = []
    calibrated_oof, calibrated_final, exponents = _calibrated(outputs.oof, outputs.final, table)
    priors = class_priors(table)
    for name, members in chosen.items():
        for label, oof, final in (
            ("", outputs.oof, outputs.final),
            (", calibrated", calibrated_oof, calibrated_final),
        ):
            joint = pseudo_joint([oof[m] for m in members], priors)
            joint_final = pseudo_joint([final[m] for m in members], priors)
            full = f"pseudo-joint: {name}{label}"
            rows = of_rows(table, joint, joint_final)
            systems.append(build_system(full, 2, members, rows, validation))
            systems += with_memory(full, 2, members, table, joint, validation)
    return systems, exponents


def _mix(
    name: str,
    number: int,
    members: Sequence[str],
    table: PairTable,
    outputs: Outputs,
    validation: Validation,
    options: MixtureOptions,
) -> Mixture:
    """Train the gate of a mixture."""
    log.info("gate of %s: %s", name.removeprefix("mixture: "), ", ".join(members))
    gate_options = GateOptions(options.gate_hidden, options.gate_epochs, seed=options.seed)
    said = concatenate([outputs.oof[m] for m in members])
    gate = train_gate(said, table, gate_options)
    oof = average_members(table, apply_gate(gate, said)[0])[0]
    mixed, credits = apply_gate(gate, concatenate([outputs.final[m] for m in members]))
    final = mixed.mean(axis=1)
    rows = of_rows(table, oof, final)
    system = build_system(name, number, members, rows, validation)
    remembering = next(iter(with_memory(name, number, members, table, oof, validation)), None)
    values = [s.choice.value for s in (system, remembering) if s is not None]
    log.info("validation %s", ", with memory ".join(f"{value:.3f}" for value in values))
    return Mixture(system, remembering, gate, credits.mean(axis=1), oof, final)


def _ablation(
    best: Mixture,
    systems: Sequence[System],
    table: PairTable,
    outputs: Outputs,
    validation: Validation,
    options: MixtureOptions,
) -> list[System]:
    """The best mixture without each expert and without each group, where any expert is left.

    What is left of it is mixed anew; an expert that is left alone is not.
    """
    members = best.system.members
    left = {f"without {m}": [o for o in members if o != m] for m in members}
    for group in dict.fromkeys(outputs.groups[m] for m in members):
        left[f"without {group}"] = [m for m in members if outputs.groups[m] != group]
    alone = {s.base: s for s in systems if s.table == 1}
    found = []
    for name, rest in left.items():
        if len(rest) == 1:
            found.append(replace(alone[rest[0]], base=name, table=ABLATION))
        elif rest:
            mixture = _mix(name, ABLATION, rest, table, outputs, validation, options)
            found.append(mixture.system)
    return found


def _write(part: Path, systems: list[System], options: MixtureOptions, table: PairTable) -> None:
    rows: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for i, system in enumerate(systems):
        rows.append(
            {
                "base": system.base,
                "memory": system.memory,
                "table": system.table,
                "members": list(system.members),
                "gross": system.choice.gross,
                "thresholds": system.choice.thresholds,
                "cuts": system.choice.cuts,
                "validation": system.choice.metrics,
                "validation_value": system.choice.value,
            }
        )
        arrays[f"{i}.validation"] = system.validation
        arrays[f"{i}.test"] = system.test
        if table.by == "row" and system.posteriors is not None:
            arrays[f"{i}.posteriors"] = system.posteriors
    content = {"options": asdict(options), "systems": rows}
    (part / "systems.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    np.savez(part / "scores.npz", **arrays)
