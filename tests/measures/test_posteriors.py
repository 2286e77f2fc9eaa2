"""GOP from posteriors: Kaldi's compute-gop on golden data, and cases worked out by hand."""

import gzip
import math
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.archives import kaldi_io
from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.measures import posteriors as gop

A_FRAME = 0.01
"""With this frame shift a segment's frames are the rows of the matrix."""


def segments(phones: list[str], lengths: list[int], start: int = 0) -> list[PhoneSegment]:
    starts = start + np.cumsum([0, *lengths[:-1]])
    return [
        PhoneSegment(0, i, phone, int(at), length, 0, 0)
        for i, (phone, at, length) in enumerate(zip(phones, starts, lengths, strict=True))
    ]


def log_posteriors(*rows: dict[str, float]) -> np.ndarray:
    """Rows of posteriors; phones that a row does not name share what is left."""
    table = []
    for row in rows:
        rest = (1 - sum(row.values())) / (len(PHONES) - 1 - len(row))
        table.append([row.get(phone, rest) for phone in PHONES[1:]])
    return np.log(table)


def read_table(path: Path) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in path.read_text().splitlines()}


def golden_segments(folder: Path) -> dict[str, list[PhoneSegment]]:
    """Chain phones begin at a forward transition, which in this model has an even id."""
    phones, transitions = read_table(folder / "ali-phone.txt"), read_table(folder / "ali.txt")
    found = {}
    for key, ids in transitions.items():
        number = np.cumsum([int(i) % 2 == 0 for i in ids])
        pairs = zip(number, phones[key], strict=True)
        runs = [[phone for _, phone in run] for _, run in groupby(pairs, lambda pair: pair[0])]
        start, rows = 0, []
        for run in runs:
            assert len(set(run)) == 1
            rows.append(PhoneSegment(0, 0, PHONES[int(run[0])], start, len(run), 0, 0))
            start += len(run)
        found[key] = [s for s in rows if s.phone in ARPABET]
    return found


@pytest.fixture(scope="module")
def golden(conformance: Path) -> dict[str, tuple[list[PhoneSegment], np.ndarray]]:
    """Utterance -> its phones without silence, LPP of each."""
    folder = conformance / "c_gop"
    pdf_phone = np.array([PHONE_ID[p[0]] for p in read_table(folder / "pdf_to_phone.txt").values()])
    aligned = golden_segments(folder)
    lpp = {}
    for key, matrix in kaldi_io.read_mat_ark(str(folder / "xent_logpost.ark")):
        by_phone = gop.phone_log_posteriors(matrix, pdf_phone)
        lpp[key] = aligned[key], gop.log_phone_posteriors(by_phone, aligned[key], A_FRAME)
    return lpp


def test_log_posterior_ratio_is_kaldis_gop(golden, conformance: Path) -> None:
    lines = (conformance / "c_gop" / "gop.txt").read_text().splitlines()
    phones = 0
    for line in lines:
        key, *pairs = line.replace("[", "").replace("]", "").split()
        rows, lpp = golden[key]
        canonical = gop.canonical_columns(rows)
        assert [PHONE_ID[s.phone] for s in rows] == [int(p) for p in pairs[::2]]
        ours = gop.log_posterior_ratio(lpp, canonical)
        np.testing.assert_allclose(ours, [float(p) for p in pairs[1::2]], atol=1e-3)
        phones += len(rows)
    assert (len(lines), phones) == (50, 949)


def test_kaldi_features_are_those_of_compute_gop(golden, conformance: Path) -> None:
    ours = {
        f"{key}.{i}": row
        for key, (rows, lpp) in golden.items()
        for i, row in enumerate(gop.kaldi_features(lpp, gop.canonical_columns(rows)))
    }
    with gzip.open(conformance / "c_gop" / "feat.txt.gz", "rt") as stream:
        theirs = {k: v.split() for k, v in (line.split(" ", 1) for line in stream)}
    assert ours.keys() == theirs.keys()
    for key, values in theirs.items():
        np.testing.assert_allclose(ours[key], [float(v) for v in values[1:-1]], atol=1e-3)


def test_posterior_of_a_phone_is_the_sum_over_its_pdfs() -> None:
    pdfs = np.log([[0.1, 0.2, 0.7]])
    phones = gop.phone_log_posteriors(pdfs, np.array([PHONE_ID["B"], PHONE_ID["K"], PHONE_ID["B"]]))
    assert phones[0, PHONE_ID["B"] - 1] == pytest.approx(math.log(0.8))
    assert phones[0, PHONE_ID["K"] - 1] == pytest.approx(math.log(0.2))
    assert phones[0, PHONE_ID["AA"] - 1] == gop.IMPOSSIBLE


def test_posteriors_too_small_for_exp_stay_finite() -> None:
    pdfs = np.array([[-2000.0, -2000.0, 0.0]])
    phones = gop.phone_log_posteriors(pdfs, np.array([PHONE_ID["B"], PHONE_ID["B"], 1]))
    assert phones[0, PHONE_ID["B"] - 1] == pytest.approx(-2000 + math.log(2))


def test_pdfs_of_another_model_or_of_unknown_phones_are_refused() -> None:
    with pytest.raises(InputError, match="3 pdfs, phones of 2"):
        gop.phone_log_posteriors(np.zeros((1, 3)), np.array([1, 2]))
    with pytest.raises(InputError, match="outside the inventory"):
        gop.phone_log_posteriors(np.zeros((1, 2)), np.array([1, 42]))


def test_average_log_posterior_and_ratio_by_hand() -> None:
    frames = log_posteriors({"B": 0.5, "P": 0.4}, {"B": 0.1, "P": 0.8}, {"AA": 0.9})
    rows = segments(["B", "AA"], [2, 1])
    lpp = gop.log_phone_posteriors(frames, rows, A_FRAME)
    canonical = gop.canonical_columns(rows)
    own = (math.log(0.5) + math.log(0.1)) / 2
    rival = (math.log(0.4) + math.log(0.8)) / 2
    np.testing.assert_allclose(gop.canonical_lpp(lpp, canonical), [own, math.log(0.9)])
    np.testing.assert_allclose(gop.log_posterior_ratio(lpp, canonical), [own - rival, 0.0])


def test_silence_is_no_rival() -> None:
    frames = log_posteriors({"SIL": 0.9, "B": 0.06, "P": 0.02})
    lpp = gop.log_phone_posteriors(frames, segments(["B"], [1]), A_FRAME)
    assert gop.log_posterior_ratio(lpp, np.array([PHONE_ID["B"] - 1])) == pytest.approx([0.0])


def test_posteriors_of_a_coarser_frame_shift_count_by_overlap() -> None:
    frames = log_posteriors({"B": 0.5}, {"B": 0.1})
    # Rows of 30 ms computed at frames 0 and 3 stand for frames -1 to 1 and 2 to 4.
    lpp = gop.log_phone_posteriors(frames, segments(["B"], [3], start=1), 0.03)
    expected = math.log(0.5) / 3 + 2 * math.log(0.1) / 3
    assert lpp[0, PHONE_ID["B"] - 1] == pytest.approx(expected)


def test_transition_gop_by_hand() -> None:
    """Two segments, of 3 frames and of 1; ten states in all."""
    posteriors = np.log([0.5, 0.25, 0.2, 0.3])
    transitions = np.log([0.7, 0.3, 0.01, 0.02])
    value = gop.transition_gop(posteriors, transitions, np.array([3, 1]), 10)
    by_hand = math.log(0.5) + math.log(0.7 * 0.25 * 10) + math.log(0.3 * 0.2 * 10)
    np.testing.assert_allclose(value, [by_hand / 3, math.log(0.3)])


def test_transition_gop_with_priors_divides_by_them() -> None:
    posteriors, transitions = np.log([0.5, 0.25]), np.log([0.7, 0.3])
    priors = np.log([0.05, 0.4])
    value = gop.transition_gop(posteriors, transitions, np.array([2]), 10, priors)
    assert value == pytest.approx((math.log(0.5) + math.log(0.7 * 0.25 / 0.4)) / 2)


def test_phone_transition_gop_is_transition_gop_of_one_state_phones() -> None:
    generator = np.random.default_rng(0)
    frames = np.log(generator.dirichlet(np.ones(41), size=9))
    rows = segments(["B", "AA", "K"], [4, 1, 4])
    canonical, lengths = gop.canonical_columns(rows), np.array([4, 1, 4])
    log_stay = np.log(generator.uniform(0.5, 0.9, 41))
    lpp = gop.log_phone_posteriors(frames, rows, A_FRAME)
    path = np.repeat(canonical, lengths)
    by_frame = gop.transition_gop(frames[np.arange(9), path], log_stay[path], lengths, 41)
    ours = gop.phone_transition_gop(lpp, canonical, lengths, log_stay)
    np.testing.assert_allclose(ours, by_frame)


def test_transition_gop_on_kaldis_alignment_is_the_published_sum(conformance: Path) -> None:
    """All transitions of a chain model have probability 0.5, so the sum has a closed form."""
    folder = conformance / "c_gop"
    pdf_path = read_table(folder / "ali-pdf.txt")
    key, matrix = next(iter(kaldi_io.read_mat_ark(str(folder / "xent_logpost.ark"))))
    rows = golden_segments(folder)[key]
    frames = np.concatenate([np.arange(s.start, s.start + s.length) for s in rows])
    own = matrix[frames, np.array([int(p) for p in pdf_path[key]])[frames]]
    lengths = np.array([s.length for s in rows])
    half = np.full(len(frames), math.log(0.5))
    value = gop.transition_gop(own, half, lengths, matrix.shape[1])
    start = 0
    for got, length in zip(value, lengths, strict=True):
        mean = float(own[start : start + length].mean())
        assert got == pytest.approx(mean + (length - 1) / length * math.log(248 / 2), abs=1e-5)
        start += length


def test_staying_is_likelier_in_longer_phones() -> None:
    stay = np.exp(gop.stay_probabilities(np.array([998.0, 998.0, 0.0]), np.array([99.0, 499.0, 0])))
    np.testing.assert_allclose(stay, [0.9, 0.5, 0.5])
