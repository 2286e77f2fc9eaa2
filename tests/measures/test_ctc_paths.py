"""CTC's probabilities of sequences with one phone changed, held against sums over all paths."""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from pyscorer.measures.ctc_paths import OTHER, Alternatives, Unit, alternatives

NAMES = ("A", "B", "C", OTHER)
SINGLE = [Unit((name,), (i + 1,)) for i, name in enumerate(NAMES)]


def collapsed(path: Sequence[int]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def of_symbols(y: np.ndarray, wanted: Iterable[tuple[int, ...]]) -> float:
    """Probability of all paths that collapse to one of `wanted`, path by path."""
    sequences = set(wanted)
    return sum(
        float(np.exp(sum(y[t, symbol] for t, symbol in enumerate(path))))
        for path in itertools.product(range(y.shape[1]), repeat=len(y))
        if collapsed(path) in sequences
    )


def written(phones: Sequence[str], units: Sequence[Unit]) -> set[tuple[int, ...]]:
    """All ways to write phones in symbols."""
    if not phones:
        return {()}
    return {
        (*unit.symbols, *rest)
        for unit in units
        if unit.phones == tuple(phones[: len(unit.phones)])
        for rest in written(phones[len(unit.phones) :], units)
    }


def by_all_paths(y: np.ndarray, phones: Sequence[str], units: Sequence[Unit]) -> Alternatives:
    as_they_are = written(phones, units)

    def of(sequence: Sequence[str]) -> float:
        ways = written(sequence, units)
        if len(sequence) == len(phones) and sequence != list(phones):
            ways -= as_they_are
        return float(np.log(of_symbols(y, ways) or 1e-300))

    substituted = np.array(
        [
            [
                -np.inf if name == phone else of([*phones[:i], name, *phones[i + 1 :]])
                for name in NAMES
            ]
            for i, phone in enumerate(phones)
        ]
    )
    deleted = np.array([of([*phones[:i], *phones[i + 1 :]]) for i in range(len(phones))])
    return Alternatives(of(list(phones)), substituted, deleted, np.zeros(len(phones)))


def random_posteriors(frames: int, symbols: int, seed: int = 0) -> np.ndarray:
    return np.log(np.random.default_rng(seed).dirichlet(np.full(symbols, 0.5), size=frames))


@pytest.mark.parametrize("phones", ["A", "AB", "AA", "ABA", "AAB", "CBC"])
def test_they_are_the_sums_over_all_paths(phones: str) -> None:
    y = random_posteriors(6, 5)
    found, expected = alternatives(y, phones, SINGLE, NAMES), by_all_paths(y, phones, SINGLE)
    assert found.canonical == pytest.approx(expected.canonical)
    np.testing.assert_allclose(found.substituted, expected.substituted, rtol=1e-9)
    np.testing.assert_allclose(found.deleted, expected.deleted, rtol=1e-9)


@pytest.mark.parametrize(
    ("units", "phones"),
    [
        # C is written as two symbols, one of them A's.
        ([*SINGLE[:2], Unit(("C",), (1, 3)), Unit((OTHER,), (4,))], "BC"),
        ([*SINGLE[:2], Unit(("C",), (1, 3)), Unit((OTHER,), (4,))], "ACA"),
        # C is written in two ways, with the same symbol twice in one.
        ([*SINGLE, Unit(("C",), (1, 1))], "CA"),
        # One symbol stands for A or for B.
        ([*SINGLE[:3], Unit(("A",), (4,)), Unit(("B",), (4,))], "CAB"),
        # One symbol stands for A and B together.
        ([*SINGLE[:3], Unit(("A", "B"), (4,))], "CAB"),
        ([*SINGLE[:3], Unit(("A", "B"), (4,))], "CBB"),
        ([*SINGLE[:3], Unit(("A", "B"), (4,))], "AB"),
    ],
)
def test_phones_of_several_symbols_and_symbols_of_several_phones(
    units: list[Unit], phones: str
) -> None:
    y = random_posteriors(6, 5, seed=1)
    found, expected = alternatives(y, phones, units, NAMES), by_all_paths(y, phones, units)
    assert found.canonical == pytest.approx(expected.canonical)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(
            np.exp(found.substituted), np.exp(expected.substituted), rtol=1e-9, atol=1e-15
        )
    np.testing.assert_allclose(found.deleted, expected.deleted, rtol=1e-9)


def test_a_phone_that_is_written_in_no_way_may_be_anything() -> None:
    y = random_posteriors(5, 5)
    found = alternatives(y, ("A", "SPN"), SINGLE, NAMES)
    anything = [(1, symbol) for symbol in (1, 2, 3, 4)]
    assert found.canonical == pytest.approx(np.log(of_symbols(y, anything)))
    assert found.deleted[1] == pytest.approx(np.log(of_symbols(y, [(1,)])))


def test_expected_frames_are_those_of_all_paths() -> None:
    y = random_posteriors(5, 4)
    units = SINGLE[:3]
    found = alternatives(y, "AB", units, NAMES[:3])
    paths = [p for p in itertools.product(range(4), repeat=5) if collapsed(p) == (1, 2)]
    weights = np.exp([sum(y[t, s] for t, s in enumerate(path)) for path in paths])
    counts = np.array([[path.count(1), path.count(2)] for path in paths])
    np.testing.assert_allclose(found.frames, weights @ counts / weights.sum())


def test_a_long_recording_of_something_else_stays_a_number() -> None:
    y = np.full((600, 5), -40.0)
    y[:, 3] = 0.0
    found = alternatives(y, "ABAB", SINGLE, NAMES)
    paths = math.comb(600 + 4, 2 * 4)  # as many collapse to four labels, none twice in a row
    assert found.canonical == pytest.approx(-40 * 600 + math.log(paths), rel=1e-12)
    assert np.isfinite(found.deleted).all()


def test_more_phones_than_frames_are_impossible() -> None:
    assert alternatives(random_posteriors(2, 5), "ABA", SINGLE, NAMES).canonical == -np.inf
