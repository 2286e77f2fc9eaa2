"""Stage `import_published`: a published Kaldi model as the frozen acoustic model, of any wiring."""

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from pyscorer.contract.files import atomic_directory, read_json, shown
from pyscorer.errors import InputError
from pyscorer.kaldi.kaldi_encoder import at_rate, deep_node
from pyscorer.kaldi.model_directory import Normalisation, find_model, gather_model
from pyscorer.kaldi.pdf_phones import pdf_columns, phone_log_posteriors, read_phone_map
from pyscorer.kaldi.published_model import PublishedModel, load_published
from pyscorer.options import option
from pyscorer.pretrained.encoder_layers import Ivectors

log = logging.getLogger(__name__)

XENT, CHAIN = "output-xent", "output"
SETTINGS, _MAP, _PHONES = "published.json", "phone_map.yaml", "am/phones.txt"


@dataclass(frozen=True)
class ImportPublishedOptions:
    """What is taken of the model, and how it listens."""

    node: str | None = option(
        None, "whose output are the deep features; left out: the last before the outputs"
    )
    posteriors: Literal["auto", "output-xent", "output"] = option(
        "auto", "output that posteriors are of; auto: output-xent if it has one, else chain output"
    )
    left_out: tuple[str, ...] = option((), "phones that may be without any phone of the model")
    ivectors: Ivectors = option(
        "utterance", "one i-vector from the whole recording, or online, as a stream has them"
    )
    normalisation: Normalisation | None = option(
        None, "what the network takes: MFCC raw, less the mean of the utterance, or online CMVN"
    )


@dataclass(frozen=True)
class PublishedSettings:
    """What published.json holds."""

    node: str
    output: str
    left_out: tuple[str, ...]
    ivectors: Ivectors
    dimension: int
    """Of the deep features."""
    parameters: int
    """Of the network."""


@dataclass(frozen=True, eq=False)
class PublishedAcoustics:
    """A published model as source of deep features and phone posteriors."""

    model: PublishedModel
    settings: PublishedSettings
    columns: np.ndarray
    """pdfs x 41, see `pdf_phones.pdf_columns`."""

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deep features (T x D) and log-posteriors (T x 41) of a recording at 16 kHz."""
        node, output = self.settings.node, self.settings.output
        recording = at_rate(self.model, samples)
        outputs, _ = self.model.hear(recording, (node, output), self.settings.ivectors)
        return outputs[node], phone_log_posteriors(outputs[output], self.columns)


def import_published(
    model: Path,
    out: Path,
    options: ImportPublishedOptions = ImportPublishedOptions(),
    phones: Path | None = None,
    phone_map: Path | None = None,
    extractor: Path | None = None,
    mfcc_conf: Path | None = None,
) -> None:
    """Take a published Kaldi model of any feed-forward wiring as the frozen acoustic model.

    `model` is a model's directory or its final.mdl (`model_directory.find_model`); what is not
    found beside it may be named: `phones` (phones.txt), `extractor` (of i-vectors), `mfcc_conf`.
    `phone_map` is a YAML file: phone of the model -> phone or phones of this package; without it
    the model's phones must be ARPAbet. All of it is copied into the directory `out`, which
    export_published and bundles take, with `out/published.json` and `out/log.csv` (empty: nothing
    was trained).

    Posteriors of `output-xent` are those of pdfs given a frame. A chain output is trained on whole
    sequences: its rows, normalised, are no posteriors of frames, but sharper; that is logged.

    Raises InputError as `find_model`, `load_published` and `pdf_phones.pdf_columns` do, and for a
    node that the network has not.
    """
    files = find_model(
        model, extractor=extractor, mfcc_conf=mfcc_conf, normalisation=options.normalisation
    )
    loaded = load_published(files)
    node, output = options.node or deep_node(loaded), str(options.posteriors)
    if output == "auto":
        output = XENT if XENT in loaded.network.nodes else CHAIN
    for name in (node, output):
        if name not in loaded.network.nodes:
            known = ", ".join(loaded.network.nodes)
            raise InputError(f"{files.mdl}: the network has no node {shown(name)}; it has {known}")
    named = phones or files.phones or files.mdl.with_name("phones.txt")
    columns = _columns(loaded, output, named, phone_map, options.left_out)
    settings = PublishedSettings(
        node, output, options.left_out, options.ivectors, loaded.network.dims[node],
        _parameters(loaded),
    )  # fmt: skip
    with atomic_directory(out) as part:
        gather_model(files, part)
        shutil.copy(named, part / _PHONES)
        if phone_map is not None:
            shutil.copy(phone_map, part / _MAP)
        (part / SETTINGS).write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")
        (part / "log.csv").write_text("epoch,train_objf,valid_objf\n", encoding="utf-8")
    log.info(
        "%s: %d pdfs, %d parameters; deep features of %s (%d), posteriors of %s",
        *(model, len(columns), settings.parameters, node, settings.dimension, output),
    )
    if output == CHAIN:
        log.warning(
            "%s: posteriors of the chain output, which is trained on sequences, not on frames: GOP "
            "of it is sharper than that of an output-xent, and not to be compared with it",
            model,
        )


def load_acoustics(directory: Path) -> PublishedAcoustics:
    """Read a directory of `import_published`. InputError if a part is missing or damaged."""
    path = directory / SETTINGS
    try:
        settings = TypeAdapter(PublishedSettings).validate_python(read_json(path))
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(
            f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}: run import_published"
        ) from None
    loaded = load_published(find_model(directory))
    for name in (settings.node, settings.output):
        if name not in loaded.network.nodes:
            raise InputError(f"{path}: the network has no node {name}: run import_published again")
    phone_map = directory / _MAP
    columns = _columns(
        *(loaded, settings.output, directory / _PHONES),
        *(phone_map if phone_map.exists() else None, settings.left_out),
    )
    return PublishedAcoustics(loaded, settings, columns)


def _columns(
    loaded: PublishedModel,
    output: str,
    phones: Path,
    phone_map: Path | None,
    left_out: tuple[str, ...],
) -> np.ndarray:
    transitions, mdl = loaded.nnet.transition_model, loaded.files.mdl
    if transitions is None:
        raise InputError(f"{mdl}: a raw network: the phones of its pdfs are not known")
    mapping = read_phone_map(phone_map) if phone_map else None
    columns = pdf_columns(transitions, phones, mapping, left_out)
    if loaded.network.dims[output] != len(columns):
        raise InputError(
            f"{mdl}: {output} has {loaded.network.dims[output]} numbers, the transition model "
            f"{len(columns)} pdfs: the file was put together wrongly"
        )
    return columns


_WEIGHTS = ("LinearParams", "BiasParams", "Params")
"""Fields of components that were trained."""


def _parameters(loaded: PublishedModel) -> int:
    components = loaded.nnet.components.values()
    return sum(
        component.fields[name].size
        for component in components
        for name in _WEIGHTS
        if name in component.fields and not component.type.startswith("Fixed")
    )
