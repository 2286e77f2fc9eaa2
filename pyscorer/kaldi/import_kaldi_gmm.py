"""Kaldi's GMM-HMMs (monophone or triphone): final.mdl, tree and L.fst as they stand.

The stage `import_kaldi_gmm` makes monophones of Kaldi's the GMM of this package's own stages.

Sources: Kaldi's gmm/am-diag-gmm.cc and gmm/diag-gmm.cc (Read), bin/compile-train-graphs.cc.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldi_hmm_gmm as khg
import kaldifst
import numpy as np

from pyscorer.alignment.gmm_model import Gmm, KaldiModel, set_log_probs, transition_tables
from pyscorer.chain.fst import read_transducer, read_vector_fst
from pyscorer.contract.files import atomic_open, opened
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import read_phones
from pyscorer.kaldi.lang_phones import LangPhones, known_phones
from pyscorer.kaldi.stream import KaldiReader
from pyscorer.kaldi.transition_model import (
    NO_PDF,
    Topology,
    TransitionModel,
    read_topology,
    read_transition_model,
)
from pyscorer.kaldi.tree_file import read_context


def import_kaldi_gmm(model: Path, tree: Path, out: Path) -> None:
    """Take Kaldi's monophones (final.mdl and tree) in the place of those that train_gmm makes.

    They must have been trained on MFCC-13 with deltas, less the mean of the speaker, and have the
    phones of `phones.PHONES` (those of a `phones.txt` beside the model are compared) in Kaldi's
    usual topology: five states for SIL and SPN. With word-position phones, whose pdfs must be
    shared, a phone's transitions are the mean of those of its places. Writes `out/final.npz` for
    align, gop and bundle, and `out/log.csv` (empty: nothing was trained).

    Raises InputError for any other model, naming what differs.
    """
    if (phones := known_phones(read_phones(model.parent / "phones.txt"))) is None:
        raise InputError(
            f"{model.parent / 'phones.txt'}: phones must be: {' '.join(PHONES[1:])}; or these with "
            "word positions, as the kaldi engine makes them"
        )
    gmm = read_kaldi_gmm(model, tree)
    log_probs = _log_probs(gmm.transitions, phones)
    if log_probs is None:
        raise InputError(
            f"{model}: {gmm.transitions.num_pdfs} pdfs: not monophones with three states a phone "
            "and five for silence and noise, as gmm-init-mono makes them"
        )
    mixtures = [gmm.model.gmm.get_pdf(pdf) for pdf in range(gmm.transitions.num_pdfs)]
    if mixtures[0].dim != 39:
        raise InputError(f"{model}: features of {mixtures[0].dim} dimensions, not 39")
    Gmm(
        np.concatenate([mixture.weights for mixture in mixtures]),
        np.concatenate([mixture.means for mixture in mixtures]),
        np.concatenate([mixture.vars for mixture in mixtures]),
        np.repeat(np.arange(len(mixtures)), [mixture.num_gauss for mixture in mixtures]),
        log_probs,
    ).save(out / "final.npz")
    with atomic_open(out / "log.csv") as stream:
        stream.write("iteration,log_likelihood\n")


def _log_probs(transitions: TransitionModel, phones: LangPhones) -> np.ndarray | None:
    """Log-probabilities of our monophones' transitions; None where their pdfs are others."""
    rows, ours = transitions.transition_table[1:], transition_tables()
    owner, log_probs = transitions.tuples[rows[:, 0], 0], np.asarray(transitions.log_probs)
    found = [log_probs[:1]]
    for number, versions in enumerate(phones.sets(), 1):
        places = [np.flatnonzero(owner == version) for version in versions]
        wanted = ours.pdf[1:][ours.phone[1:] == number]
        if any(not np.array_equal(rows[place, 2], wanted) for place in places):
            return None
        each = np.array([log_probs[1 + place] for place in places], dtype=np.float64)
        found.append(each[0] if len(each) == 1 else np.log(np.exp(each).mean(axis=0)))
    return np.concatenate(found).astype(np.float32)


@dataclass(frozen=True)
class KaldiGmm:
    """A GMM-HMM from Kaldi's files."""

    model: KaldiModel
    transitions: TransitionModel


def read_kaldi_topology(path: Path) -> Topology:
    """Read Kaldi's `topo` file, text or binary."""
    return read_topology(KaldiReader(path))


def read_kaldi_gmm(model: Path, tree: Path) -> KaldiGmm:
    """Read `final.mdl` (text or binary, gzipped if it ends in `.gz`) and its binary `tree`.

    Features must be what the model was trained on: MFCC with deltas for mono and tri1 systems; the
    transforms of LDA+MLLT and SAT systems are not read. Raises InputError for damaged files and
    where tree and model do not belong together.
    """
    reader = KaldiReader(model)
    transitions = read_transition_model(reader)
    gmm = _read_gmm(reader)
    context = _read_tree(tree)
    if not context.num_pdfs == gmm.num_pdfs == transitions.num_pdfs:
        raise InputError(
            f"{model}: {gmm.num_pdfs} pdfs, its transitions {transitions.num_pdfs}, {tree} "
            f"{context.num_pdfs}: they do not belong together"
        )
    topology = khg.HmmTopology()
    try:
        topology.read(topology_text(transitions.topology))
        untrained = khg.TransitionModel(context, topology)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{model}: a topology that {tree} cannot have ({reason})") from None
    table = transitions.transition_table
    count = untrained.num_transition_ids
    if count + 1 != len(table) or any(
        untrained.transition_id_to_phone(i) != transitions.tuples[table[i, 0], 0]
        or untrained.transition_id_to_pdf(i) != table[i, 2]
        for i in range(1, count + 1)
    ):
        raise InputError(f"{tree}: its contexts are not those of {model}")
    trained = set_log_probs(untrained, np.asarray(transitions.log_probs, dtype=np.float32))
    return KaldiGmm(KaldiModel(topology, context, trained, gmm), transitions)


def _read_tree(path: Path) -> khg.ContextDependency:
    with opened(path) as stream:
        data = stream.read()
    if data[:20] != b"\0BContextDependency ":
        raise InputError(f"{path}: not a binary Kaldi tree (copy-tree makes one of a text tree)")
    read_context(path)  # checks all, since what follows does not
    tree = khg.ContextDependency.__new__(khg.ContextDependency)
    try:
        tree.__setstate__((np.frombuffer(data[2:], dtype=np.int8).tolist(),))
    except RuntimeError as error:
        raise InputError(f"{path}: not a Kaldi tree, or damaged ({error})") from None
    return tree


def _read_gmm(reader: KaldiReader) -> khg.AmDiagGmm:
    reader.where = "the Gaussians"
    reader.expect("<DIMENSION>")
    dim = reader.integer()
    reader.expect("<NUMPDFS>")
    gmm = khg.AmDiagGmm()
    for pdf in range(reader.integer()):
        reader.where = f"pdf {pdf}"
        reader.expect("<DiagGMM>")
        token = reader.token()
        if token == "<GCONSTS>":
            reader.value("vector")
            token = reader.token()
        if token != "<WEIGHTS>":
            raise reader.fail(f"expected <WEIGHTS>, found {token[:40]}")
        weights = reader.value("vector")
        reader.expect("<MEANS_INVVARS>")
        means_invvars = reader.value("matrix")
        reader.expect("<INV_VARS>")
        inverse = reader.value("matrix")
        reader.expect("</DiagGMM>")
        if means_invvars.shape != inverse.shape or inverse.shape != (len(weights), dim):
            raise reader.fail(
                f"{len(weights)} weights, means {means_invvars.shape}, variances {inverse.shape}; "
                f"expected {len(weights)} x {dim}"
            )
        if not (
            np.isfinite(means_invvars).all()
            and (inverse > 0).all()
            and np.isfinite(inverse).all()
            and np.isfinite(weights).all()
            and (weights >= 0).all()
        ):
            raise reader.fail("a weight, mean or variance that is not a usable number")
        gmm.add_pdf(_mixture(weights, means_invvars / inverse, inverse))
    return gmm


def _mixture(weights: np.ndarray, means: np.ndarray, inverse: np.ndarray) -> khg.DiagGmm:
    mixture = khg.DiagGmm(*inverse.shape)
    mixture.set_weights(np.array(weights, dtype=np.float32))
    mixture.set_invvars_and_means(
        np.array(inverse, dtype=np.float32), np.array(means, dtype=np.float32)
    )
    mixture.compute_gconsts()
    return mixture


def log_likelihoods(model: KaldiModel, features: np.ndarray) -> np.ndarray:
    """Log-likelihood of every frame under every pdf, frames x pdfs: gmm-compute-likes."""
    frames = np.ascontiguousarray(features, dtype=np.float32)
    pdfs = range(model.gmm.num_pdfs)
    return np.array([[model.gmm.log_likelihood(pdf, frame) for pdf in pdfs] for frame in frames])


class KaldiGraphs:
    """Compiles training graphs from Kaldi's L.fst: compile-train-graphs."""

    def __init__(self, gmm: KaldiGmm, lexicon: Path, disambiguation: Sequence[int] = ()) -> None:
        """`lexicon` is L.fst, `disambiguation` the numbers of disambig.int."""
        self._gmm = gmm
        self._lexicon = read_vector_fst(lexicon)
        phones = set(gmm.transitions.topology.phones) | set(disambiguation) | {0}
        used = set(read_transducer(lexicon).arcs["ilabel"].tolist())
        if strange := sorted(used - phones):
            raise InputError(f"{lexicon}: phones {strange[:10]} are not in the model")
        self._options = khg.TrainingGraphCompilerOptions(0.0, 0.0, True)
        # The compiler keeps bare references to all of these.
        self._compiler = khg.TrainingGraphCompiler(
            gmm.model.transitions, gmm.model.tree, self._lexicon, list(disambiguation),
            self._options,
        )  # fmt: skip

    def __call__(self, words: Sequence[int]) -> kaldifst.StdVectorFst:
        """The graph of an utterance of words by number: transition-ids in, words out."""
        return self._compiler.compile_graph_from_text(list(words))


def topology_text(topology: Topology) -> str:
    """Kaldi's text form of a topology whose self-loops share the pdf of their state."""
    if not topology.is_hmm:
        raise InputError("a chain topology: GMMs have one pdf a state")
    lines = ["<Topology>"]
    for index, entry in enumerate(topology.entries):
        owners = [p for p in topology.phones if topology.entry_of_phone[p] == index]
        lines += ["<TopologyEntry>", "<ForPhones>", " ".join(map(str, owners)), "</ForPhones>"]
        for number, state in enumerate(entry):
            pdf = f"<PdfClass> {state.forward} " if state.forward != NO_PDF else ""
            arcs = "".join(f"<Transition> {to} {p:.9g} " for to, p in state.transitions)
            lines.append(f"<State> {number} {pdf}{arcs}</State>")
        lines.append("</TopologyEntry>")
    return "\n".join([*lines, "</Topology>"])
