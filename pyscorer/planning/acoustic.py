"""The source of a run's acoustic model, and what it cannot give to what the run plans."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from pyscorer.config import Run
from pyscorer.contract.files import atomic_open, read_text
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.ivector_extractor import extractor_files
from pyscorer.kaldi.model_directory import ModelFiles, find_model
from pyscorer.kaldi.wiring import is_own_wiring
from pyscorer.planning.commands import Config, stage_section
from pyscorer.planning.hearing import Hearing
from pyscorer.planning.rows import Rows
from pyscorer.pretrained.packaged import PACKAGED, model_path


@dataclass(frozen=True)
class Acoustic:
    """The acoustic model of a run: trained, or Kaldi's.

    Kaldi's is taken by import_kaldi, as if it were trained here, where it is a final.mdl wired as
    our own; else by import_published: a directory, another wiring, or with a phone map.
    """

    config: Config
    run: Run

    @property
    def of_kaldi_engine(self) -> bool:
        """Whether the kaldi engine trains it, with i-vectors: of another wiring than our own."""
        own = self.config.get("engine") == "kaldi" and "acoustic_model" not in self.config
        return own and bool(self.config.get("kaldi", {}).get("ivectors"))

    @property
    def word_positions(self) -> bool:
        """Whether the kaldi engine trains it on phones by their place in a word."""
        own = self.config.get("engine") == "kaldi" and "acoustic_model" not in self.config
        return own and bool(self.config.get("kaldi", {}).get("word_positions"))

    @cached_property
    def named(self) -> Path | None:
        """What `acoustic_model` names; of a packaged model its directory."""
        if self.of_kaldi_engine:
            return self.run.work / "kaldi" / "chain" / "model"
        given = self.config.get("acoustic_model")
        return given and (model_path(Path(given)) if given in PACKAGED else Path(given))

    @cached_property
    def published(self) -> bool:
        """Whether import_published takes it."""
        if self.named is None:
            return False
        asked = "phone_map" in self.config or "import_published" in self.config
        return asked or self.of_kaldi_engine or self.named.is_dir() or not is_own_wiring(self.named)

    @cached_property
    def files(self) -> ModelFiles:
        """The files of a published model. InputError for what is not found, or cannot be."""
        assert self.named is not None
        if self.of_kaldi_engine:
            mdl, conf, phones = (self.named / n for n in ("final.mdl", "mfcc.conf", "phones.txt"))
            return ModelFiles(mdl, conf, "raw", 3, self.named / "ivector_extractor", phones=phones)
        with naming("acoustic_model"):
            return find_model(
                self.named,
                extractor=self._path("extractor"),
                mfcc_conf=self._path("mfcc_conf"),
                normalisation=self._section.get("normalisation"),
            )

    @property
    def model(self) -> Path:
        """What tells that the model is there."""
        place = "published/published.json" if self.published else "tdnnf/final.pt"
        return self.run.work / place

    @property
    def mdl(self) -> Path | None:
        """The final.mdl that is named."""
        return self.files.mdl if self.published else self.named

    @property
    def kaldi(self) -> Path:
        """The model in Kaldi's form: what tells that it is there, or the folder itself."""
        return self.model if self.published else self.run.results / "kaldi"

    @property
    def read(self) -> list[Path]:
        """All files that import_published reads."""
        if not self.published:
            return []
        files = self.files
        if self.of_kaldi_engine:  # of which nothing is there yet
            folder = files.mdl.parent
            return [files.mdl, folder / "cmvn_opts", folder / "ivector_extractor" / "final.ie"]
        own = [files.mdl, files.mfcc_conf, self._path("phones") or files.phones]
        own += [files.global_cmvn, files.online_cmvn, self.phone_map]
        found = [path for path in own if path is not None]
        extractor = extractor_files(files.extractor) if files.extractor else {}
        return [*found, *extractor.values()]

    @property
    def options(self) -> dict[str, Any]:
        """What import_published is given besides its own section."""
        online = {"ivectors": "online"} if self.of_kaldi_engine else {}
        return (
            {"model": self.named}
            | online
            | ({"phone_map": self.phone_map} if self.phone_map else {})
        )

    @property
    def phone_map(self) -> Path | None:
        """The file of the phone map; that of one in the configuration is in the run's folder."""
        given = self.config.get("phone_map")
        return (
            self.run.work / "phone_map.yaml"
            if isinstance(given, Mapping)
            else given and Path(given)
        )

    def check(self) -> None:
        """Raise InputError for a model that cannot be, and what is not found of a published one."""
        if self.named is not None and self.named.is_file() and self.named.suffix != ".mdl":
            raise InputError(
                f"acoustic_model: {self.named}: neither a final.mdl nor a model's directory"
            )
        if self.published and not (self.files.phones or self._path("phones")):
            raise InputError(
                f"acoustic_model: {self.named}: no phones.txt there: name the model's own in "
                "import_published.phones"
            )

    def write_phone_map(self) -> None:
        """Write a phone map of the configuration down, where it is another than before."""
        given, path = self.config.get("phone_map"), self.phone_map
        if not isinstance(given, Mapping) or path is None:
            return
        text = yaml.safe_dump(dict(given), sort_keys=False, allow_unicode=True)
        if not path.exists() or read_text(path) != text:
            with atomic_open(path) as stream:
                stream.write(text)

    @property
    def ivectors(self) -> dict[str, Path]:
        """What the stage ivectors is given: the extractor, that of the model where none is named.

        And the mfcc.conf of the model, which the features of the run must be made as.
        """
        section = stage_section(self.config, "ivectors")
        if section.get("extractor"):
            return {"extractor": Path(section["extractor"])}
        if not self.published or self.of_kaldi_engine or self.files.extractor is None:
            return {}
        return {"extractor": self.files.extractor, "mfcc_conf": self.files.mfcc_conf}

    @property
    def _section(self) -> dict[str, Any]:
        return stage_section(self.config, "import_published")

    def _path(self, name: str) -> Path | None:
        return Path(self._section[name]) if name in self._section else None


def check_acoustic(config: Config, run: Run, rows: Rows | None) -> None:
    """Raise InputError for what the run's acoustic model cannot be, or cannot give.

    A network that is trained by cross-entropy has no chain output to decode with; a published
    model has no states to measure without its tree, and of another wiring than ours no layers to
    train and no graph to decode with.
    """
    acoustic = Acoustic(config, run)
    if stage_section(config, "train_tdnnf").get("objective") == "xent":
        _check_xent(config, run)
    if acoustic.named is None:
        for key in ("phone_map", "import_published"):
            if key in config:
                raise InputError(f"{key}: there is no acoustic_model that it is of")
        if acoustic.word_positions and rows:
            _check_word_positions(rows)
        return
    acoustic.check()
    if acoustic.published:
        _check_published(acoustic, rows)
    elif rows:
        _check_tree(acoustic.named.with_name("tree"), rows)


def _check_published(acoustic: Acoustic, rows: Rows | None) -> None:
    what = f"acoustic_model {acoustic.named} is taken as a published model of any wiring"
    _check_decoders(acoustic.config, acoustic.run, f"{what}, which has no graph to decode with")
    if rows is None:
        return
    for lacking, why in (
        (rows.reading("transition_gop"), "read transition_gop, which needs a tree of our phones"),
        (rows.unfrozen, "train layers of the acoustic model, which only our own wiring lets"),
    ):
        if lacking:
            raise InputError(
                f"paper1: rows {', '.join(lacking)} {why}; {what}: name the other rows in "
                "paper1.only"
            )


def _check_word_positions(rows: Rows) -> None:
    if lacking := rows.reading("transition_gop"):
        raise InputError(
            f"paper1: rows {', '.join(lacking)} read transition_gop, which needs a tree of our "
            "phones; kaldi.word_positions: the tree is one of phones by place in a word: name the "
            "other rows in paper1.only, or leave word positions out"
        )


def _check_xent(config: Config, run: Run) -> None:
    where = "train_tdnnf.objective: xent"
    if "acoustic_model" in config:
        raise InputError(f"{where}: no network is trained where there is an acoustic_model")
    if config["engine"] == "kaldi":
        raise InputError(f"{where}: engine kaldi trains with lfmmi alone; engine torch with either")
    _check_decoders(config, run, f"{where}: it gives no chain output", ", or train with lfmmi")


def _check_decoders(config: Config, run: Run, why: str, instead: str = "") -> None:
    """Raise InputError where the run's own network would decode recorded responses."""
    speech = Hearing(config, run).speech
    if speech is None:
        return
    own = {"own"} if stage_section(config, "decode_vosk").get("model") else {"own", "vosk"}
    for key, decoder in (
        ("decoder", speech.get("decoder", "own")),
        ("second", speech.get("second")),
    ):
        if decoder in own:
            raise InputError(
                f"{why}, which decoder {decoder} of proficiency.speech.{key} needs: name another "
                f"decoder{instead}"
            )


def _check_tree(tree: Path, rows: Rows) -> None:
    if not tree.exists() and (lacking := rows.reading("transition_gop")):
        raise InputError(
            f"paper1: rows {', '.join(lacking)} read transition_gop, which needs the tree of "
            f"acoustic_model, but there is no {tree}: put it there, or name the other rows in "
            "paper1.only"
        )
