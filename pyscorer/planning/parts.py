"""Key `shards`: datasets that go through the stages in parts, and what is gathered of them.

Part 3 of 8 of the dataset `c/train` is the dataset `c/train@3of8`: every rule runs on it as on any.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyscorer.config import Run, flags
from pyscorer.errors import InputError
from pyscorer.planning.commands import Config, stage_section
from pyscorer.planning.hearing import DECODERS

_POOLED = ("phones.scp", "segments.csv", "columns.txt")
_DECODED = ("hyp.text", "words.ctm", "nbest.csv", "decoder.json")
GATHERED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "data": (("heard", "validate"), ("utt2spk", "lexicon.txt")),
    "mfcc13": (("features",), ("feats.scp", "cmvn.scp")),
    "mfcc40": (("features",), ("feats.scp", "cmvn.scp")),
    "ivectors": (("ivectors",), ("ivector.scp", "ivector_period")),
    "ali": (("align",), ("ali.scp", "phones.ctm", "words.ctm")),
    "deep": (("export_published", "export"), ("embed.scp", "post.scp", "frame_shift")),
    "pool": (("pool",), _POOLED),
    "pool_encoded": (("pool_encoded_part", "pool_encoded"), _POOLED),
    "gop": (("gop",), ("gop.csv", "phones.scp")),
    "transition_gop": (("transition_gop",), ("phones.scp",)),
    "prosody": (("prosody",), ("phones.scp",)),
    "ctc_posteriors": (("ctc_posteriors",), ("frame_shift", "post.scp", "tokens.json")),
    "ctc_gop": (("ctc_gop",), ("phones.scp", "heard.csv", "phone_map.txt")),
    "recogniser_view": (("recogniser_view",), ("words.csv", "utterances.csv")),
    "heard_phones": (("heard_phones",), ("phones.scp",)),
} | {stage: ((stage,), _DECODED) for stage in DECODERS.values()}
"""Folder -> the rules that write parts of it, and the files that rules name of it."""
_HEARD = "heard-"


@dataclass(frozen=True)
class Parts:
    """The parts of a run's datasets."""

    config: Config
    run: Run

    def check(self) -> None:
        """Raise InputError for an unknown dataset, and for the kaldi engine, which has its own."""
        named = self._named
        if isinstance(named, dict) and (unknown := [n for n in named if n not in self._datasets]):
            raise InputError(
                f"shards.{unknown[0]}: no dataset of this run: {', '.join(self._datasets)}"
            )
        if self.config["engine"] == "kaldi" and self.numbers:
            raise InputError(
                "shards: engine kaldi has shards of its own (kaldi.jobs): take shards out"
            )

    @property
    def numbers(self) -> dict[str, int]:
        """The datasets that have more than one part, with their number."""
        named = self._named
        given = named if isinstance(named, dict) else dict.fromkeys(self._datasets, named)
        return {dataset: number for dataset, number in given.items() if number > 1}

    @property
    def egs(self) -> list[str]:
        """Datasets and parts that the acoustic model learns from as egs; none without parts."""
        if "acoustic_model" in self.config or not self.numbers.keys() & set(self.run.acoustic):
            return []
        datasets = self.run.acoustic
        return [part for d in datasets for part in (self._parts(d) if d in self.numbers else [d])]

    @property
    def counted(self) -> dict[str, Any]:
        """Options of chain_statistics: what chain_graphs is given of what is counted."""
        given = stage_section(self.config, "chain_graphs")
        return {name: given[name] for name in ("ngram_order",) if name in given}

    @property
    def pattern(self) -> str:
        """What the datasets that are gathered match, those that were heard among them."""
        return f"({_HEARD})?({'|'.join(map(re.escape, self.numbers))})"

    def gathered(self, folder: str) -> Callable[..., list[Path]]:
        """Input function: the files that tell that the parts of a dataset's `folder` are whole."""
        _, files = GATHERED[folder]

        def parts(wildcards: Any) -> list[Path]:
            return [self.run.work / folder / part / files[0] for part in self._of(wildcards)]

        return parts

    def reports(self, folder: str) -> Callable[..., str]:
        """Params function: flags of gather for what validate reports, in folder `data`."""

        def named(wildcards: Any) -> str:
            if folder != "data" or wildcards.dataset.startswith(_HEARD):
                return ""
            found = [self.report(part) for part in self._of(wildcards)]
            return flags({"reports": found, "report": self.report(wildcards.dataset)})

        return named

    def report(self, dataset: str) -> Path:
        """Where validate reports the faults of a dataset, or of a part of one."""
        folder = self.run.work / "faults" if "@" in dataset else self.run.results
        return folder / f"faults.{dataset.replace('/', '.')}.csv"

    def _of(self, wildcards: Any) -> list[str]:
        return self._parts(wildcards.dataset)

    def _parts(self, dataset: str) -> list[str]:
        number = self.numbers[dataset.removeprefix(_HEARD)]
        return [f"{dataset}@{part}of{number}" for part in range(1, number + 1)]

    @property
    def _named(self) -> int | dict[str, int]:
        named: int | dict[str, int] = self.config.get("shards", 1)
        return named

    @property
    def _datasets(self) -> list[str]:
        own = [f"{self.run.corpus}/{split}" for split in ("train", "test")]
        return list(dict.fromkeys([*own, *self.run.acoustic, *self.run.unlabelled]))
