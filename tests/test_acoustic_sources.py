"""The tables of Lin & Wang on every source of acoustic models, and what a source cannot give."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dry_run import ROOT, dry_run, fake_programs
from snakemake.utils import update_config

from pyscorer.errors import InputError
from pyscorer.planning.plan import make_plan

SOURCES = ("torch", "kaldi", "acoustic_model")
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def tables(*names: str) -> dict[str, Any]:
    """These configurations laid over each other, for the generated sample."""
    config: dict[str, Any] = {}
    for name in names:
        update_config(config, yaml.safe_load((ROOT / "config" / name).read_text()))
    for place in ("corpus", "prepare", "work_root", "results_root"):
        config.pop(place, None)
    return config


def published(folder: Path, *files: str) -> dict[str, str]:
    """A model that is only planned with, of these files."""
    folder.mkdir()
    for name in ("final.mdl", *files):
        (folder / name).touch()
    return {"acoustic_model": str(folder / "final.mdl")}


@pytest.mark.parametrize("names", [("paper1.yaml",), ("paper1.yaml", "paper1_8m.yaml")])
@pytest.mark.parametrize("source", SOURCES)
def test_the_tables_are_planned_on_every_source(
    source: str, names: tuple[str, ...], tmp_path: Path
):
    config = tables(*names)
    if source == "kaldi":
        fake_programs(tmp_path / "bin")
        config["engine"] = "kaldi"
    if source == "acoustic_model":
        config |= published(tmp_path / "model", "tree")
    planned = dry_run(tmp_path, "paper1_tables", **config)
    counts, rows = planned.counts, config["paper1"]

    (command,) = [line for line in planned.commands if line.startswith("pyscorer paper_tables")]
    shown = re.search(r"--names (.*) --parameters", command).group(1).split()
    known = {*rows["pretrained"], *rows["finetuned"], *rows["unfrozen"], *config["baselines"]}
    assert set(shown) == (set(rows["only"]) & known if "only" in rows else known)
    assert counts["finetune_scorer"] == len(set(shown) & rows["finetuned"].keys())
    assert counts["unfreeze_scorer"] >= len(set(shown) & rows["unfrozen"].keys()) > 0
    default = rows["unfreeze_scorer"]["upper"]
    cuts = {row.get("upper", default) for name, row in rows["unfrozen"].items() if name in shown}
    assert counts["parameters"] == 1 and counts["activations"] == 2 * len(cuts)
    assert counts["transition_gop"] == 3  # of train, of test and of the copy

    makers = {"torch": "train_tdnnf", "kaldi": "kaldi_model", "acoustic_model": "import_kaldi"}
    assert {name for name in makers.values() if name in counts} == {makers[source]}
    size = "paper" if len(names) == 2 else "medium"
    if source != "acoustic_model":
        maker = "train_tdnnf" if source == "torch" else "kaldi_network"
        (command,) = [line for line in planned.commands if f"pyscorer {maker} " in line]
        assert f"--network {size}" in command


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "corpora").mkdir()
    monkeypatch.setenv("PYSCORER_CORPORA", str(tmp_path / "corpora"))
    return lambda config: make_plan(DEFAULT | {"corpus": "sample"} | config)


def test_a_published_model_without_its_tree_gives_no_rows_of_states(plan, tmp_path: Path):
    config = tables("paper1.yaml") | published(tmp_path / "model")
    lacking = "rows transition-gop-ii, transition-gop-ii-iii read transition_gop"
    with pytest.raises(InputError, match=lacking + r".*there is no .*/model/tree: .*paper1\.only"):
        plan(config)
    config["paper1"]["only"] = ["deep-ii", "gop-ii"]
    assert plan(config).rows.shown == ["deep-ii", "gop-ii"]


XENT = {"train_tdnnf": {"objective": "xent", "network": "medium"}}


def test_cross_entropy_is_planned_and_told(plan):
    told = plan(tables("paper1.yaml") | XENT).rows.told()
    assert told["note"].endswith("network: medium, trained by frame cross-entropy")


def test_cross_entropy_is_refused_where_another_trains(plan, tmp_path: Path):
    with pytest.raises(InputError, match="objective: xent: engine kaldi trains with lfmmi alone"):
        plan(XENT | {"engine": "kaldi"})
    with pytest.raises(
        InputError, match="objective: xent: no network is trained where there is an"
    ):
        plan(XENT | published(tmp_path / "model"))


@pytest.mark.parametrize(
    "decoders", [{}, {"decoder": "vosk"}, {"decoder": "whisper", "second": "own"}]
)
def test_cross_entropy_is_refused_where_its_network_decodes(plan, decoders: dict[str, str]):
    section = {"name": "answers", "speech": decoders, "experts": {"TREES": {}}}
    config = XENT | {"corpus": "spoken_sample", "proficiency": section}
    name = decoders.get("second", decoders.get("decoder", "own"))
    with pytest.raises(InputError, match=f"no chain output, which decoder {name} of proficiency"):
        plan(config)
    plan(config | {"proficiency": section | {"speech": {"decoder": "whisper"}}})
