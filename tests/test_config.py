import copy
import dataclasses
import inspect
import typing
from pathlib import Path

import pytest
import yaml

from pyscorer import cli
from pyscorer.config import MANIFESTS, SCHEMA, Source, check_config, flags, resolve_run
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError

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
    ],
)
def test_a_wrong_key_or_value_is_named(change, message):
    with pytest.raises(InputError, match=message):
        check_config(changed(**change))


def test_all_faults_are_listed_at_once():
    with pytest.raises(InputError) as error:
        check_config(changed(corpsu="x", engine="htk"))
    assert "corpsu" in str(error.value) and "engine" in str(error.value)


def test_the_sections_of_the_schema_are_options_of_their_stages():
    sections = yaml.safe_load(SCHEMA.read_text())["properties"]
    sections |= sections["proficiency"]["properties"]
    for stage in set(sections) & set(cli.STAGES):
        function = cli.load_stage(stage)
        hints = typing.get_type_hints(function)
        known = set(inspect.signature(function).parameters)
        for hint in hints.values():
            if dataclasses.is_dataclass(hint):
                known |= {field.name for field in dataclasses.fields(hint)}
        assert set(sections[stage]["properties"]) <= known, stage


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
