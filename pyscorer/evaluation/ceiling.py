"""Predictions and human experts held against the same targets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer.contract.datadir import read_labels
from pyscorer.contract.files import read_table
from pyscorer.contract.scales import read_scales
from pyscorer.evaluation.metrics import human_ceiling

EXPERT, WITHIN = "one expert", "within speaker"


def ceiling_rows(
    data: Path, predicted: Mapping[str, Mapping[str, pd.Series]]
) -> list[dict[str, Any]]:
    """PCC with the mean of the experts but one, averaged over which of them is left out.

    `predicted` has, of each scorer, by aspect, scores by utterance. A row for each aspect that the
    experts gave, over all utterances, by age group, and WITHIN speakers (of all scores as
    deviations from the speaker's mean): group, aspect, utterances, raters, the expert left out
    (EXPERT) and every scorer (NaN where it does not predict the aspect). PCCs with speechocean762's
    published scores, which are rounded down to whole numbers, are lower than these. Empty without
    rater scores.
    """
    if not (data / "rater_scores.csv").exists():
        return []
    ratings, scales = read_labels(data, "rater"), read_scales(data)
    speakers = read_table(data / "utt2spk")
    ages = read_table(data / "spk2age") if (data / "spk2age").exists() else {}
    groups = ratings["utterance"].map(lambda key: scales.age_group(ages.get(speakers[key])))

    def deviations(scores: pd.Series) -> pd.Series:
        return scores - scores.groupby(scores.index.map(speakers)).transform("mean")

    parts = {group: ratings[groups == group] for group in sorted(set(groups.dropna()))}
    rows = []
    for group, own in {"all": ratings, **parts, WITHIN: ratings}.items():
        for aspect in scales.utterance:
            if own[aspect].isna().all():
                continue
            table = own.pivot(index="utterance", columns="rater", values=aspect)
            known = {name: scores[aspect] for name, scores in predicted.items() if aspect in scores}
            if group == WITHIN:
                table = table.apply(deviations)
                known = {name: deviations(scores) for name, scores in known.items()}
            row = {"group": group, "aspect": aspect, "utterances": len(table)}
            row |= {"raters": table.shape[1], EXPERT: human_ceiling(table)}
            for name in predicted:
                row[name] = human_ceiling(table, known[name]) if name in known else float("nan")
            rows.append(row)
    return rows
