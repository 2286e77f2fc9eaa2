"""Stage `proficiency_tables`: Tables 1 to 3 of Papi et al. on the test rows, with explanations."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pyscorer.contract.files import atomic_directory
from pyscorer.contract.tables import read_frame
from pyscorer.contract.weights import load_array, load_arrays
from pyscorer.evaluation.acceptance import count_decisions, mean_d_full_interval, paired_bootstrap
from pyscorer.evaluation.metrics import sd_of_seeds
from pyscorer.options import option
from pyscorer.proficiency import fbk
from pyscorer.proficiency.build_systems import GRAMMAR, VOTE
from pyscorer.proficiency.class_tables import class_tables, nearest, words_of
from pyscorer.proficiency.pairs import PairTable, average_members, load_data
from pyscorer.proficiency.proficiency_html import (
    PUBLISHED_BEST,
    write_markdown,
    write_page,
    write_plot,
)
from pyscorer.proficiency.systems import SystemKey, Systems, load_systems
from pyscorer.proficiency.task import Rule
from pyscorer.proficiency.train_mixture import load_experts

log = logging.getLogger(__name__)

PUBLISHED = (
    {"model": "grammar match on RecResult, edition 2", "d_full": 4.62},
    {"model": "CSU-K rule system, edition 2", "d": 10.08, "d_full": 4.75},
    {"model": "Birmingham, own recogniser, edition 2", "d_full": 7.38},
    {"model": "grammar match on perfect transcripts, edition 2", "d_full": 9.77},
)
"""Published and reference figures of edition 2's test set, as the data's description gives them."""

METRICS = ("d_full", "d", "d_a", "accuracy", "f1", "f1_weighted", "recall", "rejection")
COUNTS = ("ca", "fr", "cr", "pfa", "gfa")


@dataclass(frozen=True)
class TableOptions:
    """How the tables are made."""

    samples: int = option(1000, "bootstrap resamples", ge=1)
    seed: int = option(1, "seed of the bootstrap", ge=0)
    paper: Path | None = option(
        None, "CSV of the paper's values: model, d_full (its test set was edition 3's)"
    )


def decisions(scores: NDArray, thresholds: list[float]) -> NDArray[np.bool_]:
    """seeds x rows scores against a threshold a seed."""
    accepted: NDArray[np.bool_] = scores >= np.array(thresholds)[:, None]
    return accepted


def summarise(accepted: NDArray, labels: NDArray, prefix: str = "") -> dict[str, float]:
    """Mean and sd over seeds of every metric, and mean counts, of seeds x rows decisions."""
    rows = pd.DataFrame([count_decisions(a, labels).as_row() for a in accepted])
    summary: dict[str, float] = {}
    for name in METRICS:
        values = rows[name].to_numpy()
        summary[f"{prefix}{name}"] = float(values.mean())
        summary[f"{prefix}{name}_sd"] = sd_of_seeds(values)
    return summary | {f"{prefix}{name}": float(rows[name].mean()) for name in COUNTS}


def system_rows(
    table: PairTable, systems: Systems, scores: Any, options: TableOptions
) -> tuple[pd.DataFrame, dict[SystemKey, NDArray]]:
    """One row a system, and its test decisions."""
    labels, seen = table.test_labels, table.test_seen
    rows, accepted = [], {}
    for i, (key, system) in enumerate(zip(systems.keys, systems.rows, strict=True)):
        yes = decisions(scores[f"{i}.test"], system["thresholds"])
        accepted[key] = yes
        low, high = mean_d_full_interval(yes, labels, options.samples, options.seed)
        names = ("d_full", "recall", "rejection")
        validation = {
            f"validation_{n}": float(np.mean([row[n] for row in system["validation"]]))
            for n in names
        }
        rows.append(
            {"table": system["table"], "model": key.shown, "seeds": len(yes)}
            | {"members": " ".join(system["members"])}
            | summarise(yes, labels)
            | {"d_full_low": low, "d_full_high": high}
            | summarise(yes[:, seen], labels[seen], "seen_")
            | summarise(yes[:, ~seen], labels[~seen], "unseen_")
            | validation
            | {"exam_d_full": system["validation_value"], "gross_weight": system["gross"]}
            | {"threshold": float(np.mean(system["thresholds"]))}
        )
    return pd.DataFrame(rows), accepted


def explanations(
    table: PairTable,
    references: fbk.References,
    accepted: NDArray,
    score: NDArray,
    experts: dict[str, NDArray],
    credits: NDArray,
) -> pd.DataFrame:
    """One row a test response, of one seed: decision, edits, each expert's word and credit.

    accepted, score: rows. experts: member -> N x 4 outputs. credits: N x k in the members' order.
    """
    rows = []
    rule = Rule(table.classes)
    for n, response in enumerate(table.test):
        pair = table.test_rows[n]
        row: dict[str, Any] = {
            "id": response.id,
            "prompt": response.prompt,
            "response": response.recognised,
            "decision": "accept" if accepted[n] else "reject",
            "right": bool(accepted[n] == (response.label == 0)),
            "score": round(float(score[n]), 3),
        }
        row |= nearest(references, response)
        row["rows_in_training"] = int(table.counts[pair].sum())
        row["accepted_in_training"] = int(table.counts[pair, 0])
        rows.append(row | words_of(experts, credits, pair, rule))
    return pd.DataFrame(rows)


def proficiency_tables(
    data: Path, experts: list[Path], mixture: Path, out: Path, options: TableOptions
) -> None:
    """Judge the test rows with every system and write what came out.

    Writes out/table{1,2,3}.csv, out/all.csv, out/comparisons.csv (paired bootstrap of the best
    mixture), out/explanations.csv, out/d_full.png, out/tables.md and out/proficiency.html.
    Thresholds are those chosen on training rows. Where items are rows, the tables are those of
    `class_tables`.
    """
    table, grammar = load_data(data)
    outputs, _ = load_experts(experts)
    systems = load_systems(mixture)
    best, expert, final = systems.mixture, systems.expert, systems.final
    scores = load_arrays(mixture / "scores.npz", "train_mixture")
    credits = load_array(mixture / "credits.npy", "train_mixture")[0]
    if table.by == "row":
        class_tables(
            table, grammar, systems, scores, outputs, credits, out, options.samples, options.seed
        )
        log.info("best mixture %s; tables in %s", best.shown, out)
        return
    frame, accepted = system_rows(table, systems, scores, options)
    score = scores[f"{systems.keys.index(final)}.test"][0]
    frame = _with_published(frame, options.paper)
    comparisons = []
    rivals = [k for k in (expert, SystemKey(VOTE), SystemKey(GRAMMAR)) if k in accepted]
    pairs = [(best, rival) for rival in rivals]
    pairs += [(final, rival) for rival in (*rivals, expert.remembering, best)]
    english, german = SystemKey("LSTM-BERT"), SystemKey("LSTM-BERT-DE")
    if {english, german} <= accepted.keys():
        pairs.append((english, german))
    for system, rival in pairs:
        difference, p = paired_bootstrap(
            accepted[system], accepted[rival], table.test_labels, options.samples, options.seed
        )
        comparisons.append(
            {"model": system.shown, "against": rival.shown}
            | {"difference": difference, "p_not_better": p}
        )
    members = {m: average_members(table, outputs[m])[1][0] for m in systems.best["members"]}
    explained = explanations(
        table,
        fbk.tokenise_grammar(grammar),
        accepted[final][0],
        score,
        members,
        credits,
    )
    with atomic_directory(out) as part:
        for number in (1, 2, 3):
            frame[frame["table"] == number].to_csv(part / f"table{number}.csv", index=False)
        frame.to_csv(part / "all.csv", index=False)
        pd.DataFrame(comparisons).to_csv(part / "comparisons.csv", index=False)
        explained.to_csv(part / "explanations.csv", index=False)
        write_plot(part / "d_full.png", frame, published=PUBLISHED_BEST)
        write_markdown(part / "tables.md", frame, pd.DataFrame(comparisons))
        write_page(part / "proficiency.html", frame, pd.DataFrame(comparisons), explained, final)
    log.info("best mixture %s; tables in %s", best.shown, out)


def _with_published(frame: pd.DataFrame, paper: Path | None) -> pd.DataFrame:
    frame = frame.copy()
    frame["paper_d_full"] = np.nan
    if paper is not None:
        values = read_frame(paper, ["model", "d_full"], text=["model"], gaps=["d_full"])
        known = dict(zip(values["model"], values["d_full"], strict=True))
        frame["paper_d_full"] = frame["model"].map(known)
    published = pd.DataFrame([{"table": 0, **row} for row in PUBLISHED])
    return pd.concat([frame, published], ignore_index=True)
