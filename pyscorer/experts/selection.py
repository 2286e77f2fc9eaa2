"""Which experts a mixture is made of: 1-best and 3-best FBK networks with the best others."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyscorer.evaluation.acceptance import count_decisions
from pyscorer.experts.combine import Limits, acceptance_score, tune
from pyscorer.experts.pairs import PairTable

Criterion = Literal["d_full", "f1"]
CRITERIA: tuple[Criterion, ...] = ("d_full", "f1")


def is_fbk(expert: str) -> bool:
    """Whether an expert is one of the FBK baseline's networks."""
    return expert.startswith("fbk")


def validation_metrics(
    scores: NDArray, table: PairTable, limits: Limits
) -> tuple[list[float], list[dict[str, float]]]:
    """Thresholds and metrics of seeds x training rows of out-of-fold scores, a seed each."""
    thresholds = [tune(s, table, limits) for s in scores]
    rows = [
        count_decisions(s >= t, table.train_labels).as_row()
        for s, t in zip(scores, thresholds, strict=True)
    ]
    return thresholds, rows


def rank_experts(
    out_of_fold: Mapping[str, NDArray], table: PairTable, limits: Limits
) -> dict[Criterion, list[str]]:
    """Experts from best to worst on validation rows by each criterion (mean over seeds).

    out_of_fold: expert -> seeds x N x 4.
    """
    means: dict[str, dict[str, float]] = {}
    for expert, outputs in out_of_fold.items():
        _, rows = validation_metrics(acceptance_score(outputs[:, table.train_rows]), table, limits)
        means[expert] = {c: float(np.mean([row[c] for row in rows])) for c in CRITERIA}
    return {c: sorted(means, key=lambda e: (-means[e][c], e)) for c in CRITERIA}


def subsets(ranking: Mapping[Criterion, list[str]]) -> dict[str, tuple[str, ...]]:
    """Name -> experts: (1 or 3 best FBK) x (by D_full or F1) x (1, 2 or 3 best stand-alone).

    Subsets that come out equal are kept once, under the name met first. FBK networks are ranked
    by the criterion of the name; the stand-alone experts by D_full.
    """
    alone = [e for e in ranking["d_full"] if not is_fbk(e)]
    found: dict[str, tuple[str, ...]] = {}
    for criterion in CRITERIA:
        fbk = [e for e in ranking[criterion] if is_fbk(e)]
        for n_fbk in (1, 3):
            for n_alone in (1, 2, 3):
                members = (*fbk[:n_fbk], *alone[:n_alone])
                known = {frozenset(m) for m in found.values()}
                if len(members) > 1 and frozenset(members) not in known:
                    name = f"{min(n_fbk, len(fbk))} FBK ({criterion}) + {min(n_alone, len(alone))}"
                    found[name] = members
    return found
