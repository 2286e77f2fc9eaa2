"""Phone language models of a few sequences."""

from collections.abc import Iterable, Sequence

from pyscorer.chain.phone_lm import PhoneCounts, PhoneLm, phone_lm


def make_phone_lm(
    sentences: Iterable[Sequence[int]],
    order: int = 4,
    no_prune_order: int = 3,
    extra_states: int = 2000,
) -> PhoneLm:
    """That of phone id sequences (ids > 0)."""
    counts = PhoneCounts(order)
    for sentence in sentences:
        counts.add("", sentence)
    return phone_lm(counts, no_prune_order, extra_states)
