"""Predictions and human experts held against the same targets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer.datadir import UTTERANCE_ASPECTS, read_labels
from pyscorer.evaluation.metrics import age_group, human_ceiling
from pyscorer.files import read_table

EXPERT = "one expert"


def ceiling_rows(
    data: Path, predicted: Mapping[str, Mapping[str, pd.Series]]
) -> list[dict[str, Any]]:
    """PCC with the mean of the experts but one, averaged over which of them is left out.

    `predicted` has, of each scorer, by aspect, scores by utterance. A row for each aspect that the
    experts gave, over all utterances and by age group: group, aspect, utterances, raters, the
    expert left out (EXPERT) and every scorer (NaN where it does not predict the aspect). PCCs with
    speechocean762's published scores, which are rounded down to whole numbers, are lower than
    these. Empty without rater scores.
    """
    if not (data / "rater_scores.csv").exists():
        return []
    ratings = read_labels(data, "rater")
    speakers = read_table(data / "utt2spk")
    ages = read_table(data / "spk2age") if (data / "spk2age").exists() else {}
    groups = ratings["utterance"].map(lambda key: age_group(ages.get(speakers[key])))
    rows = []
    for group in ("all", *sorted(set(groups))):
        own = ratings if group == "all" else ratings[groups == group]
        for aspect in UTTERANCE_ASPECTS:
            if aspect not in own or own[aspect].isna().all():
                continue
            row = {
                "group": group,
                "aspect": aspect,
                "utterances": own["utterance"].nunique(),
                "raters": own["rater"].nunique(),
                EXPERT: human_ceiling(own, aspect),
            }
            for name, scores in predicted.items():
                known = aspect in scores
                row[name] = human_ceiling(own, aspect, scores[aspect]) if known else float("nan")
            rows.append(row)
    return rows
