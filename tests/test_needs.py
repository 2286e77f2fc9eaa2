"""What jobs ask for: by stage, size of the input, attempt and configuration."""

import re
from pathlib import Path

import pytest
from dry_run import ROOT

from pyscorer.planning.needs import NEEDS, UNKNOWN, Needs, utterances
from pyscorer.stages import STAGES, load_stage, options_of


def dataset(root: Path, number: int, folder: str = "data", split: str = "train") -> Path:
    """A list of utterances, as it stands in a work folder."""
    path = root / folder / "corpus" / split / "utt2spk"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"speaker-{i:07d} speaker\n" for i in range(number)))
    return path


def asked(stage: str, path: Path, attempt: int = 1, **config: object) -> tuple[int, int, int]:
    """Threads, megabytes and minutes."""
    needs = Needs(config)
    threads = needs.threads(stage)(None, [path])
    found = needs.resources(stage)
    return threads, *(found[key](None, [path], threads, attempt) for key in ("mem_mb", "runtime"))


def test_utterances_are_counted_in_data_else_in_features(tmp_path):
    train, test = dataset(tmp_path, 40_000), dataset(tmp_path, 7, split="test")
    feats = tmp_path / "mfcc40" / "corpus" / "train" / "feats.scp"
    assert utterances([train, test, feats]) == pytest.approx(40_007, rel=0.01)
    assert utterances([feats]) == utterances([train])  # not there yet: as many as the data have
    feats.parent.mkdir(parents=True)
    feats.write_text("a feats.ark:2\nb feats.ark:90\n")
    assert utterances([str(feats), tmp_path / "final.pt"]) == 2
    assert utterances([tmp_path / "final.pt"]) == utterances([]) == 0


def test_data_that_are_yet_to_come_are_counted_where_they_were_prepared(tmp_path):
    data = tmp_path / "data" / "corpus" / "train" / "utt2spk"
    assert utterances([data]) == UNKNOWN and utterances(["utt2spk"]) == UNKNOWN
    dataset(tmp_path, 12, "prepared")
    assert utterances([data]) == 12
    part = tmp_path / "mfcc13" / "corpus" / "train@2of5" / "feats.scp"
    assert utterances([part]) == 3  # of a part that is not there yet, its share
    dataset(tmp_path, 0)
    assert utterances([data]) == 0


def test_a_small_corpus_asks_for_one_thread_and_a_large_one_for_more(tmp_path):
    small, large = dataset(tmp_path, 100), dataset(tmp_path, 400_000, split="test")
    assert asked("features", small)[0] == 1
    for stage in ("features", "align", "export", "train_scorer", "train_gmm"):
        (threads, mb, minutes), (more, more_mb, longer) = asked(stage, small), asked(stage, large)
        assert 1 <= threads < more == NEEDS[stage].threads, stage
        assert 300 < mb < more_mb and minutes <= longer, stage


def test_a_retry_has_more_memory_and_time(tmp_path):
    path = dataset(tmp_path, 2500)
    (threads, mb, minutes), (again, twice, longer) = (asked("align", path, n) for n in (1, 2))
    assert again == threads and twice > 1.8 * mb and longer > 1.5 * minutes


def test_training_costs_by_epochs_and_parameters(tmp_path):
    path = dataset(tmp_path, 2500)
    small, large = ({"network": n, "epochs": e} for n, e in (("small", 2), ("paper", 40)))
    assert asked("train_tdnnf", path, train_tdnnf=small)[0] < 8
    minutes = [asked("train_tdnnf", path, train_tdnnf=section)[2] for section in (small, large)]
    assert minutes[1] > 5 * minutes[0]


def test_threads_of_the_configuration_stand(tmp_path):
    path = dataset(tmp_path, 100_000)
    assert asked("train_tdnnf", path, train_tdnnf={"threads": 3})[0] == 3
    assert asked("export", path, export={"jobs": 2})[0] == 2


def test_processes_that_train_together_have_a_thread_a_gpu_and_memory_each(tmp_path):
    few = dataset(tmp_path, 10)
    one, four = ({"processes": n, "network": "small", "epochs": 1} for n in (1, 4))
    assert asked("train_tdnnf", few, train_tdnnf=one)[0] < 4
    assert asked("train_tdnnf", few, train_tdnnf=four)[0] == 4
    memory = [asked("train_tdnnf", few, train_tdnnf=section)[1] for section in (one, four)]
    assert 3 * memory[0] < memory[1] < 5 * memory[0]
    on_gpus = Needs({"train_tdnnf": {"device": "cuda", "processes": 4}})
    assert on_gpus.resources("train_tdnnf")["gpu"] == 4


@pytest.mark.parametrize("stage", ["train_tdnnf", "export", "encode"])
def test_a_gpu_is_asked_for_where_the_configuration_says_so(stage, tmp_path):
    assert "gpu" not in Needs({stage: {"device": "cpu"}}).resources(stage)
    on_gpu = Needs({stage: {"device": "cuda"}})
    assert on_gpu.resources(stage)["gpu"] == 1
    large = dataset(tmp_path, 100_000)
    if stage != "train_tdnnf":  # which has processes beside it, that prepare minibatches
        assert on_gpu.threads(stage)(None, [large]) == 1 < Needs({}).threads(stage)(None, [large])
    several = Needs({stage: {"device": "cuda", "processes": 4}})
    assert several.resources(stage)["gpu"] == 4


RULES = {
    name: text
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for name, text in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(), re.M)
    if "shell:" in text
}


@pytest.mark.parametrize("name", [name for name in RULES if name in STAGES])
def test_threads_reach_every_stage_that_has_processes(name):
    """A rule has its own needs, or runs at once where Snakemake does."""
    text, options = RULES[name], options_of(load_stage(name))
    spread = {"jobs", "threads"} & options.keys()
    if spread and name != "kaldi_shards":  # whose jobs are shards
        assert re.search(r"--(jobs|threads) {threads}", text)
        assert f'threads: NEEDS.threads("{name}")' in text
    assert name not in NEEDS or "localrule" in text or f'NEEDS.resources("{name}")' in text


def test_no_rule_takes_all_that_a_machine_has():
    """Which a job of a cluster would ask for as well."""
    assert not [name for name, text in RULES.items() if "workflow.cores" in text]
    assert not NEEDS.keys() - RULES.keys() - STAGES.keys()
