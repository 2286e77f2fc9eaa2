"""Stage `train_mixture`: every model of Tables 1 to 3, tuned on training rows alone."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from pyscorer.contract.files import atomic_directory, read_json
from pyscorer.contract.weights import load_array, save_weights
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.combine import (
    acceptance_score,
    apply_temperature,
    class_priors,
    normalise_outputs,
    other_rows,
    pseudo_joint,
    remember,
    temperature,
)
from pyscorer.proficiency.mixture import GateOptions, apply_gate, concatenate, train_gate
from pyscorer.proficiency.pairs import PairTable, average_members, load_data
from pyscorer.proficiency.selection import (
    Choice,
    Limits,
    Validation,
    build_validation,
    choose,
    choose_scores,
    is_fbk,
    rank_experts,
    subsets,
)

log = logging.getLogger(__name__)

VOTE = "FBK baseline (majority vote)"
GRAMMAR = "grammar match"
STRENGTHS = (1.0, 2.0, 4.0, 8.0)
"""How many labels of equal pairs a model's word may weigh."""
STRENGTH_GROSS = (2.0,)
"""The weight of wrong meanings while the strength is chosen."""


@dataclass(frozen=True)
class MixtureOptions:
    """Constraints of thresholds and training of gates."""

    min_recall: float = option(0.85, "of right responses, on validation", ge=0, le=1)
    min_rejection: float = option(0.5, "of wrong responses, on validation", ge=0, le=1)
    validation_ids: str = option("", "pattern of the training ids to choose on; all if empty")
    exams: int = option(200, "test sets drawn from validation rows to choose thresholds", ge=1)
    gate_epochs: int = option(5, "passes over the training pairs", ge=1)
    gate_hidden: tuple[PositiveInt, ...] = option(
        (), "hidden sizes of every gate; the paper's if empty"
    )
    seed: int = option(1, "seed of the gates", ge=0)


@dataclass(frozen=True)
class System:
    """One row of a table: its choice on validation rows, its scores of test rows (seeds x rows)."""

    base: str
    table: int
    members: tuple[str, ...]
    choice: Choice
    validation: NDArray
    test: NDArray
    memory: float | None = None
    """How many labels of equal pairs its word weighs, where it also remembers known pairs."""


def load_experts(folders: Sequence[Path]) -> dict[str, NDArray]:
    """Expert -> outputs (seeds x groups x N x 4) of the folders that `train_expert` wrote."""
    outputs: dict[str, NDArray] = {}
    for folder in folders:
        settings = read_json(folder / "architecture.json", ["expert"])
        outputs[settings["expert"]] = load_array(folder / "outputs.npy", "train_expert")
    shapes = {(len(o), *o.shape[2:]) for o in outputs.values()}
    if len(shapes) > 1:
        raise InputError(f"experts of different seeds or data: shapes {sorted(shapes)}")
    return outputs


def _system(
    base: str,
    number: int,
    members: Sequence[str],
    outputs: tuple[NDArray, NDArray],
    validation: Validation,
    memory: float | None = None,
) -> System:
    """outputs: seeds x training rows x 4, out of fold, and seeds x test rows x 4."""
    choice = choose(outputs[0], validation)
    scores = [acceptance_score(o, choice.gross) for o in outputs]
    return System(base, number, tuple(members), choice, scores[0], scores[1], memory)


def _of_rows(table: PairTable, oof: NDArray, final: NDArray) -> tuple[NDArray, NDArray]:
    return oof[:, table.train_rows], final[:, table.test_rows]


def with_memory(
    base: str,
    number: int,
    members: Sequence[str],
    table: PairTable,
    oof: NDArray,
    validation: Validation,
) -> System:
    """A system that also weighs the labels that equal pairs received in training.

    Validation rows see the labels that other speakers' rows of their pair received; the strength
    of the model's word is chosen on them. For a test row the model's word on a known pair comes
    from members that never saw the pair, so that its labels are not counted twice.
    """
    known = normalise_outputs(oof)
    others, counts = other_rows(table), table.counts[table.test_rows]

    def remembered(strength: float) -> NDArray:
        return np.stack([remember(o[table.train_rows], others, strength) for o in known])

    values = {a: choose(remembered(a), validation, STRENGTH_GROSS).d_full for a in STRENGTHS}
    strength = max(STRENGTHS, key=lambda a: values[a])
    test = np.stack([remember(o[table.test_rows], counts, strength) for o in known])
    outputs = (remembered(strength), test)
    return _system(base, number, members, outputs, validation, strength)


def majority_vote(systems: Sequence[System], validation: Validation) -> System:
    """The FBK baseline: each network decides with its own threshold, the majority rules.

    The score is the share of networks that accept; ties are broken by how far the mean score lies
    above the mean threshold, squeezed below the weight of a vote.
    """
    parts: dict[str, list[NDArray]] = {"validation": [], "test": []}
    for system in systems:
        for part, scores in (("validation", system.validation), ("test", system.test)):
            above = scores - np.array(system.choice.thresholds)[:, None]
            parts[part].append((above >= 0) + 0.5 * np.tanh(above) / len(systems))
    voted, test = (np.mean(parts[part], axis=0) for part in ("validation", "test"))
    members = tuple(m for s in systems for m in s.members)
    return System(VOTE, 1, members, choose_scores(voted, validation), voted, test)


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
    seed), out/scores.npz (acceptance scores, `<i>.validation` and `<i>.test`), and for the best
    mixture out/gate.pt, out/credits.npy (seeds x N x k) and out/best.json. Nothing here reads a
    test label.
    Raises InputError unless there is at least one FBK network and one other expert.
    """
    table, grammar = load_data(data)
    limits = Limits(options.min_recall, options.min_rejection)
    matches = _grammar_matches(table, grammar)
    validation = build_validation(
        table, limits, options.validation_ids, matches, options.exams, options.seed
    )
    outputs = load_experts(experts)
    if not any(map(is_fbk, outputs)) or all(map(is_fbk, outputs)):
        raise InputError("a mixture needs at least one FBK network and one other expert")
    averaged = {name: average_members(table, o) for name, o in outputs.items()}
    oof = {name: pair[0] for name, pair in averaged.items()}
    final = {name: pair[1] for name, pair in averaged.items()}
    systems = [_grammar_match(table, matches, len(next(iter(oof.values()))), validation)]
    alone = {n: _system(n, 1, (n,), _of_rows(table, oof[n], final[n]), validation) for n in outputs}
    systems.append(majority_vote([s for s in alone.values() if is_fbk(s.base)], validation))
    systems += alone.values()
    systems += [with_memory(n, 1, (n,), table, oof[n], validation) for n in outputs]
    ranking = rank_experts({name: system.choice for name, system in alone.items()})
    chosen = subsets(ranking)
    log.info("ranking: %s; subsets: %s", ranking, chosen)
    calibrated_oof, calibrated_final, exponents = _calibrated(oof, final, table)
    priors = class_priors(table)
    for name, members in chosen.items():
        for label, a, b in (("", oof, final), (", calibrated", calibrated_oof, calibrated_final)):
            joint = pseudo_joint([a[m] for m in members], priors)
            joint_final = pseudo_joint([b[m] for m in members], priors)
            full = f"pseudo-joint: {name}{label}"
            rows = _of_rows(table, joint, joint_final)
            systems.append(_system(full, 2, members, rows, validation))
            systems.append(with_memory(full, 2, members, table, joint, validation))
    gates: dict[str, Any] = {}
    for name, members in chosen.items():
        log.info("gate of %s: %s", name, ", ".join(members))
        gate_options = GateOptions(options.gate_hidden, options.gate_epochs, seed=options.seed)
        gate = train_gate(concatenate([oof[m] for m in members]), table, gate_options)
        mixed, _ = apply_gate(gate, concatenate([oof[m] for m in members]))
        mixed_oof = average_members(table, mixed)[0]
        mixed, credits = apply_gate(gate, concatenate([final[m] for m in members]))
        mixed_final = mixed.mean(axis=1)
        full = f"mixture: {name}"
        rows = _of_rows(table, mixed_oof, mixed_final)
        system = _system(full, 3, members, rows, validation)
        remembering = with_memory(full, 3, members, table, mixed_oof, validation)
        systems += [system, remembering]
        log.info(
            "validation D_full %.2f, with memory %.2f",
            system.choice.d_full,
            remembering.choice.d_full,
        )
        if not gates or remembering.choice.d_full > gates["remembering"].choice.d_full:
            gates = {
                "system": system,
                "remembering": remembering,
                "gate": gate.state_dict(),
                "credits": credits.mean(axis=1),
                "oof": mixed_oof,
                "final": mixed_final,
            }
    with atomic_directory(out) as part:
        _write(part, systems, options)
        save_weights(part / "gate.pt", gates["gate"])
        np.save(part / "credits.npy", gates["credits"].astype(np.float32))
        np.save(part / "mixed.npy", gates["final"].astype(np.float32))
        np.save(part / "mixed_oof.npy", gates["oof"].astype(np.float32))
        summary = {
            "base": gates["system"].base,
            "memory": gates["remembering"].memory,
            "members": list(gates["system"].members),
            "gate_hidden": list(options.gate_hidden),
            "ranking": ranking,
            "exponents": exponents,
            "best_expert": ranking["d_full"][0],
        }
        (part / "best.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _grammar_matches(table: PairTable, grammar: Mapping[str, Any]) -> NDArray[np.bool_]:
    return np.array(
        [
            p in grammar and r in grammar[p].responses
            for p, r in zip(table.prompts, table.responses, strict=True)
        ]
    )


def _grammar_match(
    table: PairTable, matches: NDArray[np.bool_], seeds: int, validation: Validation
) -> System:
    found = matches.astype(float)
    trained, test = (np.tile(found[r], (seeds, 1)) for r in (table.train_rows, table.test_rows))
    return System(GRAMMAR, 1, (), choose_scores(trained, validation), trained, test)


def _write(part: Path, systems: list[System], options: MixtureOptions) -> None:
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
                "validation": system.choice.metrics,
                "validation_d_full": system.choice.d_full,
            }
        )
        arrays[f"{i}.validation"] = system.validation
        arrays[f"{i}.test"] = system.test
    content = {"options": asdict(options), "systems": rows}
    (part / "systems.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    np.savez(part / "scores.npz", **arrays)
