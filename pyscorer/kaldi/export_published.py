"""Stage `export_published`: deep features and phone posteriors of a published Kaldi model."""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.contract.archives import archive_writer
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_data_dir, read_wav
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.kaldi_encoder import at_rate, deep_node
from pyscorer.kaldi.model_directory import Normalisation, find_model
from pyscorer.kaldi.phone_map import pdf_columns, phone_log_posteriors, read_phone_map
from pyscorer.kaldi.published_model import Mode, PublishedModel, load_published
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

XENT, CHAIN = "output-xent", "output"


@dataclass(frozen=True)
class ExportPublishedOptions:
    """What is taken of the model, and how it listens."""

    node: str | None = option(
        None, "whose output are the deep features; left out: the last before the outputs"
    )
    posteriors: Literal["auto", "output-xent", "output"] = option(
        "auto", "output that posteriors are of; auto: output-xent if it has one, else chain output"
    )
    left_out: tuple[str, ...] = option((), "phones that may be without any phone of the model")
    ivectors: Mode = option(
        "utterance", "one i-vector from the whole recording, or online, as a stream has them"
    )
    normalisation: Normalisation | None = option(
        None, "what the network takes: MFCC raw, less the mean of the utterance, or online CMVN"
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


@dataclass(frozen=True, eq=False)
class PublishedAcoustics:
    """A published model as source of deep features and phone posteriors."""

    model: PublishedModel
    node: str
    output: str
    columns: np.ndarray
    """pdfs x 41, see `phone_map.pdf_columns`."""
    ivectors: Mode

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deep features (T x D) and log-posteriors (T x 41) of a recording at 16 kHz."""
        nodes = (self.node, self.output)
        outputs, _ = self.model.hear(at_rate(self.model, samples), nodes, self.ivectors)
        return outputs[self.node], phone_log_posteriors(outputs[self.output], self.columns)


def load_acoustics(
    model: Path,
    options: ExportPublishedOptions,
    phones: Path | None = None,
    phone_map: Path | None = None,
    extractor: Path | None = None,
    mfcc_conf: Path | None = None,
) -> PublishedAcoustics:
    """A model ready to give both; arguments and errors as of `export_published`."""
    normalisation = options.normalisation
    files = find_model(
        model, extractor=extractor, mfcc_conf=mfcc_conf, normalisation=normalisation
    )
    loaded = load_published(files)
    transitions = loaded.nnet.transition_model
    if transitions is None:
        raise InputError(f"{files.mdl}: a raw network: the phones of its pdfs are not known")
    named = phones or files.phones or files.mdl.parent / "phones.txt"
    columns = pdf_columns(
        transitions, named, read_phone_map(phone_map) if phone_map else None, options.left_out
    )
    node, output = options.node or deep_node(loaded), options.posteriors
    if output == "auto":
        output = XENT if XENT in loaded.network.nodes else CHAIN
    for name in (node, output):
        if name not in loaded.network.nodes:
            known = ", ".join(loaded.network.nodes)
            raise InputError(f"{files.mdl}: the network has no node {name}; it has {known}")
    if loaded.network.dims[output] != len(columns):
        raise InputError(
            f"{files.mdl}: {output} has {loaded.network.dims[output]} numbers, the transition "
            f"model {len(columns)} pdfs: the file was put together wrongly"
        )
    return PublishedAcoustics(loaded, node, output, columns, options.ivectors)


def export_published(
    data: Path,
    model: Path,
    out: Path,
    options: ExportPublishedOptions = ExportPublishedOptions(),
    phones: Path | None = None,
    phone_map: Path | None = None,
    extractor: Path | None = None,
    mfcc_conf: Path | None = None,
) -> None:
    """Compute what `export` does, by a published Kaldi model of any feed-forward wiring.

    `data` is a data directory, `model` a model's directory or its final.mdl (`find_model`); what is
    not found beside it may be named: `phones` (phones.txt), `extractor` (of i-vectors) and
    `mfcc_conf`. `phone_map` is a YAML file: phone of the model -> phone or phones of this package;
    without it the model's phones must be ARPAbet. Writes `out/embed.scp` (T' x D, node `node`),
    `out/post.scp` (T' x 41: log-posteriors of phone ids 1..41, of a pdf for every phone that it is
    of) and `out/frame_shift` (seconds). Streams.

    Posteriors of `output-xent` are those of pdfs given the frame. A chain output is trained on
    whole sequences: its rows, normalised, are no posteriors of frames, but sharper and late; that
    is logged.

    Raises InputError as `find_model`, `load_published` and `phone_map.pdf_columns` do, and, naming
    the utterance, for a recording that cannot be read or is shorter than a frame.
    """
    utterances = read_data_dir(data).utterances
    if not utterances:
        raise InputError(f"{data}: no utterances")
    source = load_acoustics(model, options, phones, phone_map, extractor, mfcc_conf)
    log.info("%s: deep features of %s, posteriors of %s", model, source.node, source.output)
    if source.output == CHAIN:
        log.warning(
            "%s: posteriors of the chain output, which is trained on sequences, not on frames: "
            "GOP of it is sharper than that of an output-xent, and not to be compared with it",
            model,
        )
    started, seconds = time.monotonic(), 0.0
    with ExitStack() as stack:
        write_embedding = stack.enter_context(archive_writer(out / "embed.scp"))
        write_posteriors = stack.enter_context(archive_writer(out / "post.scp"))
        results = shared_map(_heard, source, utterances.values(), options.jobs)
        bar = progress_bar(results, total=len(utterances), desc="export_published", unit="utt")
        for key, lasts, embedding, posteriors in bar:
            write_embedding(key, embedding)
            write_posteriors(key, posteriors)
            seconds += lasts
    with atomic_open(out / "frame_shift") as stream:
        stream.write(f"{source.model.frame_shift:g}\n")
    elapsed = time.monotonic() - started
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.0f times faster than real time",
        *(len(utterances), seconds, elapsed, seconds / elapsed),
    )


@one_thread()
def _heard(
    source: PublishedAcoustics, utterance: Utterance
) -> tuple[str, float, np.ndarray, np.ndarray]:
    samples = read_wav(utterance)
    with naming(f"utterance {utterance.key}"):
        return utterance.key, len(samples) / SAMPLE_RATE, *source(samples)
