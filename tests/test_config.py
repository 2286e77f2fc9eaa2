import copy
from pathlib import Path

import pytest
import yaml

from pyscorer.config import (
    SCHEMA,
    Source,
    all_options,
    check_config,
    config_schema,
    flags,
    resolve_run,
    run_seed,
)
from pyscorer.corpora.manifests import MANIFESTS, load_manifest
from pyscorer.describe import descriptions
from pyscorer.errors import InputError
from pyscorer.stages import STAGES

CONFIGS = sorted((SCHEMA.parents[2] / "config").glob("*.yaml"))
DEFAULT = yaml.safe_load((SCHEMA.parents[2] / "config" / "config.yaml").read_text())


def changed(**sections):
    config = copy.deepcopy(DEFAULT)
    for name, value in sections.items():
        if isinstance(value, dict):
            config[name] = config.get(name, {}) | value
        else:
            config[name] = value
    return config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_configuration_in_the_repository_is_valid(path):
    check_config(changed(**yaml.safe_load(path.read_text())))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpsu": "sample"}, "corpsu: unknown key; did you mean corpus?"),
        (
            {"train_gmm": {"guassians": 3}},
            "train_gmm.guassians: unknown key; did you mean gaussians",
        ),
        (
            {"train_gmm": {"gaussians": "many"}},
            "train_gmm.gaussians: 'many' is not of type 'integer'",
        ),
        ({"engine": "htk"}, "engine: 'htk' is not one of"),
        ({"prepare": {"speakers": -1}}, "prepare.speakers: -1 is less than the minimum"),
        ({"export": {"device": 0}}, "export.device: 0 is not of type 'string'"),
        ({"features": {"kind": "mfcc40"}}, "features.kind: unknown key"),
        (
            {"grading": {"graders": {"all": {"tress": False}}}},
            "grading.graders.all.tress: unknown key; did you mean trees?",
        ),
        (
            {"grading": {"graders": {"all": {}}, "bundle_grader": {"precision": 2}}},
            "grading.bundle_grader.precision: 2 is greater than the maximum of 1",
        ),
        (
            {"proficiency": {"name": "p", "experts": {"fbk1": {"seed": -1}, "fbk2": None}}},
            "proficiency.experts.fbk1.seed: -1 is less than the minimum of 0",
        ),
        ({"encode": {"model": "tiny.en", "layers": [0]}}, "encode.layers.0: 0 is not valid"),
    ],
)
def test_a_wrong_key_or_value_is_named(change, message):
    with pytest.raises(InputError, match=message):
        check_config(changed(**change))


def test_all_faults_are_listed_at_once():
    with pytest.raises(InputError) as error:
        check_config(changed(corpsu="x", engine="htk"))
    assert "corpsu" in str(error.value) and "engine" in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"export": {"device": "cuda"}},
        {
            "grading": {
                "train_grader": {"components": 64, "trees": False},
                "graders": {"small": {"components": 32}, "all": {"trees": True}},
                "averages": {"both": ["small", "all"]},
                "average_graders": {"weights": [1, 2]},
                "bundle_grader": {"precision": 0.6},
            }
        },
    ],
)
def test_every_option_of_a_stage_can_be_set(change):
    check_config(changed(**change))


def paper1():
    return yaml.safe_load((SCHEMA.parents[2] / "config" / "paper1.yaml").read_text())["paper1"]


def test_rows_of_the_paper_tables_are_checked_as_other_sections():
    rows = paper1()
    rows["pretrained"]["deep-ii"] = {"dorpout": 0}
    rows["unfrozen"]["deep-iiu"] = {"start": "deep-ii", "upper": 0}
    with pytest.raises(InputError) as error:
        check_config(changed(paper1=rows))
    assert "paper1.pretrained.deep-ii.dorpout: unknown key; did you mean dropout?" in str(
        error.value
    )
    assert "paper1.unfrozen.deep-iiu.upper: 0 is less than the minimum of 1" in str(error.value)


def test_what_is_derived_from_the_stages_is_up_to_date():
    for path, text in descriptions().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `make docs`"


def test_every_stage_that_the_rules_run_has_a_section():
    schema = config_schema()["properties"]
    places = [
        schema,
        *(schema[name]["properties"] for name in ("grading", "proficiency", "paper1")),
    ]
    on_demand = {"score", "score_all"}
    settled = {"pool", "scale_alignment"}  # all that they have the rules settle
    for stage in all_options().keys() - on_demand - settled:
        if not STAGES[stage].startswith("kaldi."):
            assert any(stage in place for place in places), stage


@pytest.mark.parametrize(("seed", "other"), [(0, 1), (7, 8)])
def test_the_seed_of_the_run_reaches_every_stage_that_has_one(seed, other):
    config = changed(seed=seed)
    seeded = {stage for stage, options in all_options().items() if "seed" in options}
    assert {"train_gmm", "train_tdnnf", "train_learned_gop", "kaldi_network"} <= seeded
    own = {stage for stage in seeded if all_options()[stage]["seed"]["default"] != 0}
    assert own == {
        *("prepare_responses", "expert_features", "train_expert", "train_mixture"),
        "proficiency_tables",
    }
    for stage in seeded:
        assert run_seed(config, stage)["seed"] == (other if stage in own else seed), stage
    assert "seed" not in run_seed(config, "align")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("PYSCORER_CORPORA", raising=False)
    return tmp_path


def real_corpus(root: Path) -> None:
    """What tells that speechocean762 is there."""
    for path in load_manifest("speechocean762", MANIFESTS).required:
        (root / "speechocean762" / path).mkdir(parents=True, exist_ok=True)


def test_auto_takes_the_real_corpus_where_it_is(root):
    config = changed(corpora_root=str(root))
    assert resolve_run(config).corpus == "sample"
    real_corpus(root)
    run = resolve_run(config)
    assert run.corpus == "speechocean762" and run.name == "speechocean762-30spk"
    assert run.work == Path("work/speechocean762-30spk")
    assert run.acoustic == ("speechocean762/train",)


def test_the_environment_names_the_corpora_root(root, monkeypatch):
    real_corpus(root)
    monkeypatch.setenv("PYSCORER_CORPORA", str(root))
    assert resolve_run(changed(corpora_root="nowhere")).corpus == "speechocean762"


def test_a_named_corpus_that_is_not_there_is_to_be_downloaded(root):
    run = resolve_run(changed(corpora_root=str(root), corpus="speechocean762"))
    assert run.sources == {"speechocean762": Source(Path("downloads"), fetch=True)}
    real_corpus(root)
    run = resolve_run(changed(corpora_root=str(root), corpus="speechocean762"))
    assert run.sources == {"speechocean762": Source(root, fetch=False)}


def test_the_sample_ignores_the_choice_of_speakers(root):
    run = resolve_run(changed(corpora_root=str(root), corpus="sample"))
    assert run.name == "sample"
    assert run.sources == {"sample": Source(Path("work/sample/corpora"), fetch=True)}


def test_the_acoustic_model_may_be_trained_on_other_corpora(root):
    real_corpus(root)
    native = ["librispeech/train-clean-100", "speechocean762/train"]
    run = resolve_run(
        changed(corpora_root=str(root), corpus="speechocean762", acoustic_data=native)
    )
    assert run.acoustic == tuple(native)
    assert run.sources["librispeech"] == Source(Path("downloads"), fetch=True)
    assert run.sources["speechocean762"] == Source(root, fetch=False)
    assert run.name != resolve_run(changed(corpora_root=str(root), corpus="speechocean762")).name
    with pytest.raises(InputError, match="librispeech has no split train-clean-5"):
        resolve_run(changed(acoustic_data=["librispeech/train-clean-5"]))


def test_a_corpus_without_a_manifest_is_an_error_that_names_the_known_ones(root):
    with pytest.raises(InputError, match=r"no manifest of corpus l2arctic.*speechocean762"):
        resolve_run(changed(corpora_root=str(root), corpus="l2arctic"))


def test_flags_spell_every_kind_of_value():
    options = {"num_leaves": 250, "resume": False, "verbose": True, "extras": ["a", "b"], "x": None}
    assert flags(options) == "--num-leaves 250 --no-resume --verbose --extras a b"
