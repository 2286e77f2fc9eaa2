import copy
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from pyscorer.config import (
    SCHEMA,
    Source,
    all_options,
    check_config,
    config_schema,
    corpora_root,
    flags,
    resolve_run,
    run_seed,
    settle,
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
    config, text = copy.deepcopy(DEFAULT), path.read_text()
    # What it says it is laid over, as Snakemake lays one configuration over another.
    for under in re.findall(r"Laid over ([\w.]+\.yaml)", text):
        update_config(config, yaml.safe_load((path.parent / under).read_text()))
    update_config(config, yaml.safe_load(text))
    check_config(config)


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
    rows["unfrozen"]["deep-iiu"] = {"start": "deep-ii", "epochs": 0}
    with pytest.raises(InputError) as error:
        check_config(changed(paper1=rows))
    assert "paper1.pretrained.deep-ii.dorpout: unknown key; did you mean dropout?" in str(
        error.value
    )
    assert "paper1.unfrozen.deep-iiu.epochs: 0 is less than the minimum of 1" in str(error.value)


def test_what_is_derived_from_the_stages_is_up_to_date():
    for path, text in descriptions().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `make docs`"


def test_every_stage_that_the_rules_run_has_a_section():
    schema = config_schema()["properties"]
    places = [
        schema,
        *(schema[name]["properties"] for name in ("grading", "proficiency", "paper1")),
    ]
    on_demand = {"init", "new_corpus", "score", "score_all", "learner", "serve"}
    on_demand |= {"judge", "judge_all"}
    settled = {
        "pool",
        "scale_alignment",
        "judge_model",
        "split_data",
        "chain_statistics",
    }  # all that they have the rules settle
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
    with pytest.raises(InputError, match=r"no manifest of corpus timit.*speechocean762"):
        resolve_run(changed(corpora_root=str(root), corpus="timit"))


def test_flags_spell_every_kind_of_value():
    options = {"num_leaves": 250, "resume": False, "verbose": True, "extras": ["a", "b"], "x": None}
    assert flags(options) == "--num-leaves 250 --no-resume --verbose --extras a b"


def test_paths_are_expanded_wherever_the_schema_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bert").mkdir()
    (tmp_path / "a.txt").touch()
    (tmp_path / "final.mdl").touch()
    config = changed(
        acoustic_model="~/final.mdl",
        work_root="~",
        encode={"model": ["base", "~/whisper"]},
        recogniser_view={"model": "~/whisper"},
        report={"title": "~/kept"},
        proficiency={
            "name": "p",
            "experts": {"fbk1": None},
            "prepare_responses": {"corpus": "auto", "transcripts": ["~/a.txt"]},
            "expert_features": {"encoder": "~/bert"},
        },
    )
    found = settle(config)
    assert (
        found["acoustic_model"] == f"{tmp_path}/final.mdl" and found["work_root"] == f"{tmp_path}"
    )
    assert found["encode"]["model"] == ["base", f"{tmp_path}/whisper"]
    assert found["recogniser_view"]["model"] == f"{tmp_path}/whisper"
    assert found["report"]["title"] == "~/kept"
    responses = found["proficiency"]["prepare_responses"]
    assert responses == {"corpus": "auto", "transcripts": [f"{tmp_path}/a.txt"]}
    assert found["proficiency"]["expert_features"]["encoder"] == f"{tmp_path}/bert"


@pytest.mark.parametrize("key", ["corpora_root", "work_root", "results_root", "acoustic_model"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a\nb.mdl", "a line break"),
        ("a\tb.mdl", "a line break"),
        ("a\udcffb.mdl", "no UTF-8"),
        ("{x}.mdl", "braces"),
        ("$HOME/x.mdl", "variables are not expanded"),
        ("${HOME}/x.mdl", "variables are not expanded"),
        ("~nobody-of-this-name/x.mdl", "no such user"),
        ("|cat x.mdl", "Kaldi's tables"),
        (" x.mdl", "blank"),
        ("", "too short|does not match|non-empty"),
        (None, "None is not of type 'string'"),
        (["x.mdl"], "is not of type 'string'"),
    ],
)
def test_a_path_that_cannot_be_used_is_refused_by_its_key(key, path, message):
    if key == "corpora_root" and path is None:
        assert settle(changed(corpora_root=None))["corpora_root"] is None
        return
    with pytest.raises(InputError, match=rf"^configuration:\n  {key}: .*({message})"):
        settle(changed(**{key: path}))


@pytest.mark.parametrize(
    "name", ["a b", "a&b", "a'b", 'a"b', "a;b", "(a)", "100%", "a$", "ü 你", "-a"]
)
def test_other_names_can_be_used(name, root):
    (root / name).mkdir()
    real_corpus(root / name)
    run = resolve_run(
        settle(changed(corpora_root=str(root / name), work_root=name, results_root="r" + name))
    )
    assert run.corpus == "speechocean762"
    assert run.work.parent.name == name and not str(run.work).startswith("-")


def test_a_folder_whose_name_looks_like_a_variable_can_be_used_where_it_is(root):
    (root / "$x").mkdir()
    real_corpus(root / "$x")
    assert resolve_run(settle(changed(corpora_root=f"{root}/$x"))).corpus == "speechocean762"


def test_a_named_corpora_root_must_be_there_and_the_message_says_what_named_it(root, monkeypatch):
    config = changed(corpora_root=str(root / "none"))
    with pytest.raises(InputError, match=r"^corpora_root: .*none: no such folder"):
        resolve_run(config)
    assert resolve_run(config | {"corpus": "sample"}).corpus == "sample"  # which needs none
    monkeypatch.setenv("PYSCORER_CORPORA", str(root / "other"))
    with pytest.raises(InputError, match=r"^PYSCORER_CORPORA: .*other: no such folder"):
        resolve_run(changed(corpora_root=str(root)))


def test_without_a_corpora_root_downloads_are_looked_at(root, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setattr("pyscorer.config.CHECKOUT", root / "repository")
    assert corpora_root(changed()) == Path("downloads")
    assert resolve_run(changed()).corpus == "sample"
    real_corpus(root / "downloads")
    assert resolve_run(changed()).sources["speechocean762"] == Source(Path("downloads"), False)
    (root / "shared" / "corpora").mkdir(parents=True)
    assert corpora_root(changed()) == root / "shared" / "corpora"
    monkeypatch.setattr("pyscorer.config.CHECKOUT", None)  # as installed from a wheel
    assert corpora_root(changed()) == Path("downloads")


def test_nothing_is_written_into_a_corpus_or_over_another_root(root):
    real_corpus(root)
    whole = {"corpora_root": str(root), "prepare": {"speakers": 0}}
    for change, message in (
        ({"work_root": str(root)}, "work_root: .*would be written into the corpus"),
        ({"results_root": f"{root}/speechocean762/wav"}, "results_root: .*into the corpus"),
        ({"results_root": "work"}, "results_root: .*would mix"),
        ({"work_root": f"{root}/speechocean762/resource/scores.json/x"}, "work_root: "),
    ):
        with pytest.raises(InputError, match=message):
            resolve_run(changed(**whole, **change))
    (root / "link").symlink_to(root / "speechocean762")
    with pytest.raises(InputError, match="into the corpus"):
        resolve_run(changed(**whole, work_root=f"{root}/link"))


def test_values_that_only_yaml_has_are_named_by_their_key():
    loaded = yaml.safe_load("seed: 2020-01-01\n1: x\nreport: {title: 2020-01-01}")
    with pytest.raises(InputError) as error:
        settle(changed(**{str(k): v for k, v in loaded.items()}))
    assert "seed: '2020-01-01' is not of type 'integer'" in str(error.value)
    assert "1: unknown key" in str(error.value)
    with pytest.raises(InputError, match=r"train_tdnnf.learning_rate: inf"):
        settle(changed(train_tdnnf={"learning_rate": float("inf")}))


def test_a_text_that_begins_with_a_dash_is_no_flag():
    assert flags({"note": "-x", "pad": -1, "path": Path("-p")}) == "--note=-x --pad -1 --path=-p"


def test_an_own_corpus_is_found_in_the_folder_of_manifests_and_is_never_fetched(root):
    (root / "manifests").mkdir()
    (root / "manifests" / "mine.yaml").write_text(
        "name: mine\ntable: my.csv\ncolumns: {audio: file, text: text}\n"
        "splits: {train: {speakers: 0.5}, test: {speakers: rest}}\n"
    )
    config = changed(corpora_root=str(root), manifests=str(root / "manifests"), corpus="mine") | {
        "prepare": {"speakers": 0}
    }
    with pytest.raises(InputError, match=r"my.csv: no such file; manifest .*mine.yaml names it"):
        resolve_run(config)
    (root / "manifests" / "my.csv").touch()
    run = resolve_run(settle(config))
    assert run.name == "mine" and run.sources == {"mine": Source(root, fetch=False)}
    assert run.acoustic == ("mine/train",)
    with pytest.raises(InputError, match="no manifest of corpus mine"):
        resolve_run(config | {"manifests": None})
    with pytest.raises(InputError, match=r"manifests: .*no such folder"):
        resolve_run(config | {"manifests": str(root / "absent")})
