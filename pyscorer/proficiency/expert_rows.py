"""What Papi et al.'s tables say of a system, in cross-validation and on test rows."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pyscorer.contract.files import read_json
from pyscorer.contract.weights import load_arrays
from pyscorer.errors import InputError
from pyscorer.evaluation.acceptance import count_decisions, mean_metrics, resample
from pyscorer.evaluation.metrics import percentile_interval, sd_of_seeds
from pyscorer.evaluation.published import neurons, published, rows
from pyscorer.proficiency.crossed_decisions import learnt_pairs
from pyscorer.proficiency.pairs import PairTable, speaker_of

METRICS = ("d_full", "accuracy", "f1")
DECIDED = {False: "the largest output", True: "tuned thresholds"}
"""Whether thresholds are tuned -> what decides."""


@dataclass(frozen=True)
class Tested:
    """Rows on which every system is tested.

    title: what the tables call them. part: where decisions of them are, see `combine_experts`.
    rows: those of the part that count. labels, seen: of these, and whether the pair occurs in what
    the networks that judge it were trained on. weights: resamples x rows.
    """

    title: str
    part: str
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    seen: NDArray[np.bool_]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Combined:
    """What `combine_experts` wrote: systems, what validation chose, and decisions."""

    systems: list[dict[str, Any]]
    best: dict[str, str]
    decisions: Mapping[str, NDArray]

    def accepted(self, name: str, tested: Tested, tuned: bool = False) -> NDArray[np.bool_]:
        """Seeds x rows: whether a system accepts them."""
        number = next(i for i, system in enumerate(self.systems) if system["name"] == name)
        found = self.decisions[f"{number}.{tested.part}{'.tuned' if tuned else ''}"]
        return found[:, tested.rows].astype(bool)

    def named(self, **wanted: Any) -> list[str]:
        """Names of the systems with these values, in their order."""
        return [s["name"] for s in self.systems if all(s[k] == v for k, v in wanted.items())]


def load_combined(folder: Path) -> Combined:
    """Read what `combine_experts` wrote. Raises InputError where it did not."""
    try:
        found = read_json(folder / "systems.json", ["systems", "best"])
    except InputError as error:
        raise InputError(f"{error}: run combine_experts") from None
    decisions = load_arrays(folder / "decisions.npz", "combine_experts")
    return Combined(found["systems"], found["best"], decisions)


def parts_tested(table: PairTable, samples: int, seed: int) -> list[Tested]:
    """Cross-validation over training rows, then the test rows as either recogniser heard them.

    Resampled are rows, where folds are of speakers speakers.
    """
    counted = np.flatnonzero(table.tested)
    seen = learnt_pairs(table)[counted]
    units = np.arange(len(counted))
    if table.split == "speakers":
        units = np.unique([speaker_of(table.train[i]) for i in counted], return_inverse=True)[1]
    title = "cross-validation over " + ("speakers" if table.split == "speakers" else "rows")
    parts = [
        Tested(title, "tested", counted, table.train_labels[counted], seen,
               resample(units, samples, seed))
    ]  # fmt: skip
    each = np.arange(len(table.test_rows))
    weights = resample(each, samples, seed)
    heard = [("test rows", "test", table.test_rows)]
    heard.append(("test rows, second recogniser", "second", table.second_rows))
    parts += [
        Tested(title, part, each, table.test_labels, table.seen(items), weights)
        for title, part, items in heard
        if len(items)
    ]
    return parts


def result(combined: Combined, name: str, tested: Tested) -> dict[str, float]:
    """Metrics of one system on some rows, of all as mean, sd, and bounds of the 95 % interval.

    By the largest output; with tuned thresholds as `tuned_...`, and those of seen and unseen pairs
    as `seen_d_full` and `unseen_d_full`.
    """
    found: dict[str, float] = {}
    for prefix, tuned in (("", False), ("tuned_", True)):
        accepted = combined.accepted(name, tested, tuned)
        counts = pd.DataFrame([count_decisions(a, tested.labels).as_row() for a in accepted])
        resampled = mean_metrics(accepted, tested.labels, tested.weights)
        for metric in METRICS:
            values = counts[metric].to_numpy()
            found[f"{prefix}{metric}"] = float(values.mean())
            found[f"{prefix}{metric}_sd"] = sd_of_seeds(values)
            low, high = percentile_interval(resampled[metric])
            found |= {f"{prefix}{metric}_low": low, f"{prefix}{metric}_high": high}
        for rate in ("recall", "rejection"):
            found[f"{prefix}{rate}"] = float(counts[rate].mean())
        if not tuned:
            found |= {n: float(counts[n].mean()) for n in ("ca", "fr", "cr", "pfa", "gfa")}
            found |= _of_pairs(accepted, tested)
    return found


def _of_pairs(accepted: NDArray, tested: Tested) -> dict[str, float]:
    found = {}
    for prefix, rows_of in (("seen", tested.seen), ("unseen", ~tested.seen)):
        values = [count_decisions(a[rows_of], tested.labels[rows_of]).d_full for a in accepted]
        found[f"{prefix}_rows"] = float(rows_of.sum())
        found[f"{prefix}_d_full"] = float(np.mean(values))
    return found


def paper_figures(name: str) -> dict[str, float]:
    """The paper's figures of a row of its Tables 2 and 3, accuracy as a share; none of others."""
    for table in ("2", "3"):
        if name in rows("papi2020", table):
            found = published("papi2020", table, name)
            if "accuracy" in found:
                found["accuracy"] = round(found["accuracy"] / 100, 3)
            return {f"paper_{metric}": value for metric, value in found.items()}
    return {}


def all_results(combined: Combined, parts: Sequence[Tested]) -> pd.DataFrame:
    """A row a system and part: see `result`; with what it is and the paper's figures."""
    found = []
    for tested in parts:
        for system in combined.systems:
            what = {key: system[key] for key in ("name", "kind", "group")}
            found.append(
                {"tested_on": tested.title}
                | {"model": what.pop("name")}
                | what
                | {"members": " ".join(system["members"])}
                | result(combined, system["name"], tested)
                | {f"validation_{m}": system["validation"][m] for m in METRICS}
                | {f"paper_{m}": np.nan for m in METRICS}
                | paper_figures(system["name"])
            )
    return pd.DataFrame(found)


def compare(combined: Combined, parts: Sequence[Tested]) -> pd.DataFrame:
    """Paired bootstrap of D_full: what validation chose, and the paper's combinations, against the
    best of their members on validation rows and against the FBK baseline.

    Of the seeds that both have (`seeds`): single seeds differ by more than systems do. Counts get
    0.5 each, so that differences are finite. better: share of resamples.
    """
    by_name = {system["name"]: system for system in combined.systems}
    value = {name: system["validation"]["d_full"] for name, system in by_name.items()}
    asked = dict.fromkeys(
        [
            *(combined.best[key] for key in ("mixture", "pseudo-joint")),
            *combined.named(kind="pseudo-joint", group="paper"),
            *combined.named(kind="mixture", group="paper"),
            *(v for k, v in combined.best.items() if k in ("own_mixture", "own_pseudo-joint")),
        ]
    )
    (baseline,) = combined.named(kind="vote")
    rivals = {
        name: (max(by_name[name]["members"], key=lambda m: value[m]), baseline) for name in asked
    }
    found = []
    for tested, tuned in itertools.product(parts, (False, True)):
        # The rows as they are come first.
        weights = np.vstack([np.ones(len(tested.rows), np.float32), tested.weights])
        accepted = {
            name: combined.accepted(name, tested, tuned)
            for name in set(asked).union(*rivals.values())
        }
        for name in asked:
            for rival in rivals[name]:
                seeds = min(len(accepted[name]), len(accepted[rival]))
                ours, theirs = (
                    mean_metrics(accepted[n][:seeds], tested.labels, weights)["d_full"]
                    for n in (name, rival)
                )
                difference = ours - theirs
                low, high = percentile_interval(difference[1:])
                found.append(
                    {"tested_on": tested.title, "decided_by": DECIDED[tuned]}
                    | {"model": name, "against": rival, "seeds": seeds}
                    | {"difference": float(difference[0])}
                    | {"difference_low": low, "difference_high": high}
                    | {"better": float((difference[1:] > 0).mean())}
                )
    return pd.DataFrame(found)


def architecture_rows(experts: Sequence[Path]) -> pd.DataFrame:
    """Table 1: layers and neurons of each network as printed and as built."""
    found = []
    for folder in experts:
        settings = read_json(folder / "architecture.json", ["expert", "n_in", "hidden"])
        name = settings["expert"]
        built = [settings["n_in"], *settings["hidden"], 4]
        printed: Sequence[int] = ()
        if name in rows("papi2020", "1"):
            printed = neurons("1", name)
        if settings.get("trees"):
            found.append({"network": name, "neurons": f"{settings['trees']} trees"})
            continue
        found.append(
            {"network": name, "layers": len(built), "neurons": "-".join(map(str, built))}
            | {"paper_layers": len(printed) or np.nan}
            | {"paper_neurons": "-".join(map(str, printed))}
        )
    return pd.DataFrame(found)
