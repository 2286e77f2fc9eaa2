"""Stage `chain_statistics`: what chain_graphs learns from a part of a dataset, to be summed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import gmm_features
from pyscorer.chain.phone_lm import PhoneCounts, add_counts
from pyscorer.chain.tree_building import TreeStatistics, accumulate, empty_statistics
from pyscorer.contract.archives import Matrices
from pyscorer.contract.ctm import Segment, read_ctm
from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.contract.weights import load_arrays
from pyscorer.errors import InputError
from pyscorer.progress import progress_bar

TREE_CEPSTRA = 13
"""The tree is grown on this many MFCCs and their deltas, whatever kind the features are."""
_FILE = "statistics.npz"


def chain_statistics(ali: Path, feats: Path, out: Path, ngram_order: int = 4) -> None:
    """Sum what chain_graphs takes of an alignment and its features (raw MFCC of either kind).

    Writes `out/statistics.npz`: frames, sums and sums of squares by left phone, phone and pdf
    class; and what follows each history of up to `ngram_order` - 1 phones, with the place where it
    comes first, so that the phone LM of all parts is exactly that of the whole.

    Raises InputError as chain_graphs does.
    """
    statistics = Statistics(tree_statistics([ali], [feats]), phone_counts([ali], ngram_order))
    with atomic_open(out / _FILE, "wb") as stream:
        np.savez_compressed(stream, **_arrays(statistics))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Statistics:
    """What trees and phone LMs are made of."""

    tree: TreeStatistics
    phones: PhoneCounts


def aligned_phones(ali: Path) -> Iterator[tuple[str, list[Segment]]]:
    """Phone alignments of a directory, checked: known phones, no gaps."""
    path = ali / "phones.ctm"
    empty = True
    for key, segments in read_ctm(path):
        empty = False
        end = 0
        for segment in segments:
            if segment.label not in PHONE_ID:
                raise InputError(f"{path}: {key}: unknown phone {segment.label}")
            if segment.start != end or segment.length < 1:
                raise InputError(
                    f"{path}: {key}: a gap or an empty phone at frame {end}: phones, SIL included, "
                    "must cover the utterance"
                )
            end = segment.end
        yield key, segments
    if empty:
        raise InputError(f"{path}: no alignments; run align first")


def tree_statistics(ali: Sequence[Path], feats: Sequence[Path]) -> TreeStatistics:
    """Those of alignment directories, and as many of features."""
    stats = None
    for ali_dir, feats_dir in zip(ali, feats, strict=True):
        matrices = Matrices(feats_dir / "feats.scp")
        aligned = progress_bar(aligned_phones(ali_dir), f"tree statistics {ali_dir}", len(matrices))
        for key, segments in aligned:
            features = matrices[key]
            if len(features) != segments[-1].end:
                raise InputError(
                    f"{matrices.scp}: {key}: {len(features)} frames of features, "
                    f"{segments[-1].end} of alignment"
                )
            cepstra = gmm_features(features[:, :TREE_CEPSTRA])
            if stats is None:
                stats = empty_statistics(len(PHONES), cepstra.shape[1])
            accumulate(stats, cepstra, segments, PHONE_ID)
    assert stats is not None  # else aligned_phones raises
    return stats


def phone_counts(ali: Sequence[Path], order: int) -> PhoneCounts:
    """Those of the phone sequences of alignment directories."""
    counts = PhoneCounts(order)
    for key, segments in (utterance for folder in ali for utterance in aligned_phones(folder)):
        counts.add(key, [PHONE_ID[s.label] for s in segments])
    return counts


def sum_statistics(folders: Sequence[Path], order: int) -> Statistics:
    """The sum, in the order given, of what the stage wrote of datasets and parts (`train@1of2`).

    Phone counts are exactly those of the whole; sums of features but for rounding (1e-12 of them),
    which chooses among questions that say the same of all that was seen. Raises InputError for
    damaged files, and for counts of another order than `order`.
    """
    datasets: dict[Path, int] = {}
    trees: list[TreeStatistics] = []

    def counted() -> Iterator[tuple[int, PhoneCounts]]:
        for folder in folders:
            part = _read(folder, order)
            trees[:] = [trees[0] + part.tree if trees else part.tree]
            dataset = folder.with_name(folder.name.partition("@")[0])
            yield datasets.setdefault(dataset, len(datasets)), part.phones

    phones = add_counts(counted())
    return Statistics(trees[0], phones)


def _arrays(statistics: Statistics) -> dict[str, np.ndarray]:
    """Histories begin with zeros where they are shorter than the longest."""
    tree, phones = statistics.tree, statistics.phones
    width = phones.order - 1
    histories = [(0,) * (width - len(h)) + h for h in phones.counts]
    return {
        "order": np.array(phones.order),
        "count": tree.count,
        "moments": tree.moments,
        "length": np.array([len(h) for h in phones.counts], dtype=np.uint8),
        "history": np.array(histories, dtype=np.uint8).reshape(len(histories), width),
        "follow": np.array([len(after) for after in phones.counts.values()], dtype=np.uint8),
        "phone": np.array([p for after in phones.counts.values() for p in after], np.uint8),
        "times": np.array([n for after in phones.counts.values() for n in after.values()]),
        "key": np.array([key.encode() for key, _ in phones.first.values()]),
        "place": np.array([place for _, place in phones.first.values()]),
    }


def _read(folder: Path, order: int) -> Statistics:
    path = folder / _FILE
    arrays = load_arrays(path, "chain_statistics")
    try:
        lists = {name: arrays[name].tolist() for name in arrays.keys() - {"count", "moments"}}
        tree = TreeStatistics(arrays["count"], arrays["moments"])
        phones = PhoneCounts(lists["order"])
        after = zip(lists["phone"], lists["times"], strict=True)
        for length, padded, number, key, place in zip(
            *(lists[name] for name in ("length", "history", "follow", "key", "place")), strict=True
        ):
            history = tuple(padded[len(padded) - length :])
            phones.counts[history] = dict(_taken(after, number))
            phones.first[history] = (key.decode(), place)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not of the stage chain_statistics ({error}); run chain_statistics again"
        ) from None
    if phones.order != order:
        raise InputError(
            f"{path}: of ngram_order {phones.order}, not {order}: run chain_statistics again"
        )
    return Statistics(tree, phones)


def _taken(pairs: Iterator[tuple[int, int]], number: int) -> Iterable[tuple[int, int]]:
    return (next(pairs) for _ in range(number))
