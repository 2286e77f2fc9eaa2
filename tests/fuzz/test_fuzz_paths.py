"""Configurations as editors and hands spoil them: a plan, or what is wrong with them."""

import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mutations import fresh, fuzz, mutated, survives

from pyscorer.config import SCHEMA, settle
from pyscorer.contract.files import read_yaml
from pyscorer.corpora.manifests import MANIFESTS, load_manifest
from pyscorer.errors import InputError
from pyscorer.paths import expanded, unusable
from pyscorer.planning.plan import make_plan

CONFIGS = SCHEMA.parents[2] / "config"
DEFAULT = yaml.safe_load((CONFIGS / "config.yaml").read_text())
VALID = "corpora_root: ~/corpora\nwork_root: work\n" + "".join(
    (CONFIGS / f"{name}.yaml").read_text().replace("corpus: speechocean762", "corpus: sample")
    for name in ("proficiency",)
)


@fuzz
@given(mutated((CONFIGS / "config.yaml").read_bytes()) | mutated(VALID.encode()))
def test_a_configuration(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = fresh(tmp_path_factory) / "config.yaml"
    path.write_bytes(content)

    def plan() -> object:
        given = read_yaml(path)
        if not isinstance(given, dict):
            raise InputError("Snakemake asks for keys at top level")
        return make_plan(DEFAULT | {"corpus": "sample"} | given)

    survives(plan)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


@fuzz
@given(st.sampled_from([*DEFAULT, "grading", "proficiency", "paper1", "encode", "kaldi"]), VALUES)
def test_any_value_under_any_key(key: str, value: object):
    survives(lambda: settle(DEFAULT | {key: value}))


@fuzz
@given(mutated((MANIFESTS / "speechocean762.yaml").read_bytes()))
def test_a_manifest(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    folder = fresh(tmp_path_factory)
    (folder / "speechocean762.yaml").write_bytes(content)
    survives(lambda: load_manifest("speechocean762", folder))


@fuzz
@given(
    st.text(min_size=1, max_size=20)
    | st.text(alphabet="~$/{}-|. \n\t\udcffé", min_size=1, max_size=12)
)
def test_a_path_that_is_usable_stays_what_it_is(path: str):
    full = expanded(path)
    if survives(lambda: unusable(full)) is None:
        assert full == full.strip() and not set("{}\n\t") & set(full) and full.encode()
        assert os.path.normpath(full)[:1] != "-"
