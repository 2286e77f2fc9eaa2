from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.contract.phones import PHONE_ID
from pyscorer.contract.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    check_length,
    phone_segments,
    segment_means,
)
from pyscorer.errors import InputError
from pyscorer.measures.pool import EXTRAS, extra_inputs, pool


def segment(start: int, length: int, phone: str = "AA") -> PhoneSegment:
    return PhoneSegment(0, 0, phone, start, length, 0, 0)


def test_rows_are_weighted_by_their_overlap_with_the_phone() -> None:
    # Rows of 30 ms, computed at frames 0, 3, 6, cover frames 0-1, 2-4, 5-7. Frames 1..5 take 1, 3
    # and 1 of them.
    frames = np.array([[10.0], [20.0], [40.0]])
    means = segment_means(frames, [segment(1, 5), segment(3, 1), segment(2, 3)], 0.03)
    assert means[:, 0] == pytest.approx([(10 + 3 * 20 + 40) / 5, 20, 20])


def test_equal_frame_shifts_give_the_plain_mean() -> None:
    frames = np.random.default_rng(0).normal(size=(20, 4))
    means = segment_means(frames, [segment(0, 7), segment(7, 1), segment(8, 12)], 0.01)
    expected = [frames[:7].mean(0), frames[7], frames[8:].mean(0)]
    np.testing.assert_allclose(means, expected)


def test_beyond_the_last_row_the_last_row_is_repeated() -> None:
    assert segment_means(np.array([[1.0], [5.0]]), [segment(6, 3)], 0.03)[0, 0] == 5


def test_phones_are_placed_in_their_words_and_pauses_counted() -> None:
    phones = [
        *(Segment("SIL", 0, 5), Segment("AA", 5, 3), Segment("T", 8, 4)),
        *(Segment("SIL", 12, 6), Segment("AA", 18, 3), Segment("SIL", 21, 2)),
    ]
    rows = phone_segments("u", phones, [Segment("OT", 5, 7), Segment("A", 18, 3)])
    assert [(r.word_index, r.phone_index, r.phone, r.start, r.length) for r in rows] == [
        (0, 0, "AA", 5, 3),
        (0, 1, "T", 8, 4),
        (1, 0, "AA", 18, 3),
    ]
    assert [(r.pause_before, r.pause_after) for r in rows] == [(5, 0), (0, 6), (6, 2)]


def test_adjoining_words_of_one_phone_each_stay_two_words() -> None:
    phones = [Segment("AH", 0, 3), Segment("AH", 3, 3)]
    rows = phone_segments("u", phones, [Segment("A", 0, 3), Segment("A", 3, 3)])
    assert [r.word_index for r in rows] == [0, 1]


def test_a_silence_only_utterance_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="utterance u7: aligned to silence alone"):
        phone_segments("u7", [Segment("SIL", 0, 30)], [])


@pytest.mark.parametrize(
    "words", [[], [Segment("A", 0, 2)], [Segment("A", 0, 3), Segment("B", 3, 3)]]
)
def test_words_of_another_alignment_are_an_error(words: list[Segment]) -> None:
    with pytest.raises(InputError, match="utterance u7"):
        phone_segments("u7", [Segment("AA", 0, 3)], words)


def test_extra_inputs_by_hand() -> None:
    posteriors = np.full((2, 41), -9.0)
    aa, t = PHONE_ID["AA"] - 1, PHONE_ID["T"] - 1
    posteriors[:, aa] = [-1, -3]
    posteriors[:, t] = [-2, -1]
    phone = PhoneSegment(0, 0, "AA", 0, 2, pause_before=0, pause_after=9)
    extras = extra_inputs(posteriors, [phone], 0.01)[0]
    expected = {
        "log_duration": np.log(2),
        "pause_before": 0.0,
        "pause_after": np.log(10),
        "log_posterior": -2.0,
        "log_rival": -1.5,
    }
    assert dict(zip(EXTRAS, extras, strict=True)) == pytest.approx(expected)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two utterances of 9 and 10 frames: data, ali and deep directories."""
    rng = np.random.default_rng(0)
    write_table(tmp_path / "data/text", {"u1": "A AT", "u2": "A"})
    phones = {
        "u1": [Segment("AH", 0, 3), Segment("AE", 3, 3), Segment("T", 6, 3)],
        "u2": [Segment("SIL", 0, 4), Segment("AH", 4, 6)],
    }
    words = {"u1": [Segment("A", 0, 3), Segment("AT", 3, 6)], "u2": [Segment("A", 4, 6)]}
    write_ctm(tmp_path / "ali/phones.ctm", phones.items())
    write_ctm(tmp_path / "ali/words.ctm", words.items())
    lengths = {"u1": 3, "u2": 4}
    for name, columns in (("embed", 256), ("post", 41)):
        write_archive(
            tmp_path / f"deep/{name}.scp",
            [(key, rng.normal(size=(n, columns))) for key, n in lengths.items()],
        )
    (tmp_path / "deep/frame_shift").write_text("0.03\n")
    return tmp_path


def run(corpus: Path) -> None:
    pool(corpus / "data", corpus / "ali", corpus / "deep", corpus / "pool")


def test_pool_writes_a_row_a_phone(corpus: Path) -> None:
    run(corpus)
    table = pd.read_csv(corpus / "pool/segments.csv")
    assert table.values.tolist() == [
        ["u1", 0, 0, "AH", 0, 3],
        ["u1", 1, 0, "AE", 3, 3],
        ["u1", 1, 1, "T", 6, 3],
        ["u2", 0, 0, "AH", 4, 6],
    ]
    matrices = Matrices(corpus / "pool/phones.scp")
    columns = (corpus / "pool/columns.txt").read_text().split()
    assert columns == [f"deep_{i}" for i in range(256)] + list(EXTRAS)
    assert matrices["u1"].shape == (3, 261)
    embedding = Matrices(corpus / "deep/embed.scp")["u1"]
    # Frames 0-2 are two of row 0 and one of row 1; the last row is repeated.
    following = np.concatenate([embedding[1:], embedding[-1:]])
    expected = (2 * embedding + following) / 3
    np.testing.assert_allclose(matrices["u1"][:, :256], expected, rtol=1e-5, atol=1e-6)


def test_an_encoder_without_posteriors_is_pooled_with_durations_alone(corpus: Path) -> None:
    run(corpus)
    with_posteriors = Matrices(corpus / "pool/phones.scp")["u1"]
    (corpus / "deep/post.scp").unlink()
    pool(corpus / "data", corpus / "ali", corpus / "deep", corpus / "alone", posteriors=False)
    columns = (corpus / "alone/columns.txt").read_text().split()
    assert columns == [f"deep_{i}" for i in range(256)] + list(DURATION_COLUMNS)
    alone = Matrices(corpus / "alone/phones.scp")["u1"]
    np.testing.assert_array_equal(alone, with_posteriors[:, : len(columns)])


def test_rows_of_20_ms_reach_past_the_last_frame() -> None:
    # 0.141 s: 8 rows of 20 ms, the last a part; 12 windows of 25 ms every 10 ms.
    check_length("u", "embed.scp", 8, 12, 0.02)
    with pytest.raises(InputError, match=r"embed\.scp has 9 frames of 0\.02 s"):
        check_length("u", "embed.scp", 9, 12, 0.02)


def test_features_of_another_length_are_an_error(corpus: Path) -> None:
    write_archive(corpus / "deep/post.scp", [("u1", np.zeros((3, 41))), ("u2", np.zeros((9, 41)))])
    with pytest.raises(InputError, match=r"utterance u2: post\.scp has 9 frames"):
        run(corpus)
    assert not (corpus / "pool/phones.scp").exists()


def test_an_utterance_without_features_is_an_error(corpus: Path) -> None:
    write_archive(corpus / "deep/embed.scp", [("u1", np.zeros((3, 256)))])
    with pytest.raises(
        InputError, match=r"embed\.scp: 1 of the 2 .* first u2; run export or encode"
    ):
        run(corpus)


def test_an_utterance_without_alignment_is_an_error(corpus: Path) -> None:
    for name in ("phones", "words"):
        file = corpus / f"ali/{name}.ctm"
        file.write_text("".join(x for x in file.open() if x.startswith("u1")))
    with pytest.raises(InputError, match=r"phones\.ctm: 1 of the 2 .* first u2; run align"):
        run(corpus)


def test_a_frame_shift_that_is_no_number_is_an_error(corpus: Path) -> None:
    (corpus / "deep/frame_shift").write_text("fast\n")
    with pytest.raises(InputError, match="frame_shift: 'fast'"):
        run(corpus)
