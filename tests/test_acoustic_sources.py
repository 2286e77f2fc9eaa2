"""The tables of Lin & Wang on every source of acoustic models, and what a source cannot give."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from dry_run import ROOT, dry_run, fake_programs
from made_published import write_published
from snakemake.utils import update_config

from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.chain.tree import monophone_tree, pdf_to_phone, write_tree
from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.contract.phones import ARPABET, PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.export_kaldi import export_kaldi
from pyscorer.kaldi.import_kaldi import import_kaldi
from pyscorer.kaldi.pdf_phones import read_phone_map
from pyscorer.measures.transition_gop import transition_gop
from pyscorer.planning.plan import make_plan
from pyscorer.pronunciation.activations import ActivationOptions, activations
from pyscorer.pronunciation.parameters import parameters

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


SMALL = TdnnfConfig(
    num_pdfs=82,
    dim=16,
    bottleneck=4,
    time_strides=(1, 0, 3),
    prefinal_dim=16,
    prefinal_bottleneck=8,
)


def outputs(folder: Path, out: Path) -> dict[str, np.ndarray]:
    """All that the rows of the tables read of a model and its tree, by the stages themselves."""
    root, model = folder.parent, folder / "final.pt"
    export(model, root / "mfcc40", out / "deep", ExportOptions(jobs=1))
    transition_gop(
        *(root / "data", root / "ali", model, folder / "tree.json", root / "mfcc40"),
        out / "transition_gop", jobs=1,
    )  # fmt: skip
    found = {name: Matrices(out / "deep" / f"{name}.scp")["u1"] for name in ("embed", "post")}
    found["transition_gop"] = Matrices(out / "transition_gop" / "phones.scp")["u1"]
    for upper in (0, 1):
        cut = out / f"cut{upper}"
        activations(model, root / "mfcc40", cut, ActivationOptions(upper, jobs=1))
        found[cut.name] = Matrices(cut / "lower.scp")["u1"]
    parameters(model, out)
    counts = pd.read_csv(out / "parameters.csv").set_index("part")["parameters"]
    found["parameters"] = counts[["acoustic model (TDNN-F)"]].to_numpy()
    return found


def test_every_source_gives_all_that_the_rows_read(tmp_path: Path):
    rng = np.random.default_rng(0)
    write_archive(tmp_path / "mfcc40" / "feats.scp", [("u1", rng.normal(size=(30, 40)))])
    write_table(tmp_path / "data" / "text", {"u1": "AT"})
    phones = [Segment("SIL", 0, 6), Segment("AE", 6, 12), Segment("T", 18, 12)]
    write_ctm(tmp_path / "ali" / "phones.ctm", [("u1", phones)])
    write_ctm(tmp_path / "ali" / "words.ctm", [("u1", [Segment("AT", 6, 24)])])
    tree, found = monophone_tree(PHONES), {}
    for objective in ("lfmmi", "xent"):
        torch.manual_seed(0)
        network = Tdnnf(replace(SMALL, chain_output=objective == "lfmmi")).eval()
        torch.nn.init.normal_(network.output_xent.affine.weight)
        model = AcousticModel(network, pdf_to_phone(tree))
        save_model(tmp_path / objective / "final.pt", model)
        write_tree(tmp_path / objective / "tree.json", tree)
        found[objective] = outputs(tmp_path / objective, tmp_path / "of" / objective)
    export_kaldi(tmp_path / "lfmmi" / "final.pt", tmp_path / "lfmmi", tmp_path / "kaldi")
    import_kaldi(tmp_path / "kaldi" / "final.mdl", tmp_path / "imported")
    imported = outputs(tmp_path / "imported", tmp_path / "of" / "imported")

    for name, wanted in found["lfmmi"].items():
        np.testing.assert_array_equal(imported[name], wanted, err_msg=name)
        assert found["xent"][name].shape == wanted.shape and np.isfinite(wanted).all(), name
    branch = 256 * 16 + 16 + 16 * 8 + 8 * 82 + 82  # prefinal-chain and output
    assert found["lfmmi"]["parameters"] - found["xent"]["parameters"] == branch


def foreign(folder: Path, **made: Any) -> dict[str, Any]:
    """A published model with i-vectors, whose phones the configuration has a map for."""
    symbols = ["sp", *(phone.lower() for phone in ARPABET)]
    write_published(folder, symbols, **made)
    phone_map = {"sp": "SIL"} | {phone.lower(): phone for phone in ARPABET}
    return {"acoustic_model": str(folder), "phone_map": phone_map}


@pytest.mark.parametrize("engine", ["torch", "kaldi"])
def test_a_published_model_is_planned_in_the_place_of_the_network(engine: str, tmp_path: Path):
    fake_programs(tmp_path / "bin")
    config = foreign(tmp_path / "model") | {"import_published": {"node": "relu"}, "engine": engine}
    planned = dry_run(
        tmp_path, "all", str(tmp_path / "work/sample/ivectors/sample/test/ivector.scp"), **config
    )
    assert planned.counts["import_published"] == 1 and planned.counts["export_published"] == 2
    assert planned.counts["ivectors"] == 1
    assert not planned.counts.keys() & {"train_tdnnf", "chain_graphs", "import_kaldi", "export"}
    assert not planned.counts.keys() & {"kaldi_model", "kaldi_posteriors"}
    told = {line.split()[1]: line for line in planned.commands if line.startswith("pyscorer")}
    assert (
        f"--model {tmp_path}/model --phone-map {tmp_path}/work/sample/phone_map.yaml"
        in (told["import_published"])
    )
    assert "--node relu" in told["import_published"]
    assert f"--extractor {tmp_path}/model/ivector" in told["ivectors"]
    assert f"--mfcc-conf {tmp_path}/model/conf/mfcc.conf" in told["ivectors"]
    assert f"--tdnnf {tmp_path}/work/sample/published/published.json" in told["bundle"]
    assert f"--tdnnf {tmp_path}/work/sample/published " in told["report"]


def test_a_phone_map_of_the_configuration_is_written_once(plan, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    acoustic = plan(foreign(tmp_path / "model")).acoustic
    acoustic.write_phone_map()
    assert read_phone_map(acoustic.phone_map)["aa"] == ("AA",)
    before = acoustic.phone_map.stat().st_mtime_ns
    acoustic.write_phone_map()
    assert acoustic.phone_map.stat().st_mtime_ns == before
    (tmp_path / "map.yaml").write_text("sp: SIL\n")
    named = foreign(tmp_path / "other") | {"phone_map": str(tmp_path / "map.yaml")}
    assert plan(named).acoustic.phone_map == tmp_path / "map.yaml"


def test_a_published_model_is_exported_to_vosk_with_its_own_tree(tmp_path: Path):
    config = foreign(tmp_path / "model")
    planned = dry_run(tmp_path, str(tmp_path / "results/sample/vosk"), **config)
    assert planned.counts.keys() >= {"import_published", "decoding_graph", "export_vosk"}
    assert "export_kaldi" not in planned.counts
    told = {line.split()[1]: line for line in planned.commands if line.startswith("pyscorer")}
    assert f"--am {tmp_path}/work/sample/published " in told["export_vosk"]
    assert f"--tree {tmp_path}/work/sample/published/am/tree" in told["decoding_graph"]


def test_which_models_are_taken_as_published(plan, conformance: Path, tmp_path: Path):
    golden = str(conformance / "e_tdnnf" / "final.mdl")
    (tmp_path / "map.yaml").write_text("SIL: SIL\n")
    other = foreign(tmp_path / "model")["acoustic_model"]
    assert not plan({"acoustic_model": golden}).acoustic.published
    for config in (
        {"acoustic_model": other},
        {"acoustic_model": f"{other}/am/final.mdl"},
    ):
        assert plan(config).acoustic.published
        assert plan(config).acoustic.mdl == Path(other) / "am" / "final.mdl"
    # a network as ours, with a map of its phones: asked for what normalises its input
    with pytest.raises(InputError, match=r"acoustic_model: .*mfcc\.conf: no such file"):
        plan({"acoustic_model": golden, "phone_map": str(tmp_path / "map.yaml")})


def test_what_a_published_model_cannot_give_is_refused_by_name(plan, tmp_path: Path):
    config = tables("paper1.yaml") | foreign(tmp_path / "model")
    lacking = (
        "rows transition-gop-ii, transition-gop-ii-iii read transition_gop, which needs a tree"
    )
    with pytest.raises(
        InputError, match=lacking + r".*model is taken as a published.*paper1\.only"
    ):
        plan(config)
    config["paper1"]["only"] = ["deep-ii", "deep-iiu", "deep-iiu-iii"]
    with pytest.raises(
        InputError, match="rows deep-iiu, deep-iiu-iii train layers of the acoustic"
    ):
        plan(config)
    config["paper1"]["only"] = ["deep-ii", "gop-ii", "trees"]
    assert plan(config).rows.shown == ["deep-ii", "gop-ii", "trees"]
    section = {"name": "answers", "speech": {"decoder": "vosk"}, "experts": {"TREES": {}}}
    spoken = foreign(tmp_path / "m") | {"corpus": "spoken_sample", "proficiency": section}
    with pytest.raises(
        InputError, match="no graph to decode with, which decoder vosk of proficien"
    ):
        plan(spoken)


def test_what_word_position_phones_cannot_give_is_refused_by_name(plan):
    config = tables("paper1.yaml") | {"engine": "kaldi", "kaldi": {"word_positions": True}}
    with pytest.raises(
        InputError, match=r"rows transition-gop-ii, .*kaldi\.word_positions: .*paper1\.only"
    ):
        plan(config)
    config["paper1"]["only"] = ["deep-ii", "deep-iiu", "deep-iiu-iii"]
    assert not plan(config).acoustic.published


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phone_map": {"a": "AA"}}, "phone_map: there is no acoustic_model that it is of"),
        ({"import_published": {}}, "import_published: there is no acoustic_model"),
        ({"acoustic_model": "x.txt"}, r"x\.txt: neither a final\.mdl nor a model's directory"),
        ({"acoustic_model": "."}, r"acoustic_model: \.: no final\.mdl there"),
    ],
)
def test_a_model_that_cannot_be_planned_with(plan, tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").touch()
    with pytest.raises(InputError, match=message):
        plan(change)


@pytest.mark.parametrize("value", [{"a": 1}, {}, ["a"], 5, "nowhere.yaml"])
def test_a_phone_map_that_is_none_is_refused_by_its_key(plan, tmp_path: Path, value):
    with pytest.raises(InputError, match="phone_map"):
        plan(foreign(tmp_path / "model") | {"phone_map": value})


def test_without_phones_txt_it_is_asked_for_before_anything_runs(plan, tmp_path: Path):
    config = foreign(tmp_path / "model")
    (tmp_path / "model/graph/phones.txt").rename(tmp_path / "phones.txt")
    with pytest.raises(InputError, match=r"no phones\.txt there: .*import_published\.phones"):
        plan(config)
    found = plan(config | {"import_published": {"phones": str(tmp_path / "phones.txt")}})
    assert tmp_path / "phones.txt" in found.acoustic.read


def compared(tmp_path: Path) -> dict[str, Any]:
    return {
        "foreign": foreign(tmp_path / "model"),
        "whisper": {"encode": {"model": "tiny.en", "layers": [-2, -1]}},
    }


def test_published_models_go_through_the_scorers_of_the_run(tmp_path: Path):
    planned = dry_run(tmp_path, "compared", compared=compared(tmp_path))
    counts = planned.counts
    assert counts["import_compared"] == 1 and counts["export_compared"] == 2
    assert counts["encode_compared"] == 2 and counts["pool_compared"] == 4
    assert counts["gop_compared"] == 2 and counts["baseline_compared"] == 1
    # of the two scorers one reads posteriors, which Whisper has not
    assert counts["scorer_compared"] == 3 and counts["train_tdnnf"] == 1
    (command,) = [line for line in planned.commands if "evaluate " in line and "compared" in line]
    names = "deep deep+extras trees 'foreign: deep' 'foreign: deep+extras' 'foreign: trees'"
    assert f"--names {names} 'whisper: deep'" in command
    (command,) = [line for line in planned.commands if line.startswith("pyscorer import_published")]
    assert f"{tmp_path}/work/sample/compared/foreign/phone_map.yaml" in command
    encoded = [line for line in planned.commands if line.startswith("pyscorer encode")]
    assert all("--model tiny.en" in line and "--layers -2 -1" in line for line in encoded)
    pooled = [line for line in planned.commands if line.startswith("pyscorer pool")]
    assert sum("--no-posteriors" in line for line in pooled) == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "compared.x: name an acoustic_model, or a section encode, and not both"),
        ({"encode": {"model": "base"}, "phone_map": {"a": "AA"}}, "phone_map and import_published"),
        ({"acoustic_model": "."}, r"compared.x: acoustic_model: \.: no final\.mdl there"),
        ({"other": 1}, "compared.x.other: unknown key"),
    ],
)
def test_a_source_that_cannot_be_compared(plan, tmp_path: Path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        plan({"compared": {"x": source}})


def test_phone_maps_of_compared_models_are_written_into_their_folders(
    plan, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    made = plan({"compared": compared(tmp_path)})
    made.compared.write_phone_maps()
    assert read_phone_map(Path("work/sample/compared/foreign/phone_map.yaml"))["sp"] == ("SIL",)


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
