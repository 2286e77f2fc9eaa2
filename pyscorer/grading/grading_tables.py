"""The tables of evaluate_grader as Markdown, which documents quote."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyscorer.contract.scales import LEVELS, Scales
from pyscorer.evaluation.markdown import markdown_table

Rows = list[dict[str, Any]]


def write_grading_tables(out: Path, tables: Mapping[str, Rows], scales: Scales) -> None:
    """Write into `out` what `tables` (by the names of evaluate_grader's files) say, a page each.

    summary.md (test) and out_of_fold.md (train, by graders that did not learn from the speaker): of
    all graders. ensemble.md: the first grader in full. experts.md: it and one expert, against the
    mean of the other experts. others.md: it, with the speaker's other recordings known. low.md:
    detection of low scores by all graders. wrong.md: that of wrong phones by the first, at several
    precisions. strings.md: phone error rates.
    """
    results, low = tables.get("results", []), tables.get("low_scores", [])
    if not results:
        return
    first = results[0]["grader"]
    pages = {
        "summary": summary(results, scales),
        "out_of_fold": summary(results, scales, "out_of_fold"),
        "ensemble": _ensemble([r for r in results if r["grader"] == first]),
        "experts": _experts(tables.get("ceiling", []), first),
        "others": _others([r for r in tables.get("speakers", []) if r["grader"] == first]),
        "low": _low(low),
        "wrong": _wrong(tables.get("detection", [])),
        "strings": _strings(tables.get("error_rates", [])),
    }
    for name, page in pages.items():
        (out / f"{name}.md").write_text(page, encoding="utf-8")


def _number(value: Any, digits: int = 3) -> str:
    """As papers write it; nothing of what is not known."""
    return "" if value is None or value != value else f"{value:.{digits}f}"


def _title(row: Mapping[str, Any]) -> str:
    level, aspect = row["level"], row["aspect"]
    return str(aspect) if level == "utterance" else f"{level} {aspect}"


def summary(results: Rows, scales: Scales, split: str = "test") -> str:
    """The PCC of every ensemble, a grader a row; empty where not scored.

    Where phones are scored, the last column is their MSE. `split` is test, or out_of_fold.
    """
    pcc, mse = ("pcc", "mse") if split == "test" else (f"{split}_pcc", f"{split}_mse")
    columns = [(level, aspect) for level in LEVELS for aspect in scales.level(level)]
    titles = [_title({"level": level, "aspect": aspect}) for level, aspect in columns]
    cells: dict[tuple[str, str, str], str] = defaultdict(lambda: "")
    cells |= {(r["grader"], r["level"], r["aspect"]): _number(r[pcc]) for r in results}
    names = list(dict.fromkeys(r["grader"] for r in results))
    if scales.phone:
        columns.append(("phone", "MSE"))
        titles.append("phone MSE")
        of_phones = [r for r in results if r["level"] == "phone"]
        cells |= {(r["grader"], "phone", "MSE"): _number(r[mse]) for r in of_phones}
    head = [f"PCC, {split.replace('_', ' ')}", *titles]
    return markdown_table(
        head, [[name, *(cells[name, *column] for column in columns)] for name in names]
    )


def _ensemble(results: Rows) -> str:
    head = ["", "PCC", "95 %", "a seed", "MSE", "MSE, a seed", "speaker means", "within speaker"]
    head += ["coverage of 90 % intervals", "their width", "out of fold, train"]

    def line(r: dict[str, Any]) -> list[str]:
        spread = _number(r["seed_pcc_sd"])
        return [
            *(_title(r), _number(r["pcc"])),
            f"{_number(r['speaker_low'])} to {_number(r['speaker_high'])}",
            _number(r["seed_pcc"]) + (f" ± {spread}" if spread else ""),
            *(_number(r[c]) for c in ("mse", "seed_mse")),
            *(_number(r[c]) for c in ("speaker_means_pcc", "within_speaker_pcc")),
            f"{100 * r['coverage']:.0f} %",
            *(_number(r["interval_width"], 2), _number(r["out_of_fold_pcc"])),
        ]

    return markdown_table(head, map(line, results))


def _experts(ceiling: Rows, first: str) -> str:
    head = ["", "", "utterances", "one expert", first]
    return markdown_table(
        head,
        (
            [str(r["group"]), r["aspect"], str(r["utterances"])]
            + [_number(r[name]) for name in ("one expert", first)]
            for r in ceiling
        ),
    )


def _others(speakers: Rows) -> str:
    head = ["", "one recording", "with the speaker's others", "share of the own"]
    columns = ("pcc", "pcc_with_other_recordings", "own_share")
    lines = ([r["aspect"], *(_number(r[column]) for column in columns)] for r in speakers)
    return markdown_table(head, lines)


def _low(low: Rows) -> str:
    head = ["", "", "low", "of", "PCC", "MSE", "that of a constant", "area, ROC", "area, PR"]
    head += ["threshold", "precision", "recall", "F1", "that of a constant"]
    return markdown_table(
        head,
        (
            [r["grader"], f"{_title(r)} below {r['below']:g}", str(r["low"]), str(r["scored"])]
            + [_number(r[c]) for c in ("pcc", "mse", "constant_mse", "roc_area", "pr_area")]
            + [_number(r[c]) for c in ("threshold", "precision", "recall", "f1", "constant_f1")]
            for r in low
        ),
    )


def _wrong(detection: Rows) -> str:
    head = ["precision wanted", "flagged", "precision", "recall", "F1", "false alarms"]
    return markdown_table(
        head,
        (
            [_number(r["wanted_precision"], 1), str(r["flagged"])]
            + [_number(r[c]) for c in ("precision", "recall", "f1")]
            + [f"{100 * r['false_alarms']:.2f} %"]
            for r in detection
        ),
    )


def _strings(rates: Rows) -> str:
    return markdown_table(
        ["phones", "said", "errors", "phone error rate"],
        ([r["phones"], str(r["said"]), str(r["errors"]), _number(r["error_rate"])] for r in rates),
    )
