"""Tables 1 to 6 from the scores of invented models."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pyscorer.contract.files import write_table
from pyscorer.contract.scores import write_scores
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.evaluation.published import published, rows
from pyscorer.pronunciation.paper_tables import LAYOUT, PaperTableOptions, paper_tables

TABLES = yaml.safe_load(LAYOUT.read_text())["tables"]
CONFIG = Path(__file__).parents[2] / "config"

HUMAN = np.random.default_rng(0).integers(0, 11, 60).astype(float)
KEYS = [f"s{i // 6}-{i % 6}" for i in range(60)]


def write_model(root: Path, name: str, noise: float, seeds: int = 3) -> Path:
    rng = np.random.default_rng(len(name))
    by_seed = HUMAN[:, None] + noise * rng.normal(size=(60, seeds))
    speakers = np.array([key.split("-")[0] for key in KEYS])
    for file, scores in (("scores.csv", by_seed), ("single_scores.csv", by_seed + noise)):
        write_scores(root / name / file, KEYS, speakers, HUMAN, scores)
    rows = [(s, f, 0.9 - s / 100, 0.7) for s in range(seeds) for f in range(seeds)]
    modules = pd.DataFrame(rows, columns=["seed", "fold", "train_pcc", "test_pcc"])
    modules.to_csv(root / name / "modules.csv", index=False)
    return root / name


def invented(tmp_path: Path) -> Path:
    write_table(tmp_path / "data/text", dict.fromkeys(KEYS, "A"))
    sizes = pd.DataFrame([("scoring module", 20289)], columns=["part", "parameters"])
    sizes.to_csv(tmp_path / "parameters.csv", index=False)
    for name, noise in (("gop-gbt", 6.0), ("deep-ii-iii", 2.0), ("deep-ii", 3.0), ("mine", 1.0)):
        write_model(tmp_path, name, noise)
    return tmp_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return invented(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of two models alone."""
    return run(invented(tmp_path_factory.mktemp("tables")), ["deep-ii-iii", "deep-ii"])


def run(root: Path, names: list[str]) -> Path:
    options = PaperTableOptions(samples=100, note="invented")
    models = [root / name for name in names]
    paper_tables(root / "data", models, names, root / "parameters.csv", root / "out", options)
    return root / "out"


def test_our_figure_beside_the_paper_s(root: Path) -> None:
    table = pd.read_csv(run(root, ["gop-gbt", "deep-ii-iii"]) / "table_2.csv")
    gbt = table[table["model"] == "gop-gbt"].iloc[0]
    scores = pd.read_csv(root / "gop-gbt/single_scores.csv")
    pccs = [pearson(scores[f"seed_{i}"], scores["human"]) for i in range(3)]
    assert gbt["test_pcc"] == pytest.approx(np.mean(pccs), abs=1e-4)
    assert gbt["sd"] == pytest.approx(np.std(pccs, ddof=1), abs=1e-4)
    assert (gbt["paper_speechocean762"], gbt["paper_l2"]) == (0.65, 0.80)
    assert gbt["low"] < gbt["test_pcc"] < gbt["high"]
    # The differences are to deep-ii-iii, paired: far noisier scores are surely worse.
    assert gbt["difference_high"] < 0
    reference = table[table["model"] == "deep-ii-iii"].iloc[0]
    assert np.isnan(reference["difference"])
    expected = gbt["test_pcc"] - reference["test_pcc"]
    assert gbt["difference"] == pytest.approx(expected, abs=2e-4)


def test_rows_without_a_model_stay_empty_and_further_models_get_a_table(root: Path) -> None:
    out = run(root, ["gop-gbt", "deep-ii-iii", "mine"])
    table = pd.read_csv(out / "table_3.csv")
    assert table["test_pcc"].notna().tolist() == [False, False, True, False]
    assert pd.read_csv(out / "table_more.csv")["model"].tolist() == ["mine"]
    page = (out / "paper1.html").read_text()
    assert "invented" in page and "nan" not in page and "http" not in page


def test_stages_are_compared_by_single_modules(root: Path) -> None:
    table = pd.read_csv(run(root, ["deep-ii", "deep-ii-iii"]) / "table_4_5.csv")
    row = table[table["model"] == "deep-ii"].iloc[0]
    single = pd.read_csv(root / "deep-ii/single_scores.csv")
    pccs = [pearson(single[f"seed_{i}"], single["human"]) for i in range(3)]
    assert row["test_pcc"] == pytest.approx(np.mean(pccs), abs=1e-4)
    # Seed s by its module of fold s: train PCC .90, .89, .88.
    assert row["train_pcc"] == pytest.approx(0.89)


def test_published_parameters(root: Path) -> None:
    sizes = [("input layer", 8224), ("scoring module", 20289), ("acoustic model (TDNN-F)", 2408436)]
    pd.DataFrame(sizes, columns=["part", "parameters"]).to_csv(root / "parameters.csv", index=False)
    out = run(root, ["deep-ii-iii"])
    table = pd.read_csv(out / "table_1.csv").set_index("part")
    assert table["parameters"].to_dict() == dict(sizes)
    assert table["paper"].dropna().to_dict() == {
        "scoring module": 20289,
        "acoustic model (TDNN-F)": 8165047,
    }
    text = (out / "tables.md").read_text()
    assert "| scoring module | 20,289 | 20,289 |" in text
    assert "| acoustic model (TDNN-F) | 8,165,047 | 2,408,436 |" in text


def tables_of(number: str) -> dict[str, str]:
    """Tables of the paper that one of ours shows, and which of its figures each gives."""
    return {"l2": "4", "speechocean762": "5"} if number == "4 and 5" else {"": number}


@pytest.mark.parametrize("layout", TABLES[:4], ids=lambda layout: layout["number"])
def test_every_published_figure_stands_in_the_tables_in_the_paper_s_order(
    layout: dict[str, Any], written: Path
) -> None:
    number = layout["number"]
    table = pd.read_csv(written / f"table_{number.replace(' and ', '_')}.csv")
    theirs = [row["paper"] for row in layout["rows"] if "paper" in row]
    count = len(theirs)
    assert table["ours"].tolist() == [False] * count + [True] * (len(table) - count)
    assert table.filter(like="paper_")[count:].isna().all(axis=None)
    lines = (written / "tables.md").read_text().splitlines()
    for corpus, own in tables_of(number).items():
        assert tuple(theirs) == rows("lin2021", own)
        for (_, cells), name in zip(table.iterrows(), theirs, strict=False):
            figures = published("lin2021", own, name)
            if corpus:
                figures = {
                    {"testing": corpus, "training": f"{corpus}_train"}[part]: value
                    for part, value in figures.items()
                }
            for part, value in figures.items():
                assert cells[f"paper_{part}"] == value
            shown = [f"{value:.2f}" for value in figures.values()]
            split = [line.replace("*", "").split(" | ") for line in lines]
            own_lines = [line for line in split if line[0] == f"| {cells['system']}"]
            assert any(set(shown) <= set(line) for line in own_lines), name
    page = (written / "paper1.html").read_text()
    assert all(f"<td>{value:.2f}</td>" in page for value in table["paper_l2"].dropna())


def test_training_figures_of_the_paper_stand_where_it_has_them(written: Path) -> None:
    table = pd.read_csv(written / "table_4_5.csv").set_index("model")
    assert table.loc["deep-iii", "paper_l2_train"] == 0.80
    assert table.loc["deep-iii", "paper_speechocean762_train"] == 0.80
    assert np.isnan(table.loc["deep-iiu", "paper_speechocean762_train"])
    assert pd.read_csv(written / "table_2.csv")["paper_l2_train"].isna().all()
    heads = [
        line for line in (written / "tables.md").read_text().splitlines() if "| system |" in line
    ]
    assert ["paper, train" in head for head in heads] == [False, False, True, False, False]


def test_rows_that_the_paper_has_not_are_called_ours(written: Path) -> None:
    lines = (written / "tables.md").read_text().splitlines()
    assert any(
        line.startswith("| ours: (ii) frozen, no (iii) | – | – | – | – | 0.") for line in lines
    )
    assert any(line.startswith("| **deep features** | **0.86** | **0.72** | ") for line in lines)


def test_every_row_of_the_layout_is_named_once_a_table() -> None:
    for table in TABLES:
        models = [row["model"] for row in table["rows"]]
        assert len(set(models)) == len(models) and table["reference"] in models


def test_the_configuration_has_every_row_of_the_layout() -> None:
    config = yaml.safe_load((CONFIG / "paper1.yaml").read_text())
    stages = (config["paper1"][stage] for stage in ("pretrained", "finetuned", "unfrozen"))
    models = {name for names in (*stages, config["baselines"]) for name in names}
    wanted = {row["model"] for table in TABLES for row in table["rows"]}
    assert wanted <= models
    # On the paper's network: what the paper has.
    overlay = yaml.safe_load((CONFIG / "paper1_8m.yaml").read_text())
    printed = {row["model"] for table in TABLES for row in table["rows"] if "paper" in row}
    assert set(overlay["paper1"]["only"]) == printed
    assert overlay["train_tdnnf"] == {"network": "paper", "epochs": 6}


def test_baselines_and_gop_rows_read_one_gop_as_printed() -> None:
    config = yaml.safe_load((CONFIG / "paper1.yaml").read_text())
    for name in ("gop-gbt", "gop-blstm"):
        assert config["baselines"][name]["measures"] == ["gmm_gop"]
    for stage, name in (("pretrained", "gop-ii"), ("finetuned", "gop-ii-iii")):
        row = config["paper1"][stage][name]
        assert (row["extras"], row["deep"]) == (["gmm_gop"], False)


def test_bad_input_is_named(root: Path) -> None:
    (root / "mine/modules.csv").unlink()
    with pytest.raises(InputError, match=r"modules\.csv: no such file"):
        run(root, ["deep-ii-iii", "mine"])
    scores = (root / "gop-gbt/single_scores.csv").read_text().splitlines()
    (root / "gop-gbt/single_scores.csv").write_text("\n".join(scores[:-1]) + "\n")
    with pytest.raises(InputError, match=r"59 utterances where .* has 60; s9-5 is in"):
        run(root, ["deep-ii-iii", "gop-gbt"])
    with pytest.raises(InputError, match="2 models, but 1 names"):
        paper_tables(root / "data", [root, root], ["a"], root / "parameters.csv", root / "out")
