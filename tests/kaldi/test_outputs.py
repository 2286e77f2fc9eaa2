from pathlib import Path

import kaldi_io
import numpy as np
import pytest

from pyscorer.chain.export import ExportOptions, export
from pyscorer.contract.archives import read_integers, read_matrices, write_archive
from pyscorer.contract.ctm import read_ctm
from pyscorer.contract.phones import PHONE_ID
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import import_kaldi
from pyscorer.kaldi.outputs import kaldi_alignment, kaldi_posteriors


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "text").write_text("a-1 BEE\na-2 BEE\n")
    (tmp_path / "utt2spk").write_text("a-1 a\na-2 a\n")
    (tmp_path / "spk2utt").write_text("a a-1 a-2\n")
    (tmp_path / "wav.scp").write_text("a-1 none.wav\na-2 none.wav\n")
    (tmp_path / "lexicon.txt").write_text("BEE B IY\n")
    return tmp_path


def lengths(data: Path, text: str) -> list[Path]:
    (data / "lengths").write_text(text)
    return [data / "lengths"]


def test_phones_with_lengths_become_frames_and_words(data: Path):
    b, iy = PHONE_ID["B"], PHONE_ID["IY"]
    given = lengths(data, f"a-1 1 2 ; {b} 3 ; {iy} 4 ; 1 1\n")
    kaldi_alignment(data, data / "lexicon.txt", given, data / "ali")
    frames = dict(read_integers(data / "ali" / "ali.scp"))
    assert frames["a-1"].tolist() == [1] * 2 + [b] * 3 + [iy] * 4 + [1]
    ((key, segments),) = read_ctm(data / "ali" / "words.ctm")
    assert key == "a-1"
    assert [(s.label, s.start, s.length) for s in segments] == [("BEE", 2, 7)]
    assert (data / "ali" / "failed").read_text().startswith("a-2 ")


def test_canonical_phones_take_the_place_of_the_lexicons(data: Path):
    (data / "canonical").write_text("a-1.0 B IH\na-2.0 B IY\n")
    b, ih = PHONE_ID["B"], PHONE_ID["IH"]
    given = lengths(data, f"a-1 {b} 3 ; {ih} 4\n")
    kaldi_alignment(data, data / "lexicon.txt", given, data / "ali", canonical=True)
    ((key, segments),) = read_ctm(data / "ali" / "words.ctm")
    assert key == "a-1" and [(s.label, s.length) for s in segments] == [("BEE", 7)]
    with pytest.raises(InputError, match="no pronunciation of BEE"):
        kaldi_alignment(data, data / "lexicon.txt", given, data / "ali")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a-1 1 2 ; 99 3\n", "a-1: phone 99"),
        ("a-1 1 2 ; 5\n", "expected `phone frames"),
        ("a-1 1 2 ; 5 3\n", "no pronunciation of BEE"),
    ],
)
def test_what_is_no_alignment_is_named(data: Path, text: str, message: str):
    with pytest.raises(InputError, match=message):
        kaldi_alignment(data, data / "lexicon.txt", lengths(data, text), data / "ali")


def test_kaldis_output_and_ours_become_the_same_files(tmp_path: Path, conformance: Path):
    golden = conformance / "e_tdnnf"
    for name in ("output_xent", "prefinal_l", "feats"):
        items = kaldi_io.read_mat_ark(str(golden / f"{name}.ark"))
        write_archive(tmp_path / name / "feats.scp", ((k, np.array(m)) for k, m in items))
    kaldi_posteriors(
        golden / "final.mdl",
        [tmp_path / "output_xent" / "feats.scp"],
        [tmp_path / "prefinal_l" / "feats.scp"],
        tmp_path / "kaldi",
    )
    import_kaldi(golden / "final.mdl", tmp_path)
    export(tmp_path / "final.pt", tmp_path / "feats", tmp_path / "torch", ExportOptions(jobs=1))
    for name in ("embed.scp", "post.scp"):
        ours = dict(read_matrices(tmp_path / "torch" / name))
        for key, kaldis in read_matrices(tmp_path / "kaldi" / name):
            # Means were removed to 4 digits in the golden features, and are removed again here.
            np.testing.assert_allclose(ours[key], kaldis, atol=5e-3)
    one, other = ((tmp_path / engine / "frame_shift").read_text() for engine in ("kaldi", "torch"))
    assert one == other
