"""Stage `export_vosk`: a model directory that Vosk loads."""

import logging
import shutil
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import cmvn_stats
from pyscorer.contract.archives import read_matrices
from pyscorer.contract.files import atomic_directory, read_text
from pyscorer.errors import InputError
from pyscorer.kaldi.ivector_extractor import extractor_files
from pyscorer.kaldi.mfcc_conf import MFCC40, check_same_features
from pyscorer.kaldi.model_directory import ModelFiles, find_model
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.stream import KaldiWriter
from pyscorer.recognition.decoder import Recogniser, SearchOptions
from pyscorer.recognition.hclg import phones_of

log = logging.getLogger(__name__)


def export_vosk(am: Path, graph: Path, feats: Path, out: Path, options: SearchOptions) -> None:
    """Make a Vosk model of a network and a decoding graph.

    `am` is a directory of export_kaldi or of import_published (whose extractor of i-vectors goes
    along), `graph` one of decoding_graph, `feats` the features (kind mfcc40) that the network was
    trained on. Vosk reads streams and cannot know the mean of an utterance: for a network that
    takes features less the mean it subtracts a running mean, which begins at that of `feats`. Words
    carry times of their own where the graph's phones are by place in a word.

    Raises InputError if the graph was made with another tree, and for a model that takes features
    less the mean, but others than `feats` are.
    """
    files = _files(am)
    nnet = read_nnet3(files.mdl)
    if nnet.transition_model is None:
        raise InputError(f"{files.mdl}: no transition model: Vosk needs one")
    pdfs = Recogniser(graph).num_pdfs
    if pdfs != nnet.transition_model.num_pdfs:
        raise InputError(
            f"{graph}: made with a tree of {pdfs} pdfs; {files.mdl} has "
            f"{nnet.transition_model.num_pdfs}"
        )
    phones = phones_of(graph / "phones.txt", {})
    with atomic_directory(out) as part:
        for folder in ("am", "conf", "graph"):
            (part / folder).mkdir()
        shutil.copy(files.mdl, part / "am" / "final.mdl")
        if files.normalisation == "mean":
            _write_stats(part / "am" / "global_cmvn.stats", files.mfcc_conf, feats)
        elif files.global_cmvn is not None:
            shutil.copy(files.global_cmvn, part / "am" / "global_cmvn.stats")
        shutil.copy(files.mfcc_conf, part / "conf" / "mfcc.conf")
        (part / "conf" / "model.conf").write_text(
            f"--beam={options.beam}\n--max-active={options.max_active}\n"
            f"--lattice-beam={options.lattice_beam}\n--acoustic-scale={options.acoustic_scale}\n"
            f"--min-active=200\n--frame-subsampling-factor={files.subsampling}\n"
            f"--endpoint.silence-phones={':'.join(map(str, phones.silence))}\n"
        )
        for name in ("HCLG.fst", "words.txt", "phones.txt"):
            shutil.copy(graph / name, part / "graph")
        if phones.marked:
            (part / "graph" / "phones").mkdir()
            (part / "graph" / "phones" / "word_boundary.int").write_text(
                "".join(f"{phone} {place}\n" for phone, place in phones.boundaries)
            )
        if files.extractor is not None:
            _copy_extractor(files.extractor, part / "ivector")
    log.info("%s: a Vosk model%s", out, "" if files.extractor is None else " with i-vectors")


def _files(am: Path) -> ModelFiles:
    """Of a directory of either stage."""
    if (am / "am").is_dir():
        return find_model(am)
    return find_model(am / "final.mdl", mfcc_conf=am / "mfcc.conf", normalisation="mean")


def _write_stats(path: Path, mfcc_conf: Path, feats: Path) -> None:
    """CMVN statistics of all that the network learnt from."""
    check_same_features(mfcc_conf, MFCC40)
    total = np.zeros((2, 0))
    for _, matrix in read_matrices(feats / "feats.scp"):
        stats = cmvn_stats(matrix)
        total = stats if not total.size else total + stats
    if not total.size:
        raise InputError(f"{feats / 'feats.scp'}: no utterances")
    with path.open("wb") as stream:
        writer = KaldiWriter(stream)
        writer.header()
        writer.value("matrix", total)
    log.info("running mean begins at that of %d frames", total[0, -1])


def _copy_extractor(extractor: Path, out: Path) -> None:
    """The files by the names that Vosk knows, options each on a line."""
    out.mkdir()
    for name, file in extractor_files(extractor).items():
        if name.endswith(".conf"):
            lines = (line.partition("#")[0].split() for line in read_text(file).splitlines())
            text = "".join(f"{option}\n" for line in lines for option in line)
            (out / name).write_text(text)
        else:
            shutil.copy(file, out / name)
