"""Stage `report`: the run as one self-contained page."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer.contract.audio import SAMPLE_RATE, mp3_uri, read_audio
from pyscorer.contract.files import atomic_open, read_table
from pyscorer.contract.scales import check_same, decimals
from pyscorer.contract.tables import column_names, read_frame
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.evaluation import figures
from pyscorer.evaluation.ceiling import EXPERT
from pyscorer.evaluation.corpus_statistics import alignment_statistics, split_statistics
from pyscorer.evaluation.evaluate import read_scores
from pyscorer.evaluation.templates import figure, page_template
from pyscorer.options import option

log = logging.getLogger(__name__)

_MOST_SECONDS = 20
"""Of a recording that the page carries; longer ones are cut."""
_TEXT = ["scorer", "attribute", "group", "aspect", "utterance", "speaker", "text"]
"""Columns of the tables that are not numbers."""


@dataclass(frozen=True)
class ReportOptions:
    """What the page says of the run."""

    title: str = option("Pronunciation scoring", "of the page")
    note: str = option("", "which corpus, and which part of it")
    aspect: str | None = option(
        None, "human score that was learnt; default: that which stands for all"
    )
    synthetic: bool = option(False, "the corpus is generated speech")


def _table(name: str, results: Path) -> pd.DataFrame:
    path = results / f"{name}.csv"
    if not path.exists():
        raise InputError(f"{path}: no such table; run evaluate")
    columns = column_names(path)
    numbers = [c for c in columns if c not in _TEXT]
    return read_frame(path, columns, text=list(_TEXT), gaps=numbers)


def _log(path: Path, columns: list[str]) -> pd.DataFrame:
    if not path.exists():
        raise InputError(f"{path}: no such training log; run the stage that makes it")
    return read_frame(path, columns, gaps=columns)


def audio_uri(path: Path, span: tuple[float, float] | None = None) -> str:
    """A recording, or seconds `span` of it, as a data: URI, long ones cut."""
    return mp3_uri(read_audio(path, resample=True, span=span)[: _MOST_SECONDS * SAMPLE_RATE])


def headline(results: pd.DataFrame) -> int:
    """Row of the scorer that the page puts first: best on held-out training speakers.

    Never chosen by its test figure; the first scorer where there are no held-out figures.
    """
    if "out_of_fold_pcc" not in results:
        return 0
    held_out = results["out_of_fold_pcc"]
    return 0 if held_out.isna().all() else int(held_out.argmax())


def _error_rows(errors: pd.DataFrame, scorer: str, data: Path) -> list[dict[str, Any]]:
    utterances = read_utterances(data)
    chosen = errors[errors["scorer"] == scorer]
    told = [utterances[key] for key in chosen["utterance"]]
    return [
        {str(k): v for k, v in row.items()} | {"audio": audio_uri(one.audio, one.times)}
        for row, one in zip(chosen.to_dict("records"), told, strict=True)
    ]


def report(
    train_data: Path,
    test_data: Path,
    train_ali: Path,
    test_ali: Path,
    gmm: Path,
    tdnnf: Path,
    scorers: list[Path],
    names: list[str],
    results: Path,
    out: Path,
    options: ReportOptions = ReportOptions(),
) -> None:
    """Write the run's page: one HTML file without anything outside it.

    `gmm` and `tdnnf` are the directories with the training logs, `scorers` and `names` as for
    `evaluate`, `results` the directory that `evaluate` wrote: the page shows the numbers of its
    tables. Corpus and alignment statistics, training curves, PCC with intervals and the human
    ceiling, predicted against human score, PCC by age group and gender, and the worst errors of the
    scorer that did best on held-out training speakers, with their audio.
    """
    scales = check_same(train_data, test_data)
    aspect = scales.chosen(options.aspect, test_data)
    own = scales.utterance[aspect]
    splits = {"train": (train_data, train_ali), "test": (test_data, test_ali)}
    corpus, alignments = {}, {}
    for name, (data, ali) in splits.items():
        alignments[name], seconds = alignment_statistics(name, ali)
        corpus[name] = split_statistics(name, data, aspect, seconds)
    tables = {name: _table(name, results) for name in ("results", "groups", "ceiling", "errors")}
    table = tables["results"]
    ceiling = tables["ceiling"]
    raters = ceiling[(ceiling["group"] == "all") & (ceiling["aspect"] == aspect)]
    human = float(raters[EXPERT].iloc[0]) if len(raters) else None
    best = headline(table)
    tdnnf_log = _log(tdnnf / "log.csv", ["epoch", "train_objf", "valid_objf"])
    plots = {
        "intervals": figures.intervals(table, human),
        "scores": figures.score_histogram({k: s.scores for k, s in corpus.items()}, aspect, own),
        "durations": figures.duration_histogram({k: a.durations for k, a in alignments.items()}),
        "gmm": _gmm_curve(gmm / "log.csv"),
        "tdnnf": _tdnnf_curve(tdnnf_log),
    }
    scatters = [
        figures.scatter(read_scores(scorer, test_data), name, pcc, own)
        for scorer, name, pcc in zip(scorers, names, table["pcc"], strict=True)
    ]
    scorer_logs = {
        name: _scorer_curve(scorer / "train_log.csv")
        for scorer, name in zip(scorers, names, strict=True)
        if (scorer / "train_log.csv").exists()
    }
    name = str(table["scorer"][best])
    train_speakers = set(read_table(train_data / "utt2spk").values())
    known = len(train_speakers & set(read_table(test_data / "utt2spk").values()))
    page = page_template("report.html.jinja", figure, Path(__file__).parent).render(
        options=options,
        headline=table.loc[best].to_dict(),
        human=human,
        known_speakers=known,
        aspect=aspect,
        decimals=decimals(own),
        child_below=scales.child_below,
        results=table.to_dict("records"),
        groups=tables["groups"].to_dict("records"),
        ceiling=ceiling.to_dict("records"),
        corpus=[s.row for s in corpus.values()],
        alignments=[a.row for a in alignments.values()],
        plots=plots,
        scatters=scatters,
        scorer_logs=scorer_logs,
        tdnnf_best=tdnnf_log["valid_objf"].max(),
        errors=_error_rows(tables["errors"], name, test_data),
    )
    with atomic_open(out) as stream:
        stream.write(page)
    log.info("%s: %.1f MB", out, len(page.encode()) / 1e6)


def _gmm_curve(path: Path) -> str:
    table = _log(path, ["iteration", "log_likelihood"])
    return figures.curves(table, "iteration", {"log_likelihood": "train"}, "log-likelihood a frame")


def _tdnnf_curve(table: pd.DataFrame) -> str:
    lines = {"train_objf": "train", "valid_objf": "held-out speakers"}
    return figures.curves(table, "epoch", lines, "objective a frame", best="valid_objf")


def _scorer_curve(path: Path) -> str:
    """Mean losses over modules by epoch, while at least half of the modules were still training."""
    table = _log(path, ["epoch", "train_loss", "valid_loss"])
    by_epoch = table.groupby("epoch")[["train_loss", "valid_loss"]]
    mean = by_epoch.mean()[by_epoch.size() * 2 >= by_epoch.size().max()].reset_index()
    lines = {"train_loss": "train", "valid_loss": "held-out speakers"}
    return figures.curves(mean, "epoch", lines, "squared error, scores from 0 to 1")
