"""Tables 1 to 6 from the scores of invented models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pyscorer.contract.files import write_table
from pyscorer.contract.scores import write_scores
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.pronunciation.paper_tables import LAYOUT, PRIVATE, PaperTableOptions, paper_tables

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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_table(tmp_path / "data/text", dict.fromkeys(KEYS, "A"))
    sizes = pd.DataFrame([("scoring module", 20289)], columns=["part", "parameters"])
    sizes.to_csv(tmp_path / "parameters.csv", index=False)
    for name, noise in (("gop-gbt", 6.0), ("deep-ii-iii", 2.0), ("deep-ii", 3.0), ("mine", 1.0)):
        write_model(tmp_path, name, noise)
    return tmp_path


def run(root: Path, names: list[str]) -> Path:
    options = PaperTableOptions(samples=200, note="invented")
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
    assert (gbt["paper_speechocean762"], gbt["paper_l2"]) == (0.65, PRIVATE)
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
    assert table["test_pcc"].notna().tolist() == [False, False, True]
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
    table = pd.read_csv(run(root, ["deep-ii-iii"]) / "table_1.csv")
    assert table[["paper", "parameters"]].to_numpy().tolist() == [[20289, 20289]]


def test_every_row_of_the_layout_is_named_once_a_table() -> None:
    for table in yaml.safe_load(LAYOUT.read_text())["tables"]:
        models = [row["model"] for row in table["rows"]]
        assert len(set(models)) == len(models) and table["reference"] in models


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
