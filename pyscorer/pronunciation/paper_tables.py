"""Stage `paper_tables`: Tables 1 to 6 of Lin & Wang (2021), the paper's figures beside ours."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_open, read_yaml
from pyscorer.contract.tables import read_frame
from pyscorer.errors import InputError
from pyscorer.evaluation.evaluate import read_scores, seed_columns
from pyscorer.evaluation.markdown import markdown_table
from pyscorer.evaluation.metrics import pearson, percentile_interval, resampled_pearson, sd_of_seeds
from pyscorer.evaluation.published import published
from pyscorer.evaluation.templates import figure, page_template
from pyscorer.options import option

log = logging.getLogger(__name__)

_PCCS = ["train_pcc", "valid_pcc", "held_out_pcc"]
LAYOUT = Path(__file__).parent / "paper_tables.yaml"
SETS = ("l2", "l2_train", "speechocean762", "speechocean762_train")
"""Where the paper reports PCC: test and training sets of its own L2 corpus, and of this one."""

_HEADINGS = dict(zip(SETS, ("paper, L2", "L2, train", "paper", "paper, train"), strict=True))
_OURS = ["test PCC", "sd", "95 % interval", "averaged", "held-out", "train", "difference"]


@dataclass(frozen=True)
class PaperTableOptions:
    """How rows are compared, and what the page says of the data."""

    samples: int = option(2000, "bootstrap samples", ge=1)
    seed: int = option(0, "of the bootstrap", ge=0)
    note: str = option("", "which corpus, and which part of it")
    synthetic: bool = option(False, "the corpus is generated speech")


@dataclass(frozen=True)
class Model:
    """Test predictions of one trained model."""

    by_seed: np.ndarray
    """Utterances x seeds; with `single`, each seed's one module."""
    human: np.ndarray
    speakers: np.ndarray
    modules: pd.DataFrame
    """modules.csv."""

    def pccs(self) -> np.ndarray:
        """PCC of each seed."""
        return np.array([pearson(column, self.human) for column in self.by_seed.T])


def read_model(path: Path, data: Path) -> Model:
    """Read single_scores.csv and modules.csv of a scorer or baseline directory.

    Raises InputError if one is missing or of other utterances than `data`.
    """
    table = read_scores(path, data, "single_scores.csv").sort_values("utterance")
    if not (path / "modules.csv").exists():
        raise InputError(f"{path}/modules.csv: no such file; train the model again")
    modules = read_frame(path / "modules.csv", ["seed", "fold"], gaps=_PCCS)
    folds = modules["fold"].max() + 1
    return Model(
        seed_columns(table),
        table["human"].to_numpy(dtype=float),
        table["speaker"].to_numpy(dtype=str),
        modules[modules["fold"] == modules["seed"] % folds],
    )


def _published(number: str, row: dict[str, Any]) -> dict[str, float]:
    """The paper's PCC of a row on its `SETS`; none of a row that is ours."""
    if "paper" not in row:
        return {}
    if number != "4 and 5":
        return published("lin2021", number, row["paper"])
    found: dict[str, float] = {}
    for name, table in (("l2", "4"), ("speechocean762", "5")):
        figures = published("lin2021", table, row["paper"])
        parts = {name: figures.get("testing"), f"{name}_train": figures.get("training")}
        found |= {part: value for part, value in parts.items() if value is not None}
    return found


def table_rows(
    layout: dict[str, Any], models: dict[str, Path], data: Path, options: PaperTableOptions
) -> list[dict[str, Any]]:
    """The rows of one table of the layout: see `paper_tables` for its columns."""

    def resamples(model: Model) -> np.ndarray:
        return resampled_pearson(
            model.by_seed, model.human, model.speakers, options.samples, options.seed
        )

    loaded = {
        row["model"]: read_model(models[row["model"]], data)
        for row in layout["rows"]
        if row["model"] in models
    }
    reference = loaded.get(layout["reference"])
    theirs = None if reference is None else resamples(reference)
    rows = []
    for row in layout["rows"]:
        cells: dict[str, Any] = {"system": row["label"], "model": row["model"]}
        cells["ours"] = "paper" not in row
        cells |= {
            f"paper_{name}": value for name, value in _published(layout["number"], row).items()
        }
        model = loaded.get(row["model"])
        if model is None:
            rows.append(cells)
            continue
        pccs, values = model.pccs(), resamples(model)
        low, high = percentile_interval(values)
        cells |= {"test_pcc": pccs.mean(), "sd": sd_of_seeds(pccs)}
        cells |= {"seeds": len(pccs), "low": low, "high": high}
        cells["averaged_pcc"] = pearson(model.by_seed.mean(axis=1), model.human)
        columns = {"train_pcc": "train_pcc", "held_out_pcc": "valid_pcc"}
        if "held_out_pcc" in model.modules:
            columns["held_out_pcc"] = "held_out_pcc"
        for name, column in columns.items():
            if column in model.modules:
                cells[name] = model.modules[column].mean()
        if theirs is not None and reference is not None and model is not reference:
            low, high = percentile_interval(values - theirs)
            cells["difference"] = pccs.mean() - reference.pccs().mean()
            cells |= {"difference_low": low, "difference_high": high}
        rows.append(cells)
    return rows


def parameter_rows(parts: dict[str, int]) -> list[dict[str, Any]]:
    """Table 1: trained parameters of each part; beside the totals those of the paper."""
    printed = {"acoustic model (TDNN-F)": "Acoustic model", "scoring module": "scoring module"}
    rows = []
    for name, count in parts.items():
        paper = published("lin2021", "1", printed[name]) if name in printed else {}
        figures = {"paper": paper.get("parameters"), "parameters": count}
        rows.append({"part": name} | {k: v if v is None else int(v) for k, v in figures.items()})
    return rows


def as_text(layout: dict[str, Any]) -> list[list[str]]:
    """A table for people: its header, then a line a row. Training PCC of the paper where it has."""
    cells = layout["cells"]
    sets = [name for name in SETS if any(pd.notna(row[f"paper_{name}"]) for row in cells)]
    lines = [["system", *(_HEADINGS[name] for name in sets), *_OURS]]
    for row in cells:
        number = {name: figure(value) for name, value in row.items()}
        interval = f"{number['low']} to {number['high']}"
        apart = f"{number['difference_low']} to {number['difference_high']}"
        lines.append(
            [
                f"ours: {row['system']}" if row["ours"] else row["system"],
                *(figure(row[f"paper_{name}"], 2) for name in sets),
                *(number["test_pcc"], number["sd"]),
                "not run" if pd.isna(row["seeds"]) else interval,
                *(number["averaged_pcc"], number["held_out_pcc"], number["train_pcc"]),
                "" if pd.isna(row["difference"]) else f"{number['difference']} ({apart})",
            ]
        )
    return lines


def markdown(layouts: list[dict[str, Any]], sizes: list[dict[str, Any]]) -> str:
    """The tables for a text file, the reference row in bold."""
    parts = [[row["part"], *(figure(row[c]) for c in ("paper", "parameters"))] for row in sizes]
    tables = ["**Table 1: Parameters**\n\n" + markdown_table(["part", "paper", "here"], parts)]
    for layout in layouts:
        plural = "s" if "and" in layout["number"] else ""
        (header, *text), cells = as_text(layout), layout["cells"]
        for row, line in zip(cells, text, strict=True):
            if row["model"] == layout["reference"]:
                line[:] = [f"**{cell}**" if cell else cell for cell in line]
        title = f"Table{plural} {layout['number']}: {layout['title']}"
        tables.append(f"**{title}**\n\n{markdown_table(header, text)}")
    return "\n".join(tables)


def paper_tables(
    data: Path,
    models: list[Path],
    names: list[str],
    parameters: Path,
    out: Path,
    options: PaperTableOptions = PaperTableOptions(),
) -> None:
    """Write Tables 1 to 6 of Lin & Wang, Interspeech 2021, with our figures on the test split.

    `data` is the test split's data directory; `models` are directories of train_scorer,
    pretrain_scorer, unfreeze_scorer or train_baseline, `names` what paper_tables.yaml calls them;
    `parameters` is parameters.csv of the stage of that name. A row whose model is not given stays
    empty; a model that no row names makes a row of the table of further models. A seed is one
    module, as in the paper: seed s that which holds out fold s.

    Writes out/table_<number>.csv, out/tables.md and out/paper1.html. Columns: system, model, ours
    (the paper has no such row), paper_l2, paper_l2_train, paper_speechocean762 and
    paper_speechocean762_train (published PCC on the test and training sets of the paper's private
    corpus and of this one), test_pcc and sd over `seeds`, low and high (95 % bootstrap interval
    over whole speakers), averaged_pcc (of the mean of all seeds' predictions), train_pcc and
    held_out_pcc (mean over modules: on the speakers that each was trained on, and on those of its
    fold), difference of test_pcc to the table's reference row with its paired 95 % bootstrap
    interval over speakers.
    """
    if len(models) != len(names):
        raise InputError(f"{len(models)} models, but {len(names)} names")
    layouts: list[dict[str, Any]] = read_yaml(LAYOUT)["tables"]
    known = {row["model"] for layout in layouts for row in layout["rows"]}
    more = [{"model": name, "label": name} for name in names if name not in known]
    if more:
        reference = layouts[0]["reference"]
        layouts.append(
            {"number": "more", "title": "Further models", "reference": reference, "rows": more}
        )
    by_name = dict(zip(names, models, strict=True))
    if not parameters.exists():
        raise InputError(f"{parameters}: no such file; run the stage parameters")
    counts = read_frame(parameters, ["part", "parameters"], text=["part"])
    sizes = parameter_rows(dict(zip(counts["part"], counts["parameters"], strict=True)))
    pd.DataFrame(sizes).to_csv(_table(out, "1"), index=False)
    columns = ["system", "model", "ours", *(f"paper_{name}" for name in SETS), "test_pcc", "sd"]
    columns += ["seeds", "low", "high", "averaged_pcc", "train_pcc", "held_out_pcc"]
    columns += ["difference", "difference_low", "difference_high"]
    for layout in layouts:
        frame = pd.DataFrame(table_rows(layout, by_name, data, options)).reindex(columns=columns)
        frame.to_csv(_table(out, layout["number"]), index=False, float_format="%.4f")
        layout["cells"] = frame.to_dict("records")
        for row in layout["cells"]:
            log.info("Table %s: %s: %s", layout["number"], row["system"], figure(row["test_pcc"]))
    with atomic_open(out / "tables.md") as stream:
        stream.write(markdown(layouts, sizes))
    template = page_template("paper_tables.html.jinja", figure, Path(__file__).parent)
    tables = [(layout, as_text(layout)) for layout in layouts]
    with atomic_open(out / "paper1.html") as stream:
        stream.write(template.render(tables=tables, sizes=sizes, options=options))


def _table(out: Path, number: str) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return out / f"table_{number.replace(' and ', '_')}.csv"
