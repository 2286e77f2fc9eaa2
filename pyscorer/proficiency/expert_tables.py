"""Stage `expert_tables`: Tables 1 to 3 of Papi et al. 2020, the paper's figures beside ours."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_directory
from pyscorer.evaluation.figures import published_and_ours
from pyscorer.evaluation.markdown import markdown_table
from pyscorer.evaluation.published import published
from pyscorer.evaluation.templates import page_template
from pyscorer.options import option
from pyscorer.proficiency.expert_rows import (
    DECIDED,
    METRICS,
    Combined,
    all_results,
    architecture_rows,
    compare,
    load_combined,
    parts_tested,
)
from pyscorer.proficiency.pairs import load_data
from pyscorer.proficiency.paper_combinations import DNNS, MIXTURES, PSEUDO_JOINTS

log = logging.getLogger(__name__)

QUOTED = {"2nd-best": "2nd best of the challenge", "3rd-best": "3rd best of the challenge"}
"""Rows of the paper's Table 2 that are of others."""
COLUMNS = {
    "model": "model",
    "paper_d_full": "paper: D_full",
    "paper_accuracy": "accuracy",
    "paper_f1": "F1",
    "d_full": "ours: D_full",
    "d_full_low": "95 %",
    "accuracy": "accuracy",
    "f1": "F1",
    "rejection": "rejected wrong ones",
    "seen_d_full": "D_full, seen pairs",
    "unseen_d_full": "unseen pairs",
    "tuned_d_full": "D_full, tuned threshold",
}
"""Columns of results, in Markdown and on the page, and their titles."""


@dataclass(frozen=True)
class ExpertTableOptions:
    """How intervals are made, and what the page says of the data."""

    samples: int = option(1000, "bootstrap resamples", ge=1)
    seed: int = option(0, "seed of the bootstrap", ge=0)
    note: str = option("", "which responses these are")


@dataclass(frozen=True)
class Table:
    """One table of results: its file, its title, and which systems are its rows, by label."""

    file: str
    title: str
    models: dict[str, str]
    quoted: tuple[str, ...] = ()
    """Rows that are in the paper alone."""
    more: tuple[str, ...] = ()
    """Rows that are in ours alone, after these."""


Tables = list[tuple[Table, pd.DataFrame]]
"""Tables with their rows."""


def layout(combined: Combined) -> list[Table]:
    """Tables 2 and 3 with the paper's rows first, then our experts', then the whole search."""
    best = combined.best
    chosen = {
        name: f"{name} (validation's choice)" for name in (best["pseudo-joint"], best["mixture"])
    }
    (baseline,) = combined.named(kind="vote")
    there = {system["name"] for system in combined.systems}
    alone = [n for n in (*DNNS, baseline) if n in there]
    more = [*combined.named(kind="fbk"), *combined.named(kind="reference")]
    named = list(dict.fromkeys([*PSEUDO_JOINTS, *MIXTURES, baseline, *chosen]))
    own = combined.named(kind="own")
    own += [n for k in ("pseudo-joint", "mixture") for n in combined.named(kind=k, group="ours")]
    search = [n for k in ("pseudo-joint", "mixture") for g in ("paper", "search")
              for n in combined.named(kind=k, group=g)]  # fmt: skip
    value = {s["name"]: s["validation"]["d_full"] for s in combined.systems}
    search.sort(key=lambda n: -value[n])

    def labelled(names: list[str]) -> dict[str, str]:
        return {n: chosen.get(n, n) for n in names}

    return [
        Table(
            "table2", "Table 2: stand-alone networks", labelled(alone), tuple(QUOTED), tuple(more)
        ),
        Table("table3", "Table 3: combinations", labelled(named)),
        Table("ours", "Our own experts, alone and mixed in", labelled(own)),
        Table("search", "All combinations, the best on validation rows first", labelled(search)),
    ]


def rows_of(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """The results of a table's systems, part after part, and of rows that only the paper has."""
    found = []
    for title, of_part in frame.groupby("tested_on", sort=False):
        by_name = of_part.set_index("model", drop=False)
        theirs = []
        for name in table.quoted:
            figures = published("papi2020", "2", name)
            quoted: dict[str, Any] = {"tested_on": title, "model": QUOTED[name]}
            theirs.append(quoted | {f"paper_{m}": figures[m] for m in METRICS if m in figures})
        rows = by_name.loc[list(table.models)].assign(model=list(table.models.values()))
        found += [rows, pd.DataFrame(theirs), by_name.loc[list(table.more)]]
    return pd.concat([rows for rows in found if len(rows)], ignore_index=True)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _number(value: Any, digits: int = 2) -> str:
    if not isinstance(value, int | float | np.number):
        return str(value)
    if np.isnan(value):
        return ""
    return "∞" if np.isinf(value) else f"{value:.{digits}f}"


def cells(row: Mapping[str, Any]) -> list[str]:
    """One row of results as text, in the order of COLUMNS."""
    found = []
    for column in COLUMNS:
        value = row.get(column, np.nan)
        if column.endswith(("accuracy", "rejection")):
            found.append(_number(100 * value, 1))
        elif column == "d_full_low":
            low, high = (_number(row.get(c, np.nan)) for c in (column, "d_full_high"))
            found.append(f"{low}-{high}" if low else "")
        elif column in ("d_full", "tuned_d_full"):
            sd = _number(row.get(f"{column}_sd", np.nan))
            found.append(_number(value) + (f" ± {sd}" if sd else ""))
        else:
            found.append(_number(value, 3 if column == "f1" else 2))
    return found


def expert_tables(
    data: Path, experts: list[Path], combined: Path, out: Path, options: ExpertTableOptions
) -> None:
    """Hold every system against people, in cross-validation and on the test rows.

    Writes out/table1.csv (architectures), out/table2.csv, out/table3.csv, out/ours.csv,
    out/search.csv and out/all.csv (a row a system and part, see `expert_rows.result`),
    out/comparisons.csv (paired bootstrap, `expert_rows.compare`), out/proficiency.html and
    out/tables.md (without the search and comparisons by tuned thresholds). The paper's figures are
    of the test set of the task's third edition.
    """
    table, _ = load_data(data)
    systems = load_combined(combined)
    parts = parts_tested(table, options.samples, options.seed)
    frame = all_results(systems, parts)
    comparisons = compare(systems, parts)
    sizes = architecture_rows(experts)
    tables = [(t, rows_of(t, frame)) for t in layout(systems)]
    with atomic_directory(out) as part:
        sizes.to_csv(part / "table1.csv", index=False)
        for description, rows in tables:
            rows.to_csv(part / f"{description.file}.csv", index=False)
        frame.to_csv(part / "all.csv", index=False)
        comparisons.to_csv(part / "comparisons.csv", index=False)
        text = _markdown(sizes, tables, comparisons)
        (part / "tables.md").write_text(text, encoding="utf-8")
        page = _page(sizes, tables, comparisons, systems, options)
        (part / "proficiency.html").write_text(page, encoding="utf-8")
    best = frame[frame["model"] == systems.best["mixture"]].iloc[0]
    log.info("best mixture %s: D_full %.2f; tables in %s", best["model"], best["d_full"], out)


def _sizes(sizes: pd.DataFrame) -> list[list[str]]:
    columns = ("network", "paper_layers", "paper_neurons", "layers", "neurons")
    rows = _records(sizes.reindex(columns=columns))
    return [[_number(row[c] if row[c] == row[c] else "", 0) for c in columns] for row in rows]


SIZES = ("network", "paper: layers", "neurons", "ours: layers", "neurons")
COMPARED = ("model", "against", "difference of D_full", "95 %", "better in")


def _compared(row: Mapping[str, Any]) -> list[str]:
    low, high = (f"{row[f'difference_{end}']:+.2f}" for end in ("low", "high"))
    better = f"{100 * row['better']:.1f} %"
    return [row["model"], row["against"], f"{row['difference']:+.2f}", f"{low} to {high}", better]


def _sections(
    sizes: pd.DataFrame, tables: Tables, comparisons: pd.DataFrame
) -> list[dict[str, Any]]:
    """Title, header and rows of every table; results are told apart by what they are tested on.

    quoted: whether tables.md has it as well as the page.
    """
    found: list[dict[str, Any]] = [
        {"title": "Table 1: layers and neurons", "header": SIZES, "rows": _sizes(sizes)}
        | {"quoted": True}
    ]
    for table, rows in tables:
        for title, of_part in rows.groupby("tested_on", sort=False):
            if table.file == "search" and title != rows["tested_on"].iloc[0]:
                continue  # search.csv has the test rows
            found.append(
                {"title": f"{table.title}; {title}", "header": tuple(COLUMNS.values())}
                | {"rows": [cells(row) for row in _records(of_part)]}
                | {"quoted": table.file != "search"}
            )
    by = ["tested_on", "decided_by"]
    for key, of_part in comparisons.groupby(by, sort=False):
        where, decided = key
        rows_of_part = [_compared(row) for row in _records(of_part)]
        heading = f"Paired bootstrap; {where}, decided by {decided}"
        quoted = decided == DECIDED[False]
        found.append({"title": heading, "header": COMPARED, "rows": rows_of_part, "quoted": quoted})
    return found


def _markdown(sizes: pd.DataFrame, tables: Tables, comparisons: pd.DataFrame) -> str:
    return "\n".join(
        f"**{section['title']}**\n\n{markdown_table(section['header'], section['rows'])}"
        for section in _sections(sizes, tables, comparisons)
        if section["quoted"]
    )


def _page(
    sizes: pd.DataFrame,
    tables: Tables,
    comparisons: pd.DataFrame,
    combined: Combined,
    options: ExpertTableOptions,
) -> str:
    shown = [rows for table, rows in tables if table.file != "search"]
    parts = [rows[rows["tested_on"] == rows["tested_on"].iloc[0]] for rows in shown]
    drawn = pd.concat(parts).dropna(subset=["d_full"]).drop_duplicates("model")
    return page_template("expert_tables.html.jinja", _number, Path(__file__).parent).render(
        sections=_sections(sizes, tables, comparisons),
        figure=published_and_ours(drawn, "d_full", "D_full, cross-validation, 95 % interval"),
        best=combined.best,
        options=options,
    )
