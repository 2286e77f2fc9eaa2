"""What stages wrote of parts, put together."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.archives import read_matrices, write_archive
from pyscorer.errors import InputError
from pyscorer.scatter.gather import gather


def parts(folder: Path, **files: tuple[str, str]) -> list[Path]:
    """Two parts with these files, whose names have _ for the dot."""
    for number in (0, 1):
        part = folder / f"part{number}"
        part.mkdir(exist_ok=True)
        for name, texts in files.items():
            (part / name.replace("_", ".")).write_text(texts[number])
    return [folder / "part0", folder / "part1"]


def test_lines_are_merged_by_utterance_and_stay_in_their_order(tmp_path):
    found = parts(tmp_path, phones_ctm=("a 1 z\na 1 b\nc 1 z\n", "b 1 y\nb 1 x\n"))
    gather(found, tmp_path / "out")
    assert (tmp_path / "out" / "phones.ctm").read_text() == "a 1 z\na 1 b\nb 1 y\nb 1 x\nc 1 z\n"


def test_rows_are_merged_under_one_header(tmp_path):
    found = parts(tmp_path, gop_csv=('utterance,gop\n"a,1",1\nc,2\n', "utterance,gop\nb,3\n"))
    gather(found, tmp_path / "out")
    assert (tmp_path / "out" / "gop.csv").read_text() == 'utterance,gop\n"a,1",1\nb,3\nc,2\n'


def test_archives_stay_where_they_are(tmp_path):
    found = parts(tmp_path)
    matrices = {key: np.full((2, 3), i, np.float32) for i, key in enumerate("abc")}
    for part, keys in zip(found, ("ac", "b"), strict=True):
        write_archive(part / "feats.scp", ((key, matrices[key]) for key in keys))
    gather(found, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["feats.scp"]
    read = list(read_matrices(tmp_path / "out" / "feats.scp"))
    assert [key for key, _ in read] == ["a", "b", "c"]
    assert all(np.array_equal(matrix, matrices[key]) for key, matrix in read)


def test_words_that_both_parts_have_come_once(tmp_path):
    found = parts(tmp_path, lexicon_txt=("A AH\nGO G OW\nGO G AO\n", "GO G OW\nGO G AO\nON AA N\n"))
    gather(found, tmp_path / "out")
    assert (tmp_path / "out" / "lexicon.txt").read_text() == "A AH\nGO G OW\nGO G AO\nON AA N\n"


def test_the_total_of_word_errors_is_anew(tmp_path):
    header = "utterance,words,substitutions,deletions,insertions,wer\n"
    found = parts(
        tmp_path,
        wer_csv=(
            header + "a,4,1,0,0,0.2500\nTOTAL,4,1,0,0,0.2500\n",
            header + "B,6,0,1,2,0.5000\nTOTAL,6,0,1,2,0.5000\n",
        ),
    )
    gather(found, tmp_path / "out")
    assert (tmp_path / "out" / "wer.csv").read_text() == (
        header + "B,6,0,1,2,0.5000\na,4,1,0,0,0.2500\nTOTAL,10,1,1,2,0.4000\n"
    )


def test_reports_become_one(tmp_path):
    found = parts(tmp_path, faults_csv=("file,line\nx,1\n", "file,line\ny,2\n"), text=("a b\n", ""))
    reports = [part / "faults.csv" for part in found]
    gather(found, tmp_path / "out", reports, tmp_path / "faults.csv")
    assert (tmp_path / "faults.csv").read_text() == "file,line\nx,1\ny,2\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"text": ("a b\n", "a c\n")}, "part1/text: a stands in .*part0/text too, and otherwise"),
        ({"frame_shift": ("0.02\n", "0.03\n")}, "part1/frame_shift: differs from .*part0"),
        ({"decoder_json": ("{}", "[]")}, "part1/decoder.json: differs from .*part0"),
        ({"gop_csv": ("utterance,a\n", "utterance,b\n")}, "part1/gop.csv: other columns than"),
    ],
)
def test_what_does_not_go_together_is_named(files, message, tmp_path):
    found = parts(tmp_path, **files)
    if "frame_shift" in files:
        for part in found:
            (part / "frame.shift").rename(part / "frame_shift")
    with pytest.raises(InputError, match=message):
        gather(found, tmp_path / "out")
    assert not (tmp_path / "out").exists()
