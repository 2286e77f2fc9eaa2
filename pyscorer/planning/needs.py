"""What a job asks for: threads, memory, time and GPUs, by its stage and the size of its input."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyscorer.config import all_options
from pyscorer.planning.commands import Config, stage_section


@dataclass(frozen=True)
class Need:
    """What a stage takes, rounded up: the acoustic and scoring stages as measured on speechocean762
    (utterances of 4 s), decoders, the kaldi engine and proficiency by estimate."""

    mb: float
    """Memory of its first process before it has read anything."""
    kb: float
    """What that grows by with each utterance."""
    seconds: float
    """CPU time an utterance."""
    threads: int = 1
    """How many it makes good use of."""
    thread_mb: float = 0
    """Memory of each further process."""
    start: float = 5
    """CPU seconds whatever the number of utterances."""


NEEDS = {
    "download": Need(300, 0, 0, 4, 100, start=300),  # where Snakemake runs: few
    "prepare": Need(150, 8, 0.001, 8, 100),
    "split_data": Need(150, 8, 0.001),
    "gather": Need(200, 4, 0.001),
    "validate": Need(150, 8, 0.005, 16, 20),
    "perturb": Need(150, 4, 0.006, 16, 120),
    "features": Need(150, 4, 0.006, 16, 120),
    "train_gmm": Need(300, 12, 0.065, 32, 300),
    "align": Need(320, 12, 0.005, 16, 320),
    "chain_statistics": Need(300, 1, 0.001),
    "chain_graphs": Need(300, 8, 0.001),
    "egs": Need(300, 10, 0.002),
    "train_tdnnf": Need(900, 8, 0.02, 8, start=30),  # an epoch of a million parameters
    "export": Need(300, 4, 0.006, 16, 280),
    "encode": Need(1300, 4, 0.2, 32, 800),
    "ctc_posteriors": Need(900, 4, 0.3, 32, 800),
    "recogniser_view": Need(800, 4, 0.19, 32, 700),
    "transcribe": Need(800, 4, 0.3, 32, 700),
    "decode": Need(600, 4, 0.1, 32, 500),
    "kaldi_decode": Need(800, 4, 0.3, 32, 700),
    "decode_vosk": Need(800, 4, 0.3, 32, 700),
    "ivectors": Need(500, 4, 0.05, 16, 400),
    "export_published": Need(500, 4, 0.2, 32, 400),
    "pool": Need(150, 8, 0.001),
    "gop": Need(320, 12, 0.011),
    "transition_gop": Need(340, 12, 0.013, 16, 330),
    "prosody": Need(150, 8, 0.019, 16, 120),
    "ctc_gop": Need(400, 8, 0.05),
    "train_learned_gop": Need(700, 25, 0.03),
    "learned_gop": Need(600, 25, 0.004),
    "heard_phones": Need(150, 8, 0.002),
    "train_baseline": Need(600, 60, 0.01, 8, 250),
    "train_scorer": Need(550, 2, 0.012, 16, 400),
    "pretrain_scorer": Need(650, 20, 0.025, 16, 500),
    "unfreeze_scorer": Need(900, 10, 0.09, 16, 700),
    "synthetic_scores": Need(500, 20, 0.003, 8, 250),
    "activations": Need(300, 12, 0.006, 16, 280),
    "train_grader": Need(900, 15, 0.1, 16, 500),
    "train_expert": Need(2000, 0, 0, start=3600),
    "expert_features": Need(2000, 0, 0, start=1200),
    "train_mixture": Need(2000, 0, 0, 8, start=600),
    "combine_experts": Need(2000, 0, 0, 8, 500, start=1200),
    "expert_tables": Need(2000, 0, 0, start=60),
    "answer_features": Need(1000, 20, 0.01),
    "judge_model": Need(2000, 0, 0, start=300),
    "decoding_graph": Need(2000, 0, 0, start=120),
    "export_vosk": Need(2000, 0, 0, start=120),
    "kaldi_lang": Need(500, 4, 0.005),
    "kaldi_features": Need(300, 0, 0.02),
    "kaldi_gmm": Need(500, 1, 0.2, 32, 300),
    "kaldi_align": Need(500, 1, 0.1),
    "kaldi_alignment": Need(300, 8, 0.005),
    "kaldi_chain_graphs": Need(1000, 1, 0.02),
    "kaldi_ivector_extractor": Need(1500, 1, 0.5, 32, 1000),
    "kaldi_ivectors": Need(1000, 0, 0.1),
    "kaldi_egs": Need(1000, 1, 0.2),
    "kaldi_train": Need(1500, 0, 0, start=600),
    "kaldi_average": Need(1500, 0, 0, start=100),
    "kaldi_combine": Need(3000, 0, 0, start=600),
    "kaldi_compute": Need(1000, 0, 0.2),
    "kaldi_posteriors": Need(500, 4, 0.02),
}
"""By stage; of those that count no utterances, the whole."""

UNKNOWN = 5000
"""Utterances of a dataset that is not there yet."""
_LISTS = ("utt2spk", "feats.scp")
_BUSY = 120
"""CPU seconds that a thread must have to do, or there is one less: one alone has work while a job
starts, and much of the time that a small network trains."""
_MILLIONS = {"paper": 8.2, "medium": 2.4, "small": 0.72}
_ONE_ON_GPU = {"export", "encode"}
"""Stages that are one process on a GPU."""
_SNAKEMAKE_MB = 300
"""Of Snakemake itself, in a job of a cluster."""


@dataclass(frozen=True)
class Needs:
    """Functions that Snakemake asks for threads and resources of a rule, once its input is there.

    A retry is given twice, then three times as much memory and time. A user's own `jobs` or
    `threads` in a section of the configuration stand.
    """

    config: Config

    def threads(self, stage: str) -> Callable[..., int]:
        """As many as have something to do; `--cores` takes away what a machine has not."""
        section = stage_section(self.config, stage)
        asked = section.get("jobs") or section.get("threads")

        def threads(wildcards: Any, input: Any) -> int:
            need = self._need(stage)
            busy = math.ceil(_cpu_seconds(need, input) / _BUSY)
            most = 1 if stage in _ONE_ON_GPU and self.gpus(stage) else need.threads
            return int(asked) if asked else max(self._processes(stage), min(most, busy))

        return threads

    def resources(self, stage: str) -> dict[str, Any]:
        """`mem_mb` and `runtime` (minutes) of a rule, and `gpu` where the stage takes one.

        `in_turn` has no limit but in a profile whose groups do their steps one after another.
        """
        need = self._need(stage)
        alike = self._processes(stage)  # each reads all

        def mem_mb(wildcards: Any, input: Any, threads: int, attempt: int) -> int:
            spread = need.thread_mb * (threads if threads > 1 else 0)
            read = alike * (need.mb + need.kb * utterances(input) / 1000)
            return 100 * math.ceil(attempt * (_SNAKEMAKE_MB + 1.5 * (read + spread)) / 100)

        def runtime(wildcards: Any, input: Any, threads: int, attempt: int) -> int:
            minutes = _cpu_seconds(need, input) / 60 / min(threads, need.threads)
            return 5 * math.ceil(attempt * (10 + 3 * minutes) / 5)

        gpus = self.gpus(stage)
        asked = {"mem_mb": mem_mb, "runtime": runtime, "in_turn": 1}
        return asked | ({"gpu": gpus} if gpus else {})

    def gpus(self, stage: str) -> int:
        """GPUs that the configuration has a stage compute on: one for each of its `processes`."""
        device = str(stage_section(self.config, stage).get("device", "cpu"))
        return self._processes(stage) if device.startswith("cuda") else 0

    def _processes(self, stage: str) -> int:
        """How many train together."""
        return int(stage_section(self.config, stage).get("processes", 1))

    def _need(self, stage: str) -> Need:
        need = NEEDS[stage]
        if stage != "train_tdnnf":
            return need
        options = {k: v["default"] for k, v in all_options()[stage].items()}
        options |= stage_section(self.config, stage)
        cost = options["epochs"] * _MILLIONS[options["network"]]
        return replace(need, seconds=need.seconds * cost)


def _cpu_seconds(need: Need, input: Any) -> float:
    return need.start + need.seconds * utterances(input)


def utterances(input: Iterable[str | Path]) -> int:
    """About how many utterances the lists among input files hold."""
    files = [Path(file) for file in input]
    for name in _LISTS:
        if lists := [file for file in files if file.name == name]:
            return sum(map(_lines, lists))
    return sum(_lines(file) for file in files if file.suffix == ".scp")  # shards of Kaldi's


def _lines(file: Path) -> int:
    """About how many lines a file has, by its first ones.

    Of features that are not there yet, utterances of their data; of data, utterances prepared; of a
    part of such, its share of the whole.
    """
    if not file.exists():
        *work, _, corpus, split, _ = ["", "", "", *file.parts]
        before = [Path(*work, made, corpus, split, "utt2spk") for made in ("data", "prepared")]
        whole, _, part = split.partition("@")
        if part and not any(path.exists() for path in before):
            return math.ceil(
                _lines(before[0].parents[1] / whole / "utt2spk") / int(part.rpartition("of")[2])
            )
        file = next((path for path in before if path.exists()), file)
    try:
        with file.open("rb") as stream:
            head = stream.read(1 << 16)
    except FileNotFoundError:
        return UNKNOWN
    return math.ceil(file.stat().st_size * head.count(b"\n") / len(head)) if head else 0
