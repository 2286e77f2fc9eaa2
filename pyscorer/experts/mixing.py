"""Stage `train_mixture`: every model of Tables 1 to 3, tuned on training rows alone."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.errors import InputError
from pyscorer.experts.combine import (
    Limits,
    acceptance_score,
    apply_temperature,
    class_priors,
    fit_strength,
    normalise_outputs,
    other_rows,
    pseudo_joint,
    remember,
    temperature,
)
from pyscorer.experts.mixture import GateOptions, apply_gate, concatenate, train_gate
from pyscorer.experts.pairs import PairTable, average_members, load_data
from pyscorer.experts.selection import is_fbk, rank_experts, subsets, validation_metrics
from pyscorer.files import atomic_directory

log = logging.getLogger(__name__)

VOTE = "FBK baseline (majority vote)"
GRAMMAR = "grammar match"


@dataclass(frozen=True)
class MixtureOptions:
    """Constraints of thresholds and training of gates."""

    min_recall: float = field(default=0.85, metadata={"help": "of right responses, on validation"})
    min_rejection: float = field(
        default=0.5, metadata={"help": "of wrong responses, on validation"}
    )
    gate_epochs: int = field(default=8, metadata={"help": "passes over the training pairs"})
    gate_hidden: tuple[int, ...] = field(
        default=(), metadata={"help": "hidden sizes of every gate; the paper's if empty"}
    )
    seed: int = field(default=1, metadata={"help": "seed of the gates"})


@dataclass(frozen=True)
class System:
    """One row of a table: scores of training rows (out of fold) and of test rows, seeds x rows."""

    name: str
    table: int
    members: tuple[str, ...]
    validation: NDArray
    test: NDArray
    memory: float | None = None


def load_experts(folders: Sequence[Path]) -> dict[str, NDArray]:
    """Expert -> outputs (seeds x folds x N x 4) of the folders that `train_expert` wrote."""
    outputs: dict[str, NDArray] = {}
    for folder in folders:
        if not (folder / "outputs.npy").exists():
            raise InputError(f"{folder}/outputs.npy: no such file: run train_expert")
        settings = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
        outputs[settings["expert"]] = np.load(folder / "outputs.npy")
    shapes = {o.shape for o in outputs.values()}
    if len(shapes) > 1:
        raise InputError(f"experts of different seeds, folds or data: shapes {sorted(shapes)}")
    return outputs


def _system(
    name: str, number: int, members: Sequence[str], table: PairTable, oof: NDArray, final: NDArray
) -> System:
    return System(
        name,
        number,
        tuple(members),
        acceptance_score(oof[:, table.train_rows]),
        acceptance_score(final[:, table.test_rows]),
    )


def with_memory(system: System, table: PairTable, oof: NDArray, final: NDArray) -> System:
    """A system that also weighs the labels that equal pairs received in training.

    Validation rows see the labels of the other rows of their pair, never their own; the strength
    of the model's word is fitted on them. For a test row the model's word on a known pair comes
    from members that never saw the pair, so that its labels are not counted twice.
    """
    strength = float(np.mean([fit_strength(o, table) for o in oof]))
    others = other_rows(table)
    counts = table.counts[table.test_rows]
    return System(
        f"{system.name} + memory",
        system.table,
        system.members,
        np.stack(
            [
                acceptance_score(remember(normalise_outputs(o)[table.train_rows], others, strength))
                for o in oof
            ]
        ),
        np.stack(
            [
                acceptance_score(remember(normalise_outputs(o)[table.test_rows], counts, strength))
                for o in oof
            ]
        ),
        memory=strength,
    )


def majority_vote(systems: Sequence[System], table: PairTable, limits: Limits) -> System:
    """The FBK baseline: each network decides with its own threshold, the majority rules.

    The score is the share of networks that accept; ties are broken by how far the mean score lies
    above the mean threshold, squeezed below the weight of a vote.
    """
    parts: dict[str, list[NDArray]] = {"validation": [], "test": []}
    for system in systems:
        thresholds, _ = validation_metrics(system.validation, table, limits)
        for part, scores in (("validation", system.validation), ("test", system.test)):
            above = scores - np.array(thresholds)[:, None]
            parts[part].append((above >= 0) + 0.5 * np.tanh(above) / len(systems))
    return System(
        VOTE,
        1,
        tuple(m for s in systems for m in s.members),
        np.mean(parts["validation"], axis=0),
        np.mean(parts["test"], axis=0),
    )


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

    Writes out/systems.json (name, table, members, thresholds and validation metrics a seed),
    out/scores.npz (acceptance scores, `<i>.validation` and `<i>.test`), and for the best mixture
    out/gate.pt, out/credits.npy (seeds x N x k) and out/best.json. Nothing here reads a test label.
    Raises InputError unless there is at least one FBK network and one other expert.
    """
    table, grammar = load_data(data)
    limits = Limits(options.min_recall, options.min_rejection)
    outputs = load_experts(experts)
    if not any(map(is_fbk, outputs)) or all(map(is_fbk, outputs)):
        raise InputError("a mixture needs at least one FBK network and one other expert")
    averaged = {name: average_members(table, o) for name, o in outputs.items()}
    oof = {name: pair[0] for name, pair in averaged.items()}
    final = {name: pair[1] for name, pair in averaged.items()}
    seeds = len(next(iter(oof.values())))
    systems = [_grammar_match(table, grammar, seeds)]
    alone = [_system(n, 1, (n,), table, oof[n], final[n]) for n in outputs]
    systems.append(majority_vote([s for s in alone if is_fbk(s.name)], table, limits))
    systems += alone
    ranking = rank_experts(oof, table, limits)
    chosen = subsets(ranking)
    log.info("ranking: %s; subsets: %s", ranking, chosen)
    calibrated_oof, calibrated_final, exponents = _calibrated(oof, final, table)
    priors = class_priors(table)
    for name, members in chosen.items():
        for label, a, b in (("", oof, final), (", calibrated", calibrated_oof, calibrated_final)):
            joint = pseudo_joint([a[m] for m in members], priors)
            joint_final = pseudo_joint([b[m] for m in members], priors)
            full = f"pseudo-joint: {name}{label}"
            systems.append(_system(full, 2, members, table, joint, joint_final))
    gates: dict[str, Any] = {}
    best: tuple[float, str] = (-1.0, "")
    for name, members in chosen.items():
        log.info("gate of %s: %s", name, ", ".join(members))
        gate_options = GateOptions(options.gate_hidden, options.gate_epochs, seed=options.seed)
        gate = train_gate(concatenate([oof[m] for m in members]), table, gate_options)
        mixed, credits = apply_gate(gate, concatenate([oof[m] for m in members]))
        mixed_oof = average_members(table, mixed)[0]
        mixed, credits = apply_gate(gate, concatenate([final[m] for m in members]))
        mixed_final = mixed.mean(axis=1)
        system = _system(f"mixture: {name}", 3, members, table, mixed_oof, mixed_final)
        systems.append(system)
        _, rows = validation_metrics(system.validation, table, limits)
        value = float(np.mean([row["d_full"] for row in rows]))
        if value > best[0]:
            best = (value, system.name)
            gates = {
                "system": system,
                "gate": gate.state_dict(),
                "credits": credits.mean(axis=1),
                "oof": mixed_oof,
                "final": mixed_final,
            }
    systems.append(with_memory(gates["system"], table, gates["oof"], gates["final"]))
    best_alone = next(e for e in ranking["d_full"])
    base = next(s for s in alone if s.name == best_alone)
    systems.append(with_memory(base, table, oof[best_alone], final[best_alone]))
    with atomic_directory(out) as part:
        _write(part, systems, table, limits, options)
        torch.save(gates["gate"], part / "gate.pt")
        np.save(part / "credits.npy", gates["credits"].astype(np.float32))
        np.save(part / "mixed.npy", gates["final"].astype(np.float32))
        np.save(part / "mixed_oof.npy", gates["oof"].astype(np.float32))
        summary = {
            "best": best[1],
            "members": list(gates["system"].members),
            "gate_hidden": list(options.gate_hidden),
            "memory": systems[-2].memory,
            "ranking": ranking,
            "exponents": exponents,
            "best_expert": best_alone,
        }
        (part / "best.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _grammar_match(table: PairTable, grammar: Mapping[str, Any], seeds: int) -> System:
    found = np.array(
        [
            p in grammar and r in grammar[p].responses
            for p, r in zip(table.prompts, table.responses, strict=True)
        ],
        float,
    )
    validation, test = found[table.train_rows], found[table.test_rows]
    return System(GRAMMAR, 1, (), np.tile(validation, (seeds, 1)), np.tile(test, (seeds, 1)))


def _write(
    part: Path, systems: list[System], table: PairTable, limits: Limits, options: MixtureOptions
) -> None:
    rows: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for i, system in enumerate(systems):
        thresholds, metrics = validation_metrics(system.validation, table, limits)
        rows.append(
            {
                "name": system.name,
                "table": system.table,
                "members": list(system.members),
                "memory": system.memory,
                "thresholds": thresholds,
                "validation": metrics,
            }
        )
        arrays[f"{i}.validation"] = system.validation
        arrays[f"{i}.test"] = system.test
    content = {"options": asdict(options), "systems": rows}
    (part / "systems.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    np.savez(part / "scores.npz", **arrays)
