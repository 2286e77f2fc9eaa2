"""What an edited label, recording or option makes anew: exactly what depends on it.

The plan is looked at, nothing is run: the outputs of a whole run are laid down as empty files.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dry_run import ROOT, Planned, dry_run

SPOKEN: dict[str, Any] = yaml.safe_load((ROOT / "config" / "spoken_sample.yaml").read_text())
EXPERTS = len(SPOKEN["proficiency"]["experts"])
RUN, LATER = 1_600_000_000, 1_600_000_100
"""When all was made, and when something is edited."""
FOLDERS = {"decoding_graph", "encoders", "encoder"}
"""Outputs that are folders."""

JUDGED = {
    "prepare_responses": 1, "expert_features": 1, "answer_features": 1, "train_expert": EXPERTS,
    "train_mixture": 1, "judge_model": 1, "proficiency_tables": 1, "proficiency": 1,
}  # fmt: skip
"""What reads labels, and all that is made of it."""
HEARD = {
    "features": 3, "decode": 1, "heard": 1, "align": 1, "export": 1, "pool": 1, "gop": 1,
}  # fmt: skip
"""What a split goes through."""
BEFORE = {"prepare": 1, "validate": 1, "label": 1}
MODELS = {"train_gmm": 1, "chain_graphs": 1, "train_tdnnf": 1, "decoding_graph": 1}


def written(path: Path, content: str, when: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (when, when))
    return path


def lay_down(planned: Planned, when: int) -> None:
    """The outputs of all jobs of a plan, empty."""
    found = re.findall(r"^    output: (.*)$", planned.text, re.MULTILINE)
    for path in (Path(name) for names in found for name in names.split(", ")):
        written(path / ".snakemake_timestamp" if path.name in FOLDERS else path, "", when)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planned]:
    """Where a run of the generated corpus is finished, and what it did."""
    root = tmp_path_factory.mktemp("finished")
    planned = dry_run(root, "proficiency", **SPOKEN)
    lay_down(planned, RUN)
    spoken_corpus(root)
    assert dry_run(root, "proficiency", **SPOKEN).counts == {}, "there is nothing to do"
    return root, planned


def spoken_corpus(root: Path) -> Path:
    """The generated corpus as it was before the run, and what `prepare` noted of it."""
    work = root / "work" / "spoken_sample"
    folder = work / "corpora" / "spoken_sample"
    for split in ("train", "test", "native"):
        wav = written(folder / "wav" / f"{split}.wav", "", RUN - 10)
        written(work / "prepared" / "spoken_sample" / split / "recordings", f"{wav}\n", RUN)
        for name in ("prompts", "response_labels.csv") if split != "native" else ("text",):
            written(folder / split / name, "", RUN - 10)
    for name in ("complete.json", "lexicon.txt", "grammar.csv"):
        written(folder / name, "", RUN - 10)
    return folder


@pytest.fixture
def corpus(finished: tuple[Path, Planned]) -> Path:
    """The corpus of a finished run, in which nothing was edited yet."""
    root, planned = finished
    shutil.rmtree(root / "work" / "spoken_sample" / "changes")
    lay_down(planned, RUN)
    return spoken_corpus(root)


@pytest.fixture
def plan(finished: tuple[Path, Planned]) -> Callable[..., dict[str, int]]:
    """Rule -> jobs that a run would have now."""

    def counts(**config: Any) -> dict[str, int]:
        found = dry_run(finished[0], "proficiency", **SPOKEN | config).counts
        return {rule: jobs for rule, jobs in found.items() if rule != "total"}

    return counts


def edit(path: Path) -> None:
    written(path, "edited", LATER)


def test_a_label_spoils_only_what_was_learnt_from_labels(corpus, plan):
    edit(corpus / "train" / "response_labels.csv")
    assert plan() == {"label": 1} | JUDGED


def test_a_recording_spoils_its_split_and_what_was_heard_in_it(corpus, plan):
    edit(corpus / "wav" / "test.wav")
    assert plan() == BEFORE | HEARD | JUDGED


def test_a_recording_of_the_natives_spoils_models_and_all_that_they_hear(corpus, plan):
    edit(corpus / "wav" / "native.wav")
    both = {rule: 2 * jobs for rule, jobs in HEARD.items()}
    both |= {
        "features": 2 + 4,
        "align": 1 + 2,
    }  # those of what is heard; of the responses they stay
    assert plan() == {"prepare": 1, "validate": 1} | MODELS | both | JUDGED


def test_a_prompt_is_no_label(corpus, plan):
    edit(corpus / "train" / "prompts")
    counts = plan()
    assert counts["prepare"] >= 1 and counts["decode"] >= 1


def test_recordings_need_not_be_watched(corpus, plan):
    edit(corpus / "wav" / "test.wav")
    assert plan(watch_recordings=False) == {}
    assert plan() == BEFORE | HEARD | JUDGED


def test_an_edit_is_told_of_once(corpus, plan, finished):
    edit(corpus / "train" / "response_labels.csv")
    lay_down(dry_run(finished[0], "proficiency", **SPOKEN), LATER)
    assert plan() == {}
