"""The LF-MMI objective, exact: numerator minus denominator log-probability, and its gradient."""

from dataclasses import dataclass
from pathlib import Path

import torch

from pyscorer.acoustic.supervision import NumeratorBatch


class DenominatorGraph:
    """The denominator graph as sparse matrices; on one device."""

    num_states: int
    num_pdfs: int

    @classmethod
    def from_fst(cls, path: Path, num_pdfs: int) -> "DenominatorGraph":
        """Read den.fst (label = pdf + 1)."""
        raise NotImplementedError

    def to(self, device: torch.device | str) -> "DenominatorGraph":
        """The same graph on another device."""
        raise NotImplementedError


@dataclass(frozen=True)
class LfmmiResult:
    """One minibatch of B sequences with T output frames each."""

    objective: torch.Tensor
    """Scalar, differentiable: sum over sequences of (numerator - denominator), plus the
    regularisers. To maximise; divide by B * T for a per-frame value."""
    numerator: torch.Tensor
    """(B,) log-probabilities, detached."""
    denominator: torch.Tensor
    """(B,) log-probabilities, detached."""
    posterior: torch.Tensor
    """(B, T, num_pdfs) numerator occupation probabilities, detached: the cross-entropy branch's
    objective is (posterior * log_softmax(xent_output)).sum()."""
    ok: torch.Tensor
    """(B,) bool; a sequence that is not ok counts -10 a frame and has no gradient."""

    @property
    def objective_per_frame(self) -> float:
        """Mean of numerator - denominator per output frame, without regularisers."""
        raise NotImplementedError


def lfmmi_loss(
    output: torch.Tensor,
    numerators: NumeratorBatch,
    denominator: DenominatorGraph,
    leaky: float = 0.1,
    l2_regularize: float = 0.0,
    out_of_range_regularize: float = 0.01,
) -> LfmmiResult:
    """LF-MMI of network outputs (B, T, num_pdfs), as Kaldi's ComputeChainObjfAndDeriv."""
    raise NotImplementedError
