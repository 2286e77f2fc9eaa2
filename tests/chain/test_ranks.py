"""Several processes that share a minibatch compute what one does."""

from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscorer.chain.augment import Augmentation
from pyscorer.chain.ranks import Ranks, Share, joined, spread
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.errors import InputError

PDFS, FRAMES = 12, 60


@given(st.integers(1, 200), st.integers(1, 64))
def test_shares_are_every_row_once_and_their_weights_sum_to_one(rows: int, size: int):
    shares = [Ranks(rank, size).share(rows) for rank in range(size)]
    assert sum(share.weight for share in shares) == pytest.approx(1.0)
    assert all(share.of(range(rows)) for share in shares)
    if rows >= size:
        assert [row for share in shares for row in share.of(range(rows))] == list(range(rows))
        assert max(s.end - s.first for s in shares) - min(s.end - s.first for s in shares) <= 1


def test_fewer_rows_than_processes_are_computed_by_each_and_count_once():
    assert Ranks(2, 3).share(2) == Share(0, 2, 2, copies=3)
    assert Ranks(2, 3).share(5) == Share(3, 5, 5)


def learn(rows: int, out: Path, rendezvous: str = "") -> None:
    """Gradients and moved statistics of a minibatch, with all that is random."""
    with joined("cpu", 1, rendezvous) as ranks:
        torch.manual_seed(0)
        network = Tdnnf(TdnnfConfig(PDFS, **SIZES["small"])).train()
        network.set_dropout(0.1)
        for head in (network.output, network.output_xent):
            torch.nn.init.normal_(head.affine.weight, std=0.1)
        x = 3.0 * torch.randn(rows, FRAMES, 40) + torch.randn(rows, 1, 40)
        target = torch.randint(PDFS, (rows, FRAMES))
        share = ranks.share(rows)
        if ranks.size > 1:
            network.set_share(share)
        augment = partial(Augmentation(0.1, 0.2, 0.1), share=share)
        torch.manual_seed(1)
        chain, xent = network(share.of(x), augment=augment)
        picked = share.of(target)[:, : chain.shape[1], None]
        loss = -(xent + chain).gather(2, picked).mean() * share.weight
        loss.backward()
        trained = [p for p in network.parameters() if p.grad is not None]
        figures = [float(loss.detach()), chain.shape[0] / share.copies]
        if ranks.size > 1:
            figures = ranks.sum_gradients(trained, figures)
        if ranks.first:
            torch.save((figures, [p.grad for p in trained], network.state_dict()), out)


@pytest.mark.parametrize("rows", [5, 1], ids=["unequal shares", "fewer rows than processes"])
def test_two_processes_have_the_gradients_and_statistics_of_one(rows: int, tmp_path: Path):
    learn(rows, tmp_path / "one")
    spread(learn, 2, rows, tmp_path / "two")
    one, two = (torch.load(tmp_path / name) for name in ("one", "two"))
    assert two[0] == pytest.approx(one[0], rel=1e-6)
    for mine, theirs in zip(one[1], two[1], strict=True):
        assert float((mine - theirs).norm()) < 1e-4 * float(mine.norm())
    for name, value in one[2].items():
        torch.testing.assert_close(two[2][name], value, rtol=1e-5, atol=1e-5, msg=name)


def refuse(rendezvous: str) -> None:
    with joined("cpu", 1, rendezvous) as ranks:
        if ranks.rank == 1:
            raise InputError("s1-4: no features")
        ranks.sums([1.0])


def test_bad_input_that_one_process_finds_ends_all_and_is_told():
    with pytest.raises(InputError, match=r"^s1-4: no features$"):
        spread(refuse, 2)
