"""The monophone GMM-HMM: what it holds, its file, and its Kaldi objects.

Kaldi's objects come from kaldi-hmm-gmm. They keep bare references to each other, so `KaldiModel`
holds all of them together for as long as any is in use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import kaldi_hmm_gmm as khg
import numpy as np

from pyscorer.contract.files import atomic_path
from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES, SILENCE, UNKNOWN_PHONE
from pyscorer.contract.weights import load_arrays
from pyscorer.errors import InputError

_THREE_STATES = """<State> 0 <PdfClass> 0 <Transition> 0 0.75 <Transition> 1 0.25 </State>
<State> 1 <PdfClass> 1 <Transition> 1 0.75 <Transition> 2 0.25 </State>
<State> 2 <PdfClass> 2 <Transition> 2 0.75 <Transition> 3 0.25 </State>
<State> 3 </State>"""
_FIVE_STATES = """<State> 0 <PdfClass> 0 <Transition> 0 0.25 <Transition> 1 0.25 \
<Transition> 2 0.25 <Transition> 3 0.25 </State>
<State> 1 <PdfClass> 1 <Transition> 1 0.25 <Transition> 2 0.25 <Transition> 3 0.25 \
<Transition> 4 0.25 </State>
<State> 2 <PdfClass> 2 <Transition> 1 0.25 <Transition> 2 0.25 <Transition> 3 0.25 \
<Transition> 4 0.25 </State>
<State> 3 <PdfClass> 3 <Transition> 1 0.25 <Transition> 2 0.25 <Transition> 3 0.25 \
<Transition> 4 0.25 </State>
<State> 4 <PdfClass> 4 <Transition> 4 0.75 <Transition> 5 0.25 </State>
<State> 5 </State>"""


_SPEECH = tuple(PHONE_ID[phone] for phone in ARPABET)
_NOISE = (PHONE_ID[SILENCE], PHONE_ID[UNKNOWN_PHONE])


def topology_text(speech: Sequence[int] = _SPEECH, noise: Sequence[int] = _NOISE) -> str:
    """Kaldi's topology for GMMs: three states left to right, five for SIL and SPN."""
    entries = [
        f"<TopologyEntry>\n<ForPhones>\n{' '.join(map(str, phones))}\n</ForPhones>\n{states}\n"
        "</TopologyEntry>"
        for phones, states in ((speech, _THREE_STATES), (noise, _FIVE_STATES))
    ]
    return "\n".join(["<Topology>", *entries, "</Topology>"])


@dataclass(frozen=True, eq=False)
class Gmm:
    """A monophone GMM-HMM as plain arrays; Gaussians of one pdf stand together, pdfs in order."""

    weights: np.ndarray
    """(gaussians,), summing to 1 within a pdf."""
    means: np.ndarray
    """(gaussians, dim)."""
    variances: np.ndarray
    """(gaussians, dim)."""
    pdf: np.ndarray
    """(gaussians,) int: the pdf that each Gaussian belongs to, ascending."""
    log_probs: np.ndarray
    """(transition-ids + 1,): log-probability of each transition-id; entry 0 is unused."""

    def save(self, path: Path) -> None:
        """Write as a numpy archive."""
        with atomic_path(path) as part:
            np.savez(part, **self.__dict__)

    @classmethod
    def load(cls, path: Path) -> "Gmm":
        """Read what `save` wrote. Raises InputError if the file is missing or damaged."""
        arrays = load_arrays(path, "train_gmm")
        try:
            model = cls(**{name: arrays[name] for name in cls.__dataclass_fields__})
            model.check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"{path}: not a GMM of `pyscorer train_gmm`, or damaged ({error})"
            ) from None
        return model

    def check(self) -> None:
        """Raise ValueError unless the arrays fit each other and the phones, and can be used."""
        count = len(self.pdf)
        if not (
            self.weights.shape == (count,)
            and self.means.shape == self.variances.shape == (count, self.means.shape[1])
            and self.log_probs.shape == transition_tables().phone.shape
            and np.array_equal(np.unique(self.pdf), np.arange(transition_tables().pdf.max() + 1))
            and (np.diff(self.pdf) >= 0).all()
            and all(np.isfinite(a).all() for a in (self.weights, self.means, self.log_probs))
            and (self.weights >= 0).all()
            and (self.variances > 0).all()
        ):
            raise ValueError("its arrays do not fit")


@dataclass(frozen=True)
class KaldiModel:
    """A GMM-HMM as objects of kaldi-hmm-gmm, kept alive together."""

    topology: khg.HmmTopology
    tree: khg.ContextDependency
    transitions: khg.TransitionModel
    gmm: khg.AmDiagGmm


@dataclass(frozen=True)
class TransitionTables:
    """What each transition-id stands for, as arrays indexed by it (entry 0 is unused)."""

    phone: np.ndarray
    pdf: np.ndarray
    self_loop: np.ndarray
    final: np.ndarray
    min_length: dict[int, int]
    """Phone id -> the fewest frames that it can last."""


def _untrained() -> tuple[khg.HmmTopology, khg.ContextDependency, khg.TransitionModel]:
    topology = khg.HmmTopology()
    topology.read(topology_text())
    tree = khg.monophone_context_dependency(
        list(range(1, len(PHONES))), topology.get_phone_to_num_pdf_classes()
    )
    return topology, tree, khg.TransitionModel(tree, topology)


# The transition model's state, as __getstate__ gives it, holds the log-probabilities at 6; at 7
# stands log(1 - self-loop probability) of each state, which is made from them.
_LOG_PROBS, _NON_SELF_LOOP, _STATE_OF_ID = 6, 7, 3


def set_log_probs(model: khg.TransitionModel, log_probs: np.ndarray) -> khg.TransitionModel:
    """`model` with other transition probabilities: (transition-ids + 1,), entry 0 unused."""
    state = list(model.__getstate__())
    state[_LOG_PROBS] = log_probs.tolist()
    non_self_loop = list(state[_NON_SELF_LOOP])
    for transition in range(1, len(log_probs)):
        if model.is_self_loop(transition):
            rest = 1 - np.exp(log_probs[transition])
            non_self_loop[state[_STATE_OF_ID][transition]] = float(np.log(max(rest, 1e-10)))
    state[_NON_SELF_LOOP] = non_self_loop
    trained = khg.TransitionModel.__new__(khg.TransitionModel)
    trained.__setstate__(tuple(state))
    return trained


def log_probs(model: khg.TransitionModel) -> np.ndarray:
    """(transition-ids + 1,) float32: log-probability of each transition-id."""
    return np.array(model.__getstate__()[_LOG_PROBS], dtype=np.float32)


def initial_gmm(mean: np.ndarray, variance: np.ndarray) -> Gmm:
    """One Gaussian, the same for every pdf, and the topology's transition probabilities.

    As Kaldi's gmm-init-mono. `mean` and `variance` are (dim,).
    """
    _, tree, transitions = _untrained()
    count = tree.num_pdfs
    return Gmm(
        np.ones(count),
        np.tile(mean, (count, 1)),
        np.tile(variance, (count, 1)),
        np.arange(count),
        log_probs(transitions),
    )


@lru_cache(maxsize=1)  # `align_one` is given one recording after another, and the same model
def kaldi_model(model: Gmm, boost_silence: float = 1.0) -> KaldiModel:
    """The Kaldi objects of `model`, the weights of silence multiplied by `boost_silence`.

    The boost is gmm-boost-silence: silence becomes a little easier to align.
    """
    topology, tree, untrained = _untrained()
    transitions = set_log_probs(untrained, model.log_probs)
    tables = transition_tables()
    silence = set(tables.pdf[1:][tables.phone[1:] == PHONE_ID[SILENCE]].tolist())
    gmm = khg.AmDiagGmm()
    for pdf in range(tree.num_pdfs):
        own = model.pdf == pdf
        boost = boost_silence if pdf in silence else 1.0
        mixture = khg.DiagGmm(int(own.sum()), model.means.shape[1])
        mixture.set_weights((model.weights[own] * boost).astype(np.float32))
        inverse = np.ascontiguousarray(1 / model.variances[own], dtype=np.float32)
        mixture.set_invvars_and_means(
            inverse, np.ascontiguousarray(model.means[own], dtype=np.float32)
        )
        mixture.compute_gconsts()
        gmm.add_pdf(mixture)
    return KaldiModel(topology, tree, transitions, gmm)


@lru_cache(maxsize=1)
def transition_tables() -> TransitionTables:
    """Tables of the transition-ids; the same for every model, as all share one topology."""
    topology, _, model = _untrained()
    ids = range(1, model.num_transition_ids + 1)
    return TransitionTables(
        phone=np.array([0, *(model.transition_id_to_phone(i) for i in ids)], dtype=np.int32),
        pdf=np.array([-1, *(model.transition_id_to_pdf(i) for i in ids)], dtype=np.int32),
        self_loop=np.array([False, *(model.is_self_loop(i) for i in ids)]),
        final=np.array([False, *(model.is_final(i) for i in ids)]),
        min_length={phone: topology.min_length(phone) for phone in range(1, len(PHONES))},
    )
