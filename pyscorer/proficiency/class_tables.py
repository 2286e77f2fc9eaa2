"""The tables of responses that are recordings: every metric with its interval over speakers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pyscorer.contract.files import atomic_directory
from pyscorer.corpora.spoken_call import Grammar, Response
from pyscorer.evaluation.class_metrics import unit_weights
from pyscorer.evaluation.metrics import percentile_interval, sd_of_seeds
from pyscorer.proficiency import fbk
from pyscorer.proficiency.class_pages import write_class_markdown, write_class_page
from pyscorer.proficiency.decisions import METRICS, Decisions, metrics_of
from pyscorer.proficiency.edits import closest, marked
from pyscorer.proficiency.pairs import PairTable, average_members
from pyscorer.proficiency.proficiency_html import write_plot
from pyscorer.proficiency.systems import SystemKey, Systems
from pyscorer.proficiency.task import CRITERIA, Rule

SMOOTHING = 0.5
"""What every count of D_full gets in resamples (`decisions.metrics_of`)."""
LESS_IS_BETTER = ("log_loss", "brier", "calibration_error")


@dataclass(frozen=True)
class Measured:
    """Metrics of one system on the test rows: of every seed, and of resamples the seeds' mean."""

    seeds: dict[str, NDArray]
    resampled: dict[str, NDArray]

    def difference(self, other: "Measured", metric: str) -> dict[str, float]:
        """Of the seeds' means, with its interval and how many resamples say that it is better."""
        drawn = self.resampled[metric] - other.resampled[metric]
        low, high = percentile_interval(drawn)
        sign = -1 if metric in LESS_IS_BETTER else 1
        known = drawn[~np.isnan(drawn)]
        with np.errstate(invalid="ignore"):  # D_full may be infinite in both
            difference = self.seeds[metric].mean() - other.seeds[metric].mean()
        return {
            "difference": float(difference),
            "low": low,
            "high": high,
            "better": float((sign * known > 0).mean()) if len(known) else math.nan,
        }


def measure(
    systems: Systems, scores: Mapping[str, NDArray], labels: NDArray, weights: NDArray
) -> dict[SystemKey, Measured]:
    """Metrics of every system; weights: samples x rows, those of the resamples."""
    found = {}
    once = np.ones((1, len(labels)))
    for i, key in enumerate(systems.keys):
        posteriors = scores.get(f"{i}.posteriors")
        seeds, resampled = [], []
        for seed, rule in enumerate(systems.seed_rules(key)):
            said = None if posteriors is None else posteriors[seed]
            decisions = Decisions.of_scores(rule, scores[f"{i}.test"][seed], said)
            seeds.append(metrics_of(decisions, labels, once))
            resampled.append(metrics_of(decisions, labels, weights, SMOOTHING))
        found[key] = Measured(
            {name: np.concatenate([row[name] for row in seeds]) for name in seeds[0]},
            {name: np.mean([row[name] for row in resampled], axis=0) for name in seeds[0]},
        )
    return found


def class_rows(systems: Systems, measured: Mapping[SystemKey, Measured]) -> pd.DataFrame:
    """One row a system: every metric with sd over seeds and interval over speakers."""
    rows = []
    for key, system in zip(systems.keys, systems.rows, strict=True):
        row: dict[str, Any] = {"table": system["table"], "model": key.shown}
        row |= {"seeds": len(system["validation"]), "members": " ".join(system["members"])}
        for name, values in measured[key].seeds.items():
            row[name] = float(values.mean())
            row[f"{name}_sd"] = sd_of_seeds(values)
            row[f"{name}_low"], row[f"{name}_high"] = percentile_interval(
                measured[key].resampled[name]
            )
        thresholds = system["thresholds"]
        row["threshold"] = float(np.mean(thresholds)) if thresholds else math.nan
        rows.append(row | {"validation": system["validation_value"]})
    return pd.DataFrame(rows)


def rivals(systems: Systems) -> dict[str, SystemKey]:
    """What the chosen mixture is held against, each chosen on validation: its best expert alone,
    and the best of text alone and of sound alone, a single expert or a combination.
    """
    groups = systems.best["groups"]
    members = systems.best["members"]
    ranked = next(iter(systems.best["ranking"].values()))
    found = {"its best single expert": SystemKey(next(e for e in ranked if e in members))}
    for group, name in (
        ("text", "the best of text alone"),
        ("acoustic", "the best of sound alone"),
    ):
        of_group = [
            (row["validation_value"], SystemKey(row["base"]))
            for row in systems.rows
            if row["table"] in (1, 2, 3)
            and row["members"]
            and all(groups[m] == group for m in row["members"])
        ]
        if of_group:
            found[name] = max(of_group, key=lambda pair: pair[0])[1]
    return {name: key for name, key in found.items() if key != systems.final}


def compare(systems: Systems, measured: Mapping[SystemKey, Measured]) -> pd.DataFrame:
    """Paired bootstrap over speakers: the chosen mixture against its rivals and its ablations."""
    final = systems.final
    against = rivals(systems)
    ablated = [row["base"] for row in systems.rows if row["table"] > 3]
    pairs = [*against.items(), *(("itself", SystemKey(base)) for base in ablated)]
    rows = [
        {"model": final.shown, "against": role, "which": rival.shown, "metric": metric}
        | measured[final].difference(measured[rival], metric)
        for role, rival in pairs
        for metric in METRICS[systems.classes.kind]
        if metric in measured[rival].seeds
    ]
    return pd.DataFrame(rows)


def explain(
    table: PairTable,
    grammar: Grammar,
    systems: Systems,
    posteriors: NDArray,
    experts: Mapping[str, NDArray],
    credits: NDArray,
) -> pd.DataFrame:
    """One row a test response, of the first seed: decision, edits, each expert's word and credit.

    posteriors: test rows x classes of the chosen mixture. experts: member -> N x classes. credits:
    N x k in the members' order.
    """
    references = fbk.tokenise_grammar(grammar)
    names = table.classes.names
    rule = systems.seed_rules(systems.final)[0]
    scores, decided = rule.score(posteriors), rule.decide(posteriors)
    rows = []
    speakers = table.speakers[len(table.train) :]
    for n, (response, speaker) in enumerate(zip(table.test, speakers, strict=True)):
        item = table.test_rows[n]
        wrong = decided[n] != response.label
        if not table.classes.ordinal:
            wrong = (decided[n] == 0) != (response.label == 0)
        row: dict[str, Any] = {
            "id": response.id,
            "speaker": speaker,
            "prompt": response.prompt,
            "response": response.recognised,
            "human": names[response.label],
            "decided": names[decided[n]],
            "right": not wrong,
            "score": round(float(scores[n]), 3),
        }
        if grammar:
            row |= nearest(references, response)
        rows.append(row | words_of(experts, credits, item, rule))
    return pd.DataFrame(rows)


def nearest(references: fbk.References, response: Response) -> dict[str, Any]:
    """What explanations say of the accepted response that is closest."""
    known = references.responses.get(response.prompt)
    cost, edits = closest(tuple(response.recognised.split()), known)
    accepted = " ".join(e.reference for e in edits if e.reference)
    return {"closest_accepted": accepted, "edits": marked(edits), "edit_cost": round(cost, 2)}


def words_of(
    experts: Mapping[str, NDArray], credits: NDArray, item: int, rule: Rule
) -> dict[str, float]:
    """What explanations say of each expert: its score of an item, and its credit there."""
    said: dict[str, float] = {}
    for k, (name, outputs) in enumerate(experts.items()):
        said[f"{name} says"] = round(float(rule.score(outputs[item])), 3)
        said[f"{name} credit"] = round(float(credits[item, k]), 3)
    return said


def class_tables(
    table: PairTable,
    grammar: Grammar,
    systems: Systems,
    scores: Mapping[str, NDArray],
    outputs: Mapping[str, NDArray],
    credits: NDArray,
    out: Path,
    samples: int,
    seed: int,
) -> pd.DataFrame:
    """Write out/{table1,table2,table3,ablation,all,comparisons,explanations}.csv, the plot of the
    metric that chooses, tables.md and proficiency.html; return the rows.

    outputs: expert -> seeds x groups x N x classes; credits: N x k of the first seed. Resamples
    draw whole speakers of the test rows.
    """
    speakers = table.speakers[len(table.train) :]
    weights = unit_weights(speakers, samples, seed)
    measured = measure(systems, scores, table.test_labels, weights)
    frame, comparisons = class_rows(systems, measured), compare(systems, measured)
    experts = {m: average_members(table, outputs[m])[1][0] for m in systems.best["members"]}
    posteriors = scores[f"{systems.keys.index(systems.final)}.posteriors"][0]
    explained = explain(table, grammar, systems, posteriors, experts, credits)
    metric = CRITERIA[table.classes.kind][0]
    with atomic_directory(out) as part:
        for number, name in enumerate(("table1", "table2", "table3", "ablation"), 1):
            frame[frame["table"] == number].to_csv(part / f"{name}.csv", index=False)
        frame.to_csv(part / "all.csv", index=False)
        comparisons.to_csv(part / "comparisons.csv", index=False)
        explained.to_csv(part / "explanations.csv", index=False)
        write_plot(part / f"{metric}.png", frame, metric)
        write_class_markdown(part / "tables.md", frame, comparisons, table.classes)
        write_class_page(
            part / "proficiency.html",
            frame,
            comparisons,
            explained,
            systems,
            len(set(speakers)),
        )
    return frame
