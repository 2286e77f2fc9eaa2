"""The experts' networks, many of one shape trained side by side.

Seeds and folds of an expert are members of one batched network: every weight has a leading member
axis, and members share nothing but the matrix multiplication.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn


class BatchedLinear(nn.Module):
    """Linear layers of M members: M x B x in -> M x B x out."""

    def __init__(self, members: int, n_in: int, n_out: int):
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.empty(members, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply each member's layer to its own batch."""
        return torch.baddbmm(self.bias, x, self.weight)


class BatchedLstm(nn.Module):
    """One LSTM layer of M members: M x B x T x in and M x B lengths -> last states M x B x H.

    fused: members run one after another by torch's own LSTM, several times as fast where states
    are large; the results differ by rounding.
    """

    def __init__(self, members: int, n_in: int, n_hidden: int, fused: bool = False):
        super().__init__()
        self.n_hidden, self.fused = n_hidden, fused
        self.input = BatchedLinear(members, n_in, 4 * n_hidden)
        bound = 1 / math.sqrt(n_hidden)
        recurrent = torch.empty(members, n_hidden, 4 * n_hidden).uniform_(-bound, bound)
        self.recurrent = nn.Parameter(recurrent)
        with torch.no_grad():
            # A forget gate that starts open lets gradients reach the first words.
            self.input.bias[..., n_hidden : 2 * n_hidden] = 1

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Run over the sequences and return the state after each one's last element."""
        if self.fused:
            return torch.stack([self._last(m, x[m], lengths[m]) for m in range(len(x))])
        members, batch, time, size = x.shape
        projected = self.input(x.reshape(members, batch * time, size))
        projected = projected.view(members, batch, time, -1)
        state = x.new_zeros(members, batch, self.n_hidden)
        cell = torch.zeros_like(state)
        for t in range(time):
            gates = torch.baddbmm(projected[:, :, t], state, self.recurrent)
            i, f, g, o = gates.chunk(4, dim=-1)
            new_cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            new_state = torch.sigmoid(o) * torch.tanh(new_cell)
            running = (t < lengths)[..., None]
            cell = torch.where(running, new_cell, cell)
            state = torch.where(running, new_state, state)
        return state

    def _last(self, member: int, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The last states of one member: B x T x in -> B x H."""
        start = x.new_zeros(1, len(x), self.n_hidden)
        bias = self.input.bias[member, 0]
        weights = [
            self.input.weight[member].T.contiguous(),
            self.recurrent[member].T.contiguous(),
            bias,
            torch.zeros_like(bias),
        ]
        states, _, _ = torch.lstm(
            x, (start, start), weights, True, 1, 0.0, self.training, False, True
        )
        return states[torch.arange(len(x)), lengths - 1]


class Network(nn.Module):
    """M members of one architecture: sizes such as (300, 300, 4), input first.

    recurrent: the first hidden layer is an LSTM over the sequence. Hidden layers are ReLU with
    dropout; the outputs are a softmax (class posteriors) or, for a gate, sigmoids (credits).
    fused: see `BatchedLstm`.
    """

    def __init__(
        self,
        members: int,
        sizes: Sequence[int],
        recurrent: bool = False,
        dropout: float = 0.0,
        sigmoid: bool = False,
        fused: bool = False,
    ):
        super().__init__()
        sizes = list(sizes)
        self.lstm = BatchedLstm(members, sizes[0], sizes[1], fused) if recurrent else None
        rest = sizes[1:] if recurrent else sizes
        self.layers = nn.ModuleList(
            BatchedLinear(members, a, b) for a, b in itertools.pairwise(rest)
        )
        self.n_out = sizes[-1]
        self.dropout = nn.Dropout(dropout)
        self.sigmoid = sigmoid

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Outputs, M x B x classes, of M x B x D vectors or M x B x T x D sequences."""
        x = self.scores(x, lengths)
        return torch.sigmoid(x) if self.sigmoid else torch.softmax(x, dim=-1)

    def scores(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """What `forward` gives, before its softmax or sigmoids."""
        if self.lstm is not None:
            if lengths is None:
                raise ValueError("a recurrent network needs lengths")
            x = self.dropout(self.lstm(x, lengths))
        for layer in self.layers[:-1]:
            x = self.dropout(torch.relu(layer(x)))
        found: torch.Tensor = self.layers[-1](x)
        return found


@torch.no_grad()
def initialise_glorot(network: Network) -> None:
    """Draw the weights of every member anew, wide enough for deep stacks of narrow layers.

    Glorot and Bengio 2010: uniform within sqrt(6 / (in + out)); of an LSTM the recurrent weights
    are orthogonal. Biases are 0, but for forget gates, which start open.
    """
    for layer in network.layers:
        assert isinstance(layer, BatchedLinear)
        for weight in layer.weight:
            nn.init.xavier_uniform_(weight)
    if network.lstm is not None:
        for weight in network.lstm.input.weight:
            nn.init.xavier_uniform_(weight)
        for weight in network.lstm.recurrent:
            nn.init.orthogonal_(weight)
