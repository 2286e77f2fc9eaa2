"""Mispronunciation detection and diagnosis: which phones are wrong, and what was said instead."""

from pathlib import Path
from typing import Any

import kaldialign
import numpy as np
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from pyscorer.contract.phones import PHONES
from pyscorer.contract.pooled import read_columns, read_pooled
from pyscorer.contract.tables import read_frame
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import mean_squared_error, pearson

_CURVE_POINTS = 200
_PLACE = ["utterance", "word_index", "phone_index"]


def wrong(table: pd.DataFrame, below: float) -> np.ndarray:
    """Which phones of a table of scores the experts judged wrong (mean score below `below`)."""
    return (table["human"] < below).to_numpy()


def threshold_for(predicted: np.ndarray, is_wrong: np.ndarray, precision: float) -> float:
    """The highest predicted score below which at least `precision` of the phones are wrong.

    NaN where no threshold reaches it.
    """
    if not is_wrong.any():
        return float("nan")
    reached, _, thresholds = precision_recall_curve(is_wrong, -predicted)
    enough = np.flatnonzero(reached[:-1] >= precision)
    return float(-thresholds[enough[0]]) if len(enough) else float("nan")


def best_threshold(predicted: np.ndarray, is_low: np.ndarray) -> float:
    """The predicted score up to which units are flagged with the highest F1; NaN if none is low."""
    if not is_low.any():
        return float("nan")
    precision, recall, thresholds = precision_recall_curve(is_low, -predicted)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(-thresholds[f1[:-1].argmax()])


def _flagged(predicted: np.ndarray, is_low: np.ndarray, threshold: float) -> dict[str, Any]:
    """What is flagged at a threshold, and how much of it rightly."""
    flagged = predicted <= threshold
    hits = int((flagged & is_low).sum())
    precision, recall = hits / max(flagged.sum(), 1), hits / max(is_low.sum(), 1)
    return {
        "threshold": threshold,
        "flagged": int(flagged.sum()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
    }


def low_score_row(test: pd.DataFrame, train: pd.DataFrame, below: float) -> dict[str, Any]:
    """How well the scores tell units whose human score is `below` that, and what a constant gets.

    Everything is of `test`, but `threshold`: that of the highest F1 on `train`, out of fold. Beside
    PCC, MSE and the areas under the ROC and the precision-recall curve stand those of a constant:
    constant_mse of the mean of the train split, constant_f1 of flagging everything; its PCC is not
    defined, the area under its ROC curve is .5, that under its precision-recall curve the share of
    low units. Areas are NaN where all units are low, or none.
    """
    human, predicted = (test[c].to_numpy(dtype=float) for c in ("human", "predicted"))
    low, share = human < below, float((human < below).mean())
    told = 0 < share < 1
    threshold = best_threshold(train["predicted"].to_numpy(), wrong(train, below))
    return {
        "below": below,
        "scored": len(test),
        "low": int(low.sum()),
        "train_low": int(wrong(train, below).sum()),
        "pcc": pearson(predicted, human),
        "mse": mean_squared_error(predicted, human),
        "constant_mse": mean_squared_error(np.full(len(test), train["human"].mean()), human),
        "roc_area": roc_auc_score(low, -predicted) if told else np.nan,
        "pr_area": average_precision_score(low, -predicted) if told else np.nan,
        **_flagged(predicted, low, threshold),
        "constant_f1": 2 * share / (1 + share),
    }


def detection_rows(
    test: pd.DataFrame, train: pd.DataFrame, precisions: tuple[float, ...], below: float
) -> list[dict[str, Any]]:
    """Detection at each wanted precision: thresholds from `train` (out of fold), all else on test.

    The areas under the ROC curve and the precision-recall curve stand in every row.
    """
    is_wrong, predicted = wrong(test, below), test["predicted"].to_numpy()
    areas = {
        "phones": len(test),
        "wrong": int(is_wrong.sum()),
        "roc_area": roc_auc_score(is_wrong, -predicted),
        "pr_area": average_precision_score(is_wrong, -predicted),
    }
    rows = []
    for wanted in precisions:
        threshold = threshold_for(train["predicted"].to_numpy(), wrong(train, below), wanted)
        false_alarms = ((predicted <= threshold) & ~is_wrong).sum() / (~is_wrong).sum()
        rows.append(
            {"wanted_precision": wanted}
            | _flagged(predicted, is_wrong, threshold)
            | {"false_alarms": false_alarms}
            | areas
        )
    return rows


def curve_rows(table: pd.DataFrame, below: float) -> list[dict[str, Any]]:
    """Points of the ROC and the precision-recall curve, thinned."""
    is_wrong, low = wrong(table, below), -table["predicted"].to_numpy()
    false_alarms, hits, _ = roc_curve(is_wrong, low)
    precision, recall, _ = precision_recall_curve(is_wrong, low)
    rows = []
    for curve, x, y in (("roc", false_alarms, hits), ("pr", recall[::-1], precision[::-1])):
        # Even steps along the abscissa, of points that are dense where little happens.
        places = np.searchsorted(x, np.linspace(0, 1, _CURVE_POINTS), side="right") - 1
        rows += [{"curve": curve, "x": x[i], "y": y[i]} for i in np.unique(places.clip(0))]
    return rows


def read_rivals(learned_gop: Path) -> pd.DataFrame:
    """What was heard at each phone: utterance, word_index, phone_index, ratio, rival (a phone)."""
    columns = ["ratio", "rival"]
    if missing := set(columns) - set(read_columns(learned_gop)):
        raise InputError(f"{learned_gop}/columns.txt: no column {min(missing)}")
    pooled = read_pooled(learned_gop, columns)
    return pd.DataFrame(
        {
            "utterance": np.repeat(pooled.keys, pooled.phone_counts),
            "word_index": pooled.word_index,
            "phone_index": pooled.phone_index,
            "ratio": pooled.features[:, 0],
            "rival": [PHONES[round(float(i))] for i in pooled.features[:, 1]],
        }
    )


def confusion_rows(
    test: pd.DataFrame, rivals: pd.DataFrame, threshold: float, below: float
) -> list[dict[str, Any]]:
    """The confusions among phones flagged at `threshold` whose rival is likelier, frequent first.

    `wrong`: how many of them the experts judged wrong as well.
    """
    table = test.merge(rivals, on=_PLACE, validate="one_to_one")
    table["wrong"] = wrong(table, below)
    said = table[(table["predicted"] <= threshold) & (table["ratio"] < 0)]
    groups = said.groupby(["phone", "rival"])["wrong"].agg(["size", "sum"]).reset_index()
    groups.columns = pd.Index(["phone", "said", "count", "wrong"])
    rows: list[dict[str, Any]] = groups.sort_values(
        ["count", "phone", "said"], ascending=[False, True, True]
    ).to_dict("records")  # type: ignore[assignment]
    return rows


def diagnosis_rows(
    test: pd.DataFrame, rivals: pd.DataFrame, truth: Path, threshold: float
) -> list[dict[str, Any]]:
    """Where the truth is known: how often the rival is what was said instead of the phone.

    `truth` has a row for each phone not said as it should be: utterance, word_index, phone_index,
    canonical, said (empty: left out). Only phones replaced by one other phone are asked about;
    `chance` is the share of the commonest answer for each phone.
    """
    said = read_frame(truth, [*_PLACE, "canonical", "said"], ["utterance", "canonical", "said"])
    said = said[said["said"].str.fullmatch(r"[A-Z]+")]
    table = test.merge(rivals, on=_PLACE, validate="one_to_one").merge(said, on=_PLACE)
    if table.empty:
        raise InputError(f"{truth}: none of its phones is among those of the test split")
    common = table.groupby("canonical")["said"].agg(lambda s: s.mode()[0])
    rows = []
    for name, chosen in (
        ("all replaced phones", np.ones(len(table), dtype=bool)),
        ("flagged", (table["predicted"] <= threshold).to_numpy()),
        ("flagged, rival likelier", ((table["predicted"] <= threshold) & (table["ratio"] < 0))),
    ):
        part = table[np.asarray(chosen)]
        rows.append(
            {
                "phones": name,
                "count": len(part),
                "accuracy": (part["rival"] == part["said"]).mean(),
                "chance": (part["canonical"].map(common) == part["said"]).mean(),
            }
        )
    return rows


def error_rate_rows(
    test: pd.DataFrame, rivals: pd.DataFrame, threshold: float, truth: Path | None = None
) -> list[dict[str, Any]]:
    """Phone error rates of phone strings against what was said; of the utterances of `test`.

    The strings: `text`, the phones of the text; `recognised`, of each of them the likelier of it
    and its rival, as learned GOP hears it; `flagged`, the same of the phones flagged at
    `threshold` alone. What was said is in `truth` (see `diagnosis_rows`). Without it nobody knows,
    and only words of which the experts found every phone right are counted: they were said as
    written.
    """
    table = test.merge(rivals, on=_PLACE, validate="one_to_one")
    likelier = table["ratio"] < 0
    flagged = likelier & (table["predicted"] <= threshold)
    if truth is None:
        least = table.groupby(_PLACE[:2])["human"].transform("min")
        right = least == table["human"].max()
        table, likelier, flagged = table[right], likelier[right], flagged[right]
        said = table["phone"]
    else:
        known = read_frame(truth, [*_PLACE, "said"], ["utterance", "said"]).set_index(_PLACE)
        of_phone = pd.MultiIndex.from_frame(table[_PLACE])
        said = known["said"].reindex(of_phone).reset_index(drop=True)
        said.index = table.index
        changed = of_phone.isin(known.index)
        said = said.where(changed, table["phone"]).fillna("")
    strings = {
        "text": table["phone"],
        "recognised": table["phone"].where(~likelier, table["rival"]),
        "flagged": table["phone"].where(~flagged, table["rival"]),
    }
    return [
        {"phones": name} | _error_rate(string, said, table["utterance"])
        for name, string in strings.items()
    ]


def _error_rate(string: pd.Series, said: pd.Series, utterance: pd.Series) -> dict[str, Any]:
    """Edits of each utterance's `string` into what was `said`, each a phone, several or none."""
    errors, count = 0, 0
    for _, own in pd.DataFrame({"found": string, "said": said}).groupby(utterance):
        found, wanted = (" ".join(own[c]).split() for c in ("found", "said"))
        errors += kaldialign.edit_distance(wanted, found)["total"]
        count += len(wanted)
    return {"said": count, "errors": errors, "error_rate": errors / max(count, 1)}
