"""`judge_model`: what is gathered, and what is asked for."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_judge import EXPERTS, ear_paths, made_judge
from made_models import TEXTS, speak

from pyscorer.answers.answer_encoder import AnswerEncoder
from pyscorer.contract.classes import ACCEPTED
from pyscorer.errors import InputError
from pyscorer.feedback.judge_bundle import load_judge_model
from pyscorer.feedback.judge_ears import load_ears
from pyscorer.feedback.judge_model import judge_model, text_system
from pyscorer.feedback.judge_parts import EarPaths, JudgeModelOptions, gather_ears, only
from pyscorer.proficiency.systems import Systems


@pytest.fixture(scope="module")
def root() -> Path:
    return made_judge()


@pytest.fixture
def paths(root: Path) -> EarPaths:
    return ear_paths(root)


def gather(root: Path, out: Path, ears: EarPaths) -> set[str]:
    """What lies in the folder beside the experts."""
    experts = [root / "experts" / name for name in EXPERTS]
    judge_model(root / "features", experts, root / "mixture", out, ears, JudgeModelOptions())
    return {path.name for path in out.iterdir()}


READ = {
    *("encoders", "experts", "best.json", "systems.json", "classes.json", "gate.pt"),
}
HEARD = {"ears.json", "tdnnf.zip", "graph", "lexicon.txt"}


def test_what_the_chosen_experts_need_is_gathered(
    root: Path, paths: EarPaths, tmp_path: Path
) -> None:
    found = gather(root, tmp_path / "model", paths)
    assert found == READ | HEARD | {"text.json", "answers", "final.npz"}


def test_where_experts_read_alone_the_decoder_is_enough(paths: EarPaths, tmp_path: Path) -> None:
    heard = replace(paths, gmm=None, answers=None, ali=None)
    gather_ears(heard, [], tmp_path, JudgeModelOptions())
    assert {path.name for path in tmp_path.iterdir()} == HEARD
    ears = load_ears(tmp_path)
    samples = speak(TEXTS[2])
    found = ears.decode(samples)
    assert found.transcript == TEXTS[2]
    assert ears.listen(samples, found, "any") == {}
    assert load_ears(tmp_path / "nothing") is None


@pytest.mark.parametrize("name", ["graph", "lexicon", "tdnnf", "gmm", "ali", "answers", "decoded"])
def test_what_is_needed_and_not_given_is_named(
    root: Path, paths: EarPaths, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match=f"--{name} is needed, since"):
        gather(root, tmp_path / "model", replace(paths, **{name: None}))
    assert not (tmp_path / "model").exists()


def test_what_is_not_there_is_named(root: Path, paths: EarPaths, tmp_path: Path) -> None:
    for name in ("graph", "gmm", "tdnnf", "answers", "decoded"):
        with pytest.raises(InputError, match="nowhere"):
            gather(root, tmp_path / "model", replace(paths, **{name: tmp_path / "nowhere"}))


def row(base: str, value: float, *members: str, table: int = 2, memory=None) -> dict:
    members = members or (base,)
    return {
        **{"base": base, "memory": memory, "table": table, "members": list(members)},
        **{"gross": 3.0, "thresholds": [0.5], "validation_value": value},
    }


def test_typed_responses_go_to_the_best_system_that_reads() -> None:
    rows = [
        row("fbk1", 0.7, table=1),
        row("TREES", 0.8, table=1),
        row("GRU", 0.95, table=1),
        row("pseudo-joint: 2 without FBK", 0.9, "TREES", "GRU"),
        row("pseudo-joint: 1 FBK + 1, calibrated", 0.85, "fbk1", "TREES"),
        row("pseudo-joint: 1 FBK + 1, calibrated", 0.84, "fbk1", "TREES", memory=4.0),
        row("mixture: 1 FBK + 1", 0.99, "fbk1", "TREES", table=3),
    ]
    best = {
        **{"base": "mixture: all", "memory": None, "best_expert": "GRU"},
        "exponents": {"fbk1": [1.5], "TREES": [0.5], "GRU": [1.0]},
    }
    groups = {"fbk1": "text", "TREES": "text", "GRU": "acoustic"}
    counts = np.array([1.0, 3.0])
    found = text_system(Systems(rows, best, ACCEPTED), groups, counts)
    assert found == {
        "base": "pseudo-joint: 1 FBK + 1, calibrated",
        "memory": None,
        "members": ["fbk1", "TREES"],
        "exponents": [[1.5], [0.5]],
        "priors": [0.25, 0.75],
    }
    remembering = Systems(rows, best | {"memory": 2.0}, ACCEPTED)
    assert text_system(remembering, groups, counts)["memory"] == 4.0
    listening = {name: "acoustic" for name in groups}
    assert text_system(Systems(rows, best, ACCEPTED), listening, counts) is None


def test_an_encoder_for_some_kinds_has_nothing_of_others(root: Path) -> None:
    whole = AnswerEncoder.load(root / "answers/encoder")
    assert set(whole.kinds) == {"acoustic", "deep_words"}
    assert set(only(whole, ["acoustic"]).projections) == {"phones"}
    both = only(replace(whole, second=True, view=True), ["deep_words"])
    assert (both.second, both.view, set(both.projections)) == (False, False, {"phones", "tdnnf"})
    assert only(replace(whole, second=True), ["acoustic"]).second
    with pytest.raises(InputError, match="no inputs states"):
        only(whole, ["states"])


LATER = {"graph/lexicon.txt", "graph/phones.int", "graph/phones.txt"}
"""What is not read before a word is heard."""


def test_a_damaged_part_is_named(root: Path, tmp_path: Path) -> None:
    for path in sorted(p for p in (root / "model").rglob("*") if p.is_file()):
        name = path.relative_to(root / "model")
        if str(name) in LATER:
            continue
        for number, content in enumerate((b"", b"PK\3\4 damaged", path.read_bytes()[:40])):
            model = tmp_path / f"{number}-{'-'.join(name.parts)}"
            shutil.copytree(root / "model", model)
            (model / name).write_bytes(content)
            try:
                load_judge_model(model)
            except InputError as error:
                assert name.stem in str(error) or name.parent.name in str(error), error
            else:
                raise AssertionError(f"{name}: loaded, as {content!r}")
            shutil.rmtree(model)
