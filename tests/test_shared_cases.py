"""Files that real users had trouble with (skipped where they are absent): each is answered right.

The kinds are those of the folder's README. What is made here is in tests/bad_input.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from bad_input import command
from made_models import make_models

from pyscorer.contract.archives import read_matrices
from pyscorer.errors import InputError
from pyscorer.lexicon.words import text_words

TEXT = "I think the weather is fine"


@pytest.fixture(scope="session")
def cases() -> Path:
    folder = Path(__file__).resolve().parents[2] / "shared/cases"
    path = Path(os.environ.get("PYSCORER_CASES") or folder)
    if not path.is_dir():
        pytest.skip(f"{path} is absent: set PYSCORER_CASES to the folder to run this test")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, cases: Path) -> Path:
    """A grader of the recordings' own texts and voices."""
    root = tmp_path_factory.mktemp("models")
    make_models(root)
    return root / "bundle"


def validated(data: Path, out: Path, *more: str) -> str:
    lexicon = data / "lexicon.txt"
    flags = (
        "--data",
        data,
        "--lexicon",
        lexicon,
        "--out",
        out / "valid",
        "--report",
        out / "r.csv",
    )
    return command("validate", *map(str, flags), *more)


def data_of(cases: Path, tmp_path: Path, **audio: Path) -> Path:
    """A data directory of the three recordings, some of them replaced."""
    shutil.copytree(cases / "01-bom/bomtext", tmp_path / "data")
    wavs = {key: cases / f"wav/{key}-u.wav" for key in ("s00", "s01", "s02")} | audio
    lines = [f"{key}-u {path}\n" for key, path in wavs.items()]
    (tmp_path / "data/wav.scp").chmod(0o644)
    (tmp_path / "data/wav.scp").write_text("".join(lines))
    return tmp_path / "data"


def scored(model: Path, wav: Path, text: str = TEXT) -> str:
    return command("score", "--model", str(model), "--wav", str(wav), "--text", text)


def refusal(run: object, *arguments: object) -> str:
    with pytest.raises(InputError) as error:
        run(*arguments)  # type: ignore[operator]
    return str(error.value)


# A. text


@pytest.mark.parametrize("line", range(7))
def test_23_apostrophes(cases: Path, model: Path, line: int) -> None:
    texts = (cases / "23-apostrophes/texts.txt").read_text(encoding="utf-8").splitlines()
    answer = scored(model, cases / "wav/s00-u.wav", texts[line])
    assert "don't" in answer.lower(), texts[line]


def test_24_invisible_characters(cases: Path) -> None:
    texts = (cases / "24-invisible-characters/texts.txt").read_text(encoding="utf-8").splitlines()
    words = [[w.word for w in text_words(text, {})] for text in texts[:4]]
    assert words == [["information"], ["weekend"], ["week"], ["hello"]]
    assert "ıs" in refusal(text_words, texts[4], {})


def test_26_figures_and_signs(cases: Path) -> None:
    for text in (cases / "26-figures-and-signs/texts.txt").read_text("utf-8").splitlines():
        words = [w.word for w in text_words(text, {})]
        assert all(word.replace("'", "").isalpha() for word in words), (text, words)
        assert len(words) > len([part for part in text.split() if part.isalpha()]), (text, words)


# B. bytes


def test_01_text_with_a_mark(cases: Path, tmp_path: Path) -> None:
    assert "3 utterances are valid" in validated(cases / "01-bom/bomtext", tmp_path)


def test_19_windows_text(cases: Path, model: Path, tmp_path: Path) -> None:
    folder = cases / "19-text-cp1252/wavs"
    said = refusal(command, "score_all", "--model", model, "--wavs", folder, "--out", tmp_path)
    (row,) = csv.DictReader((tmp_path / "summary.csv").open(encoding="utf-8"))
    assert "me.txt" in row["error"] and "1252" in row["error"], (said, row)


@pytest.mark.parametrize("grammar", ["latin1", "gb2312", "nonsense"])
def test_46_grammar_by_its_declaration(cases: Path, tmp_path: Path, grammar: str) -> None:
    folder = cases / "46-grammar-encoding"
    flags = ("--train", folder / "train.csv", "--test", folder / "test.csv")
    arguments = ("prepare_responses", *flags, "--grammar", folder / f"{grammar}.xml")
    if grammar == "nonsense":
        said = refusal(command, *arguments, "--out", tmp_path / "out")
        assert "nonsense.xml" in said and "utf-99" in said
    else:
        command(*map(str, arguments), "--out", str(tmp_path / "out"))


# C. tables


def test_45_spreadsheets(cases: Path, tmp_path: Path) -> None:
    folder = cases / "45-scores-from-a-spreadsheet"
    assert "3 utterances are valid" in validated(folder / "bom", tmp_path)
    for name, more in (("comma", ()), ("drop", ()), ("drop", ("--drop-faulty",))):
        said = refusal(validated, folder / name, tmp_path, *more)
        assert "utterance_scores.csv" in said, said
    rows = pd.read_csv(tmp_path / "r.csv")
    assert {2, 3, 4} <= set(rows["line"][rows["file"].str.contains("utterance_scores")])


# D. audio containers


@pytest.mark.parametrize(
    "file",
    [
        "06-riff-size-off/odd.wav",
        "06-riff-size-off/recorder.wav",
        "08-data-size-wrong/zero.wav",
        "10-mp3-without-xing/a.mp3",
        "11-joined-files/two.mp3",
        "11-joined-files/two.ogg",
    ],
)
def test_whole_audio_in_odd_containers(cases: Path, tmp_path: Path, file: str) -> None:
    assert "3 utterances are valid" in validated(
        data_of(cases, tmp_path, s00=cases / file), tmp_path
    )
    seconds = dict(line.split() for line in (tmp_path / "valid/utt2dur").open())
    once = 68152 / 32000
    expected = 2 * once if "joined" in file else once
    assert float(seconds["s00-u"]) == pytest.approx(expected, abs=0.15)


def test_07_a_cut_upload_is_called_cut(cases: Path, model: Path, tmp_path: Path) -> None:
    half = cases / "07-cut-upload/half.wav"
    assert "cut" in refusal(validated, data_of(cases, tmp_path, s00=half), tmp_path)
    assert "cut" in refusal(scored, model, half)


def test_15_gsm(cases: Path, tmp_path: Path) -> None:
    gsm = cases / "15-gsm-wav/gsm.wav"
    assert "3 utterances are valid" in validated(data_of(cases, tmp_path, s00=gsm), tmp_path)


# E. levels


def test_12_channels_that_cancel(cases: Path, model: Path, tmp_path: Path) -> None:
    wav = cases / "12-stereo-opposite-phase/inv.wav"
    for said in (
        refusal(validated, data_of(cases, tmp_path, s00=wav), tmp_path),
        refusal(scored, model, wav),
    ):
        assert "phase" in said or "cancel" in said, said


@pytest.mark.parametrize("name", ["dc02", "dc05", "dc10"])
def test_13_offset(cases: Path, model: Path, tmp_path: Path, name: str) -> None:
    wav = cases / f"13-dc-offset/{name}.wav"
    assert "3 utterances are valid" in validated(data_of(cases, tmp_path, s00=wav), tmp_path)
    assert "total" in scored(model, wav)


def test_14_float_at_16_bit_scale(cases: Path, model: Path, tmp_path: Path) -> None:
    wav = cases / "14-float-at-16-bit-scale/f.wav"
    for said in (
        refusal(validated, data_of(cases, tmp_path, s00=wav), tmp_path),
        refusal(scored, model, wav),
    ):
        assert "scale" in said, said


# F. refusals


@pytest.mark.parametrize("name", ["silence", "tone", "long"])
def test_48_no_speech(cases: Path, model: Path, name: str) -> None:
    assert f"{name}.wav" in refusal(scored, model, cases / f"48-silence-scored/{name}.wav")


# G. folders


def summary(model: Path, folder: Path, out: Path) -> dict[str, dict[str, str]]:
    command("score_all", "--model", model, "--wavs", folder, "--out", out)
    rows = csv.DictReader((out / "summary.csv").open(encoding="utf-8"))
    return {Path(row["wav"]).name: row for row in rows}


def test_16_hidden_files(cases: Path, model: Path, tmp_path: Path) -> None:
    rows = summary(model, cases / "16-appledouble/wavs", tmp_path)
    assert list(rows) == ["me.wav"]


def test_17_every_file_has_its_row(cases: Path, model: Path, tmp_path: Path) -> None:
    rows = summary(model, cases / "17-endings-passed-over/wavs", tmp_path)
    assert set(rows) == {"a.wav", "b.webm", "c.mp4", "e.caf", "f.sph", "g.w64"}
    assert {n for n, row in rows.items() if row["status"] == "scored"} >= {"a.wav", "g.w64"}
    assert all(row["error"] for row in rows.values() if row["status"] == "failed")


def test_47_nothing_is_written_outside(cases: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a/b/c/out"
    command("textgrids", "--ali", str(cases / "47-ids-with-slashes/ali"), "--out", str(folder))
    assert len(list(folder.iterdir())) == 2
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.parent == folder for path in written)


def test_47_entries_without_length(cases: Path, tmp_path: Path) -> None:
    arguments = ("--ali", str(cases / "47-ids-with-slashes/zero"), "--out", str(tmp_path / "out"))
    assert "phones.ctm:2: u: AY lasts 0.00 s" in refusal(command, "textgrids", *arguments)


# H. Kaldi's forms


def test_02_segments(cases: Path, tmp_path: Path) -> None:
    assert "3 utterances are valid" in validated(cases / "02-segments/seg", tmp_path)
    seconds = dict(line.split() for line in (tmp_path / "valid/utt2dur").open())
    assert {key: float(value) for key, value in seconds.items()} == pytest.approx(
        {"s00-u": 1.0, "s01-u": 1.0, "s02-u": 1.2}, abs=0.01
    )
    valid = tmp_path / "valid"
    command("features", "--data", str(valid), "--out", str(tmp_path / "mfcc"))
    frames = {key: len(value) for key, value in read_matrices(tmp_path / "mfcc/feats.scp")}
    assert frames == {"s00-u": 98, "s01-u": 98, "s02-u": 118}


@pytest.mark.parametrize("name", ["cm2", "cm3"])
def test_30_compressed(cases: Path, name: str) -> None:
    ((key, value),) = read_matrices(cases / f"30-compressed-archives/{name}.scp")
    assert key == "u1" and value.ndim == 2 and value.size


def test_31_ranges(cases: Path) -> None:
    ((_, rows),) = read_matrices(cases / "31-scp-ranges/rows.scp")
    ((_, part),) = read_matrices(cases / "31-scp-ranges/rows_columns.scp")
    assert len(rows) == 6 and part.shape == (6, 4)
    assert (rows[:, :4] == part).all()


@pytest.mark.parametrize("name", ["eps", "sil"])
def test_34_silence_in_the_lexicon(cases: Path, tmp_path: Path, name: str) -> None:
    folder = cases / "34-lexicon-silence-phones" / name
    named = "lexicon.txt:11" if name == "eps" else "text:1: s00-u: !SIL"
    assert named in refusal(validated, folder, tmp_path)


# I. own data


def test_35_variants_are_folded(cases: Path, tmp_path: Path) -> None:
    validated(cases / "35-lexicon-cmudict-variants/data", tmp_path)
    lines = (tmp_path / "valid/lexicon.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("THE")] == ["THE DH AH", "THE DH IY"]


def own_corpus(cases: Path, tmp_path: Path) -> Path:
    root = tmp_path / "corpora/speechocean762"
    shutil.copytree(cases / "own_corpus", root)
    for path in root.rglob("*"):
        path.chmod(0o755)
    return root


LEVELS = {"words": "word total", "phones": "phone accuracy", "stress": "word stress"}
"""What nobody scored, by the key that scores.json lacks."""


@pytest.mark.parametrize("name", [*LEVELS, "blank line"])
def test_36_levels_that_nobody_scored(cases: Path, tmp_path: Path, name: str) -> None:
    root = own_corpus(cases, tmp_path)
    if name == "blank line":
        lexicon = root / "resource/lexicon.txt"
        lexicon.write_text(lexicon.read_text().replace("\n", "\n\n", 1))
    else:
        shutil.copy(
            cases / f"36-own-scores-keys-missing/{name}.json", root / "resource/scores.json"
        )
    flags = ("--corpus", "speechocean762", "--split", "train", "--root", str(tmp_path / "corpora"))
    said = command("prepare", *flags, "--out", str(tmp_path / "data"))
    assert name == "blank line" or f"{LEVELS[name]}: " in said


# K. console


def test_a_console_of_ascii(cases: Path, model: Path) -> None:
    arguments = ("--model", str(model), "--wav", str(cases / "wav/s00-u.wav"), "--text", TEXT)
    done = subprocess.run(
        [sys.executable, "-m", "pyscorer.cli", "score", *arguments],
        env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
