"""Stage validate: every kind of bad data is named by file, line and utterance."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.cli import main
from pyscorer.contract.archives import Matrices
from pyscorer.contract.datadir import read_data_dir, read_labels, read_wav
from pyscorer.contract.scales import make_scales, read_scales, write_scales
from pyscorer.corpora.validate import ValidateOptions, validate
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon

KEYS = ("a1", "a2", "b1")
_TONE = 0.3 * np.sin(np.arange(8000) / 5)


def _write_wav(path: Path, samples: np.ndarray, rate: int = 16000) -> None:
    soundfile.write(path, samples, rate, subtype="PCM_16")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three sound utterances `GO YOU` of two speakers, half a second each, fully labelled."""
    data = tmp_path / "data"
    data.mkdir()
    tone = 0.3 * np.sin(np.arange(8000) / 5)
    for key in KEYS:
        _write_wav(tmp_path / f"{key}.wav", tone)
    files = {
        "text": "".join(f"{k} GO YOU\n" for k in KEYS),
        "wav.scp": "".join(f"{k} {tmp_path}/{k}.wav\n" for k in KEYS),
        "utt2spk": "a1 a\na2 a\nb1 b\n",
        "spk2utt": "a a1 a2\nb b1\n",
        "spk2gender": "a f\nb m\n",
        "canonical": "".join(f"{k}.0 G OW\n{k}.1 Y UW\n" for k in KEYS),
        "lexicon.txt": "GO G OW\nYOU Y UW\n",
        "utterance_scores.csv": "utterance,accuracy,completeness,fluency,prosodic,total\n"
        + "".join(f"{k},8,10.0,7,8,8\n" for k in KEYS),
        "word_scores.csv": "utterance,word_index,word,accuracy,stress,total\n"
        + "".join(f"{k},0,GO,8,10,8\n{k},1,YOU,9,10,9\n" for k in KEYS),
        "phone_scores.csv": "utterance,word_index,phone_index,phone,accuracy\n"
        + "".join(f"{k},0,0,G,2.0\n{k},0,1,OW,1.8\n{k},1,0,Y,\n{k},1,1,UW,\n" for k in KEYS),
    }
    for name, content in files.items():
        (data / name).write_text(content)
    return data


def _run(data: Path, **options) -> tuple[Path, list[dict[str, str]]]:
    """Validate; returns the valid directory and the report, whether or not it raised."""
    out, report = data.parent / "valid", data.parent / "report.csv"
    try:
        validate(data, data / "lexicon.txt", out, report, ValidateOptions(**options))
    finally:
        with report.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
    return out, rows


def _faults(data: Path, **options) -> list[tuple[str, int, str, str]]:
    """Faults of a directory that must be refused: (file name, line, utterance, fault)."""
    with pytest.raises(InputError):
        _run(data, **options)
    assert not (data.parent / "valid").exists()
    with (data.parent / "report.csv").open(newline="") as stream:
        return [
            (Path(r["file"]).name, int(r["line"]), r["utterance"], r["fault"])
            for r in csv.DictReader(stream)
        ]


def _change(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def test_sound_data_pass_unchanged(data):
    out, report = _run(data)
    assert report == []
    for file in data.iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes()
    assert (out / "utt2dur").read_text() == "a1 0.500\na2 0.500\nb1 0.500\n"
    assert set(read_data_dir(out).utterances) == set(KEYS)
    assert read_lexicon(out / "lexicon.txt") == {"GO": [("G", "OW")], "YOU": [("Y", "UW")]}


def test_stress_digits_of_the_lexicon_are_kept_beside_it(data):
    (data / "lexicon.txt").write_text("GO G OW1\nYOU Y UW\n")
    out, _ = _run(data)
    assert (out / "lexicon.txt").read_text() == "GO G OW\nYOU Y UW\n"
    assert (out / "stress.txt").read_text() == "GO G OW1\n"
    # What prepare wrote, as its lexicon has none.
    (data / "lexicon.txt").write_text("GO G OW\nYOU Y UW\n")
    (data / "stress.txt").write_text("YOU Y UW2\n")
    assert (_run(data)[0] / "stress.txt").read_text() == "YOU Y UW2\n"


def test_missing_audio(data):
    (data.parent / "a2.wav").unlink()
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 2, "a2")
    assert fault[3].startswith("missing audio") and "a2.wav" in fault[3]


def test_unreadable_audio(data):
    (data.parent / "a2.wav").write_bytes(b"this is not audio at all")
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 2, "a2") and fault[3].startswith("unreadable audio")


def test_audio_cut_in_the_header(data):
    path = data.parent / "a1.wav"
    path.write_bytes(path.read_bytes()[:20])
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 1, "a1") and fault[3].startswith("unreadable audio")


def test_audio_cut_in_the_middle(data):
    path = data.parent / "a1.wav"
    path.write_bytes(path.read_bytes()[:9000])
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 1, "a1") and "cut short" in fault[3]


def test_wrong_rate(data):
    _write_wav(data.parent / "b1.wav", 0.3 * np.sin(np.arange(8000) / 5), rate=8000)
    assert [f[:3] for f in _faults(data)] == [("wav.scp", 3, "b1")]
    assert "wrong rate 8000 Hz instead of 16000 Hz" in _faults(data)[0][3]


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(8000), np.full(8000, 1e-4)])
def test_empty_audio(data, samples):
    _write_wav(data.parent / "a1.wav", samples)
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 1, "a1") and fault[3].startswith("empty audio")


def test_clipped_audio_is_judged_by_its_share_of_full_scale_samples(data):
    samples = 0.3 * np.sin(np.arange(8000) / 5)
    samples[:200] = 1.0
    _write_wav(data.parent / "a1.wav", samples)
    (fault,) = _faults(data)
    assert "clipped audio" in fault[3] and "2.5% of the samples" in fault[3]
    _run(data, clipped_share=0.03)


def test_audio_too_short_for_its_text(data):
    # 4 phones need 12 frames: 400 + 11 * 160 samples.
    tone = 0.3 * np.sin(np.arange(8000) / 5)
    _write_wav(data.parent / "a1.wav", tone[: 400 + 11 * 160])
    _run(data)
    _write_wav(data.parent / "a1.wav", tone[: 400 + 11 * 160 - 1])
    with pytest.raises(InputError, match=r"a1: .*too short for its text: 11 frames for 4 phones"):
        _run(data)


def test_a_command_in_wav_scp(data):
    _change(data / "wav.scp", f"{data.parent}/a1.wav", "sox a1.sph -t wav - |")
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 1, "a1") and "a command, not a file" in fault[3]


def test_text_without_audio(data):
    _change(data / "wav.scp", f"a2 {data.parent}/a2.wav\n", "")
    assert _faults(data) == [("wav.scp", 0, "a2", "no audio, though in text and utt2spk")]


def test_audio_without_text(data):
    _change(data / "text", "a2 GO YOU\n", "")
    faults = _faults(data)
    assert ("text", 0, "a2", "no text, though in wav.scp and utt2spk") in faults
    # Its labels and phones have lost their utterance, too, each named by its line.
    assert ("utterance_scores.csv", 3, "a2", "label without utterance") in faults
    assert ("canonical", 3, "a2", "phones, but no text") in faults


def test_empty_text(data):
    _change(data / "text", "a2 GO YOU\n", "a2\n")
    assert ("text", 2, "a2", "nothing after a2") in _faults(data)


def test_duplicate_id(data):
    _change(data / "text", "a2 GO YOU\n", "a2 GO YOU\na2 YOU GO\n")
    assert _faults(data) == [("text", 3, "a2", "duplicate id a2, first on line 2")]


def test_unsorted_file(data):
    (data / "text").write_text("a2 GO YOU\na1 GO YOU\nb1 GO YOU\n")
    (fault,) = _faults(data)
    assert fault[:3] == ("text", 2, "")
    assert fault[3].startswith("unsorted: a1 stands after a2")


def test_order_is_that_of_bytes_not_of_a_language(data):
    for name in ("text", "wav.scp", "utt2spk"):
        _change(data / name, "b1", "B1")
    for name in ("spk2utt", "canonical"):
        _change(data / name, "b1", "B1")
    for name in ("utterance", "word", "phone"):
        _change(data / f"{name}_scores.csv", "b1", "B1")
    assert {(f, line) for f, line, _, _ in _faults(data)} == {
        ("text", 3), ("wav.scp", 3), ("utt2spk", 3), ("canonical", 5), ("canonical", 6),
    }  # fmt: skip


def test_utt2spk_against_spk2utt(data):
    _change(data / "spk2utt", "a a1 a2", "a a1")
    assert _faults(data) == [("spk2utt", 0, "a2", "not listed; utt2spk gives it to a")]
    (data / "spk2utt").write_text("a a1 a2 b1\n")
    assert _faults(data) == [("spk2utt", 1, "b1", "of speaker a here, of b in utt2spk")]


def test_word_outside_the_lexicon(data):
    _change(data / "text", "b1 GO YOU", "b1 GO ZOO")
    _change(data / "word_scores.csv", "b1,1,YOU", "b1,1,ZOO")
    assert _faults(data) == [("text", 3, "b1", "word ZOO is not in the lexicon")]
    out, report = _run(data, unknown_words=True)
    assert [r["action"] for r in report] == ["warning"]
    assert "b1" in read_data_dir(out).utterances


def test_lexicon_lines(data):
    (data / "lexicon.txt").write_text("GO G OW\nNO\nYOU Y UW\nZOO Z QQ\n")
    assert _faults(data) == [
        ("lexicon.txt", 2, "", "NO: no phones"),
        ("lexicon.txt", 4, "", "ZOO: unknown phone QQ"),
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "fault"),
    [
        ("utterance", "a2,8,", "a2,11,", 3, "accuracy 11 is out of range 0..10"),
        ("utterance", "b1,8,10.0", "b1,8,-1", 4, "completeness -1 is out of range 0..10"),
        ("utterance", "b1,8,10.0", "b1,8,nan", 4, "completeness is 'nan', not a number in 0..10"),
        ("utterance", "b1,8,10.0", "b1,8,good", 4, "completeness is 'good', not a number in 0..10"),
        ("phone", "a1,0,0,G,2.0", "a1,0,0,G,2.1", 2, "accuracy 2.1 is out of range 0..2"),
        ("phone", "a1,0,0,G", "a1,0,0,K", 2, "phone K, canonical has G"),
        ("phone", "a1,0,1,OW", "a1,0,2,OW", 3, "phone_index 2, canonical has 2 phones"),
        ("word", "a1,1,YOU", "a1,2,YOU", 3, "word_index 2, text has 2 words"),
        ("word", "a1,1,YOU", "a1,1,TWO", 3, "word TWO, text has YOU"),
        ("word", "a1,1,YOU", "a1,0,GO", 3, "duplicate row, first on line 2"),
    ],
)
def test_labels(data, file, old, new, line, fault):
    _change(data / f"{file}_scores.csv", old, new)
    ((name, number, _, found),) = _faults(data)
    assert (name, number, found) == (f"{file}_scores.csv", line, fault)


def test_utterance_without_label_and_label_without_utterance(data):
    _change(data / "utterance_scores.csv", "b1,8", "c1,8")
    assert _faults(data) == [
        ("utterance_scores.csv", 4, "c1", "label without utterance"),
        ("utterance_scores.csv", 0, "b1", "utterance without label"),
    ]


def test_missing_column(data):
    _change(data / "utterance_scores.csv", "fluency", "fluence")
    (fault,) = _faults(data)
    assert fault[0] == "utterance_scores.csv" and fault[3].startswith("no column fluency; it has")


def test_a_label_table_that_is_not_text(data):
    (data / "word_scores.csv").write_bytes(b"utterance,word_index,word\xff\n")
    (fault,) = _faults(data)
    assert fault[0] == "word_scores.csv" and fault[3].startswith("not UTF-8")


def test_canonical_phones(data):
    _change(data / "canonical", "a2.1 Y UW\n", "")
    assert _faults(data)[0] == ("canonical", 0, "a2", "phones of 1 words, text has 2")


def test_missing_and_non_utf8_files(data):
    (data / "utt2spk").unlink()
    assert ("utt2spk", 0, "", "no such file") in _faults(data)
    (data / "utt2spk").write_bytes(b"a1 a\xff\n")
    assert any(f[0] == "utt2spk" and "not UTF-8" in f[3] for f in _faults(data))


def test_all_faults_are_reported_at_once_and_the_first_20_shown(data):
    (data.parent / "a1.wav").unlink()
    _change(data / "utterance_scores.csv", "a2,8,", "a2,11,")
    _change(data / "text", "b1 GO YOU", "b1 GO NO")
    with pytest.raises(InputError) as error:
        _run(data)
    message = str(error.value)
    for expected in ("wav.scp:1: a1: missing", "utterance_scores.csv:3: a2", "text:3: b1: word NO"):
        assert expected in message
    assert str(data.parent / "report.csv") in message and "drop_faulty" in message


def test_faulty_utterances_are_dropped_only_when_asked_and_each_is_named(data, capsys):
    (data.parent / "a1.wav").unlink()
    _change(data / "phone_scores.csv", "b1,0,0,G,2.0", "b1,0,0,G,2.1")
    out, report = _run(data, drop_faulty=True)
    assert [(r["utterance"], r["action"]) for r in report] == [("b1", "dropped"), ("a1", "dropped")]
    assert list(read_data_dir(out).utterances) == ["a2"]
    for name in ("text", "wav.scp", "utt2spk", "utt2dur"):
        assert [line.split()[0] for line in (out / name).read_text().splitlines()] == ["a2"]
    assert (out / "spk2utt").read_text() == "a a2\n"
    assert (out / "spk2gender").read_text() == "a f\n"
    assert (out / "canonical").read_text() == "a2.0 G OW\na2.1 Y UW\n"
    for level in ("utterance", "word", "phone"):
        assert set(read_labels(out, level)["utterance"]) == {"a2"}
    said = capsys.readouterr().out
    assert "dropped 2 faulty utterances" in said
    assert "a1: missing audio" in said and "b1: accuracy 2.1" in said


def test_what_was_dropped_validates_and_disorder_is_repaired(data):
    (data / "text").write_text("a2 GO YOU\na1 GO YOU\nb1 GO YOU\n")
    out, report = _run(data, drop_faulty=True)
    assert [r["action"] for r in report] == ["repaired"]
    assert (out / "text").read_text() == "a1 GO YOU\na2 GO YOU\nb1 GO YOU\n"
    again = out.parent / "again"
    validate(out, out / "lexicon.txt", again, again.with_suffix(".csv"), ValidateOptions())


def test_dropping_does_not_hide_a_broken_lexicon_or_an_empty_result(data):
    (data / "lexicon.txt").write_text("GO G OW\nYOU Y UW\nZOO\n")
    with pytest.raises(InputError, match="that dropping cannot mend"):
        _run(data, drop_faulty=True)
    (data / "lexicon.txt").write_text("GO G OW\nYOU Y UW\n")
    for key in KEYS:
        (data.parent / f"{key}.wav").unlink()
    with pytest.raises(InputError, match="no utterance is left"):
        _run(data, drop_faulty=True)


def test_the_command_line_prints_the_faults_and_exits_with_2(data, capsys):
    (data.parent / "a1.wav").unlink()
    folder = data.parent
    argv = ["validate", "--data", data, "--lexicon", data / "lexicon.txt"]
    argv += ["--out", folder / "valid", "--report", folder / "report.csv"]
    assert main([str(a) for a in argv]) == 2
    assert "wav.scp:1: a1: missing audio" in capsys.readouterr().err


def test_texts_are_written_as_they_are_read(data):
    """Typographic apostrophes, decomposed letters, case: the valid directory has the lexicon's."""
    (data / "text").write_text("a1 go, You!\na2 G\u200bO YOU\nb1 GO  YOU\n")
    rows = (data / "word_scores.csv").read_text()
    (data / "word_scores.csv").write_text(rows.replace("a1,0,GO", "a1,0,Go"))
    out, report = _run(data)
    assert (out / "text").read_text() == "".join(f"{key} GO YOU\n" for key in KEYS)
    assert [(r["utterance"], r["line"], r["action"]) for r in report] == [
        ("a1", "1", "repaired"),
        ("a2", "2", "repaired"),
    ]
    assert report[0]["fault"] == '"go, You!" is written "GO YOU"'


def test_a_lexicon_with_other_apostrophes_and_in_small_letters_has_the_words(data):
    (data / "text").write_text("a1 DON'T CAFE\u0301\na2 don’t café\nb1 Don`t Café\n")
    (data / "lexicon.txt").write_text("don’t D OW N T\ncafe\u0301 K AE F EY\n")
    for name in ("canonical", "word_scores.csv", "phone_scores.csv"):
        (data / name).unlink()
    out, _ = _run(data)
    assert read_data_dir(out).utterances["a1"].words == ("don't", "café")
    assert set(read_lexicon(out / "lexicon.txt")) == {"don't", "café"}


def test_what_cannot_be_read_in_one_way_is_a_fault_of_its_utterance(data):
    (data / "text").write_text("a1 GO 24/7\na2 ... -\nb1 GO YOU\n")
    faults = _faults(data)
    assert ("text", 1, "a1") in [fault[:3] for fault in faults]
    said = [fault for *_, fault in faults]
    assert any(fault.startswith('"24/7": ') for fault in said)
    assert '"... -": no words' in said


def test_a_figure_that_is_two_words_does_not_shift_the_labels_in_silence(data):
    (data / "text").write_text("a1 25 YOU\na2 GO YOU\nb1 GO YOU\n")
    faults = [fault for *_, fault in _faults(data)]
    assert "phones of 2 words, text has 3" in faults


@pytest.fixture
def segmented(data: Path) -> Path:
    """The same as stretches of one recording of two seconds."""
    samples = 0.3 * np.sin(np.arange(32000) ** 1.2 / 50)
    _write_wav(data.parent / "rec.wav", samples)
    (data / "wav.scp").write_text("rec ../rec.wav\n")
    (data / "segments").write_text("a1 rec 0 0.75\na2 rec 0.5 1.0\nb1 rec 1.0 -1\n")
    return data


def test_segments_of_a_recording_are_its_utterances(segmented):
    out, report = _run(segmented)
    assert report == []
    assert (out / "utt2dur").read_text() == "a1 0.750\na2 0.500\nb1 1.000\n"
    assert (out / "segments").read_text() == (segmented / "segments").read_text()
    # The valid directory lies elsewhere.
    assert (out / "wav.scp").read_text() == f"rec {segmented}/../rec.wav\n"
    utterances = read_data_dir(out).utterances
    whole = soundfile.read(segmented.parent / "rec.wav", dtype="float32")[0]
    assert np.array_equal(read_wav(utterances["a2"]), whole[8000:16000])
    assert np.array_equal(read_wav(read_data_dir(segmented).utterances["b1"]), whole[16000:])
    features(out, out.parent / "mfcc", FeatureOptions(jobs=1))
    assert len(Matrices(out.parent / "mfcc" / "feats.scp")["a1"]) == 1 + (12000 - 400) // 160


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a2 rec 0.5", "is not `recording start end`"),
        ("a2 rec 0.5 one", "is not `recording start end`"),
        ("a2 rec 0.5 nan", "no times of a recording"),
        ("a2 rec -0.5 1", "no times of a recording"),
        ("a2 rec 0.5 1.0 1", "a channel after the times"),
        ("a2 rec 1.0 0.5", "not after its start"),
        ("a2 rec 0.5 0.5", "not after its start"),
        ("a2 tape 0.5 1.0", "recording tape is not in wav.scp"),
        ("a2 rec 0.5 2.6", "0.5 to 2.6 s of recording rec, which lasts 2.00 s"),
        ("a2 rec 2.1 2.3", "which lasts 2.00 s"),
        ("a2 rec 0.5 0.55", "under 0.1 s"),
        ("a2 rec 0.5 0.61", "too short for its text"),
        ("a2 rec 0.0 0.75", "the same stretch as a1"),
        ("a2", "nothing after a2"),
    ],
)
def test_a_faulty_segment_is_named_and_can_be_dropped(segmented, line, fault):
    _change(segmented / "segments", "a2 rec 0.5 1.0", line)
    found = [f for f in _faults(segmented) if fault in f[3]]
    assert [f[:3] for f in found] == [("segments", 2, "a2")]
    out, _ = _run(segmented, drop_faulty=True)
    assert list(read_data_dir(out).utterances) == ["a1", "b1"]
    assert [r.split()[0] for r in (out / "segments").read_text().splitlines()] == ["a1", "b1"]


def test_a_segment_may_end_a_little_behind_its_recording(segmented):
    _change(segmented / "segments", "b1 rec 1.0 -1", "b1 rec 1.0 2.4")
    out, _ = _run(segmented)
    assert "b1 1.000" in (out / "utt2dur").read_text()
    assert len(read_wav(read_data_dir(out).utterances["b1"])) == 16000


def test_utterances_recordings_and_segments_must_agree(segmented):
    (segmented / "segments").write_text("a1 rec 0 0.75\na2 rec 0.5 1.0\n")
    (segmented / "wav.scp").write_text("other ../a1.wav\nrec ../rec.wav\n")
    faults = _faults(segmented)
    assert ("segments", 0, "b1", "no stretch of a recording, though in text and utt2spk") in faults
    assert ("wav.scp", 1, "", "recording other has no utterance in segments") in faults
    out, _ = _run(segmented, drop_faulty=True)
    assert (out / "wav.scp").read_text().startswith("rec ")
    assert list(read_data_dir(out).utterances) == ["a1", "a2"]


def test_a_faulty_recording_is_a_fault_of_all_its_segments(segmented):
    path = segmented.parent / "rec.wav"
    path.write_bytes(path.read_bytes()[:40000])
    faults = [f for f in _faults(segmented) if "cut short" in f[3]]
    assert [f[:3] for f in faults] == [("wav.scp", 1, key) for key in KEYS]
    path.unlink()
    assert {f[3] for f in _faults(segmented)} == {"missing audio ../rec.wav"}


def test_paths_are_relative_to_the_working_directory_or_else_to_the_data(data, monkeypatch):
    _change(data / "wav.scp", f"{data.parent}/a1.wav", "../a1.wav")
    out, report = _run(data)
    assert report == []
    assert read_data_dir(out).utterances["a1"].audio == data / ".." / "a1.wav"
    shutil.rmtree(out)
    (data.parent / "x" / "y").mkdir(parents=True)
    monkeypatch.chdir(data.parent / "x" / "y")
    _write_wav(data.parent / "x" / "a1.wav", np.ones(8000))
    (fault,) = _faults(data)
    assert fault[:3] == ("wav.scp", 1, "a1") and "is there twice" in fault[3]
    with pytest.raises(InputError, match="is there twice"):
        read_data_dir(data)


def test_commands_are_run_only_when_asked_and_never_again(data):
    wav = data.parent / "a1.wav"
    _change(data / "wav.scp", str(wav), f"cat {wav} | cat |")
    out, report = _run(data, allow_commands=True)
    assert report == []
    audio = read_data_dir(out).utterances["a1"].audio
    assert audio.parent == out / "audio"
    assert np.array_equal(soundfile.read(audio)[0], soundfile.read(wav)[0])
    assert sorted(p.name for p in data.parent.iterdir()) == sorted(
        ["data", "valid", "report.csv", *(f"{key}.wav" for key in KEYS)]
    )


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("echo no; exit 3 |", "failed (status 3)"),
        ("echo such a thing >&2; false |", "failed (status 1): such a thing"),
        ("false | cat |", "failed (status 1)"),
        ("cat ../data/text |", "wrote: not readable as audio: it is text"),
        ("true |", "the file is empty"),
        ("sleep 60 |", "was stopped after 1 s"),
    ],
)
def test_a_command_that_fails_is_a_fault(data, command, fault):
    _change(data / "wav.scp", f"{data.parent}/a1.wav", f"cd {data}; {command}")
    (found,) = _faults(data, allow_commands=True, command_seconds=1)
    assert found[:3] == ("wav.scp", 1, "a1") and fault in found[3]


def test_an_archive_of_waves(data):
    content = (data.parent / "a1.wav").read_bytes()
    (data / "wav.ark").write_bytes(b"a1 " + content + b"a2 " + content)
    _change(data / "wav.scp", f"{data.parent}/a2.wav", f"wav.ark:{len(content) + 6}")
    out, report = _run(data)
    assert report == [] and len(read_wav(read_data_dir(out).utterances["a2"])) == 8000


def test_audio_longer_than_the_limit_is_not_decoded_to_its_end(data):
    soundfile.write(data.parent / "a1.wav", np.zeros(16000 * 99), 16000, format="FLAC")
    (fault,) = _faults(data, longest=60)
    assert "99 s of audio" in fault[3]


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        (np.stack([_TONE, -_TONE], axis=1), "cancel each other out"),
        (_TONE * 32768, "scale of integers"),
        (np.where(np.arange(8000) == 7, np.nan, _TONE), "not numbers"),
        (np.full(8000, 0.2), "empty audio"),
    ],
)
def test_what_models_would_hear_wrongly(data, samples, fault):
    soundfile.write(data.parent / "a1.wav", samples.astype(np.float32), 16000, subtype="FLOAT")
    (found,) = _faults(data)
    assert found[:3] == ("wav.scp", 1, "a1") and fault in found[3]


def test_levels_are_measured_without_the_offset(data):
    _write_wav(data.parent / "a1.wav", 0.1 + _TONE)
    assert _run(data)[1] == []


OWN = make_scales(
    {"utterance": {"flow": [1, 5]}, "word": {"clarity": [0, 100]}, "child_below": None}, "own"
)


def _own(data: Path) -> None:
    """Scales of the data directory's own, and labels by them."""
    write_scales(data, OWN)
    (data / "utterance_scores.csv").write_text(
        "utterance,flow\n" + "".join(f"{k},2.5\n" for k in KEYS)
    )
    words = "".join(f"{k},0,GO,80\n{k},1,YOU,\n" for k in KEYS)
    (data / "word_scores.csv").write_text("utterance,word_index,word,clarity\n" + words)
    (data / "phone_scores.csv").unlink()


def test_labels_are_checked_by_the_scales_beside_them_which_come_along(data):
    _own(data)
    out, report = _run(data)
    assert report == [] and read_scales(out) == OWN
    assert list(read_labels(out, "utterance")["flow"]) == [2.5] * 3
    assert list(read_labels(out, "word")["clarity"].dropna()) == [80] * 3
    _change(data / "utterance_scores.csv", "a2,2.5", "a2,0.5")
    _change(data / "word_scores.csv", "b1,0,GO,80", "b1,0,GO,101")
    assert _faults_again(data) == [
        ("utterance_scores.csv", 3, "a2", "flow 0.5 is out of range 1..5"),
        ("word_scores.csv", 6, "b1", "clarity 101 is out of range 0..100"),
    ]


def _faults_again(data: Path) -> list[tuple[str, int, str, str]]:
    shutil.rmtree(data.parent / "valid")
    return _faults(data)


def test_scores_of_a_level_without_aspects_are_told_and_left_out(data):
    phones = (data / "phone_scores.csv").read_text()
    _own(data)
    (data / "phone_scores.csv").write_text(phones)
    wanted = "scores of a level of which scales.json names no aspect: left out"
    assert _faults(data) == [("phone_scores.csv", 0, "", wanted)]
    out, report = _run(data, drop_faulty=True)
    assert [row["action"] for row in report] == ["repaired"]
    assert not (out / "phone_scores.csv").exists() and len(read_data_dir(out).utterances) == 3


def test_scales_that_are_none_are_a_fault(data):
    (data / "scales.json").write_text('{"utterance": {"flow": [5, 1]}}')
    assert _faults(data) == [("scales.json", 0, "", "utterance flow: 5 to 1 is no range")]
    with pytest.raises(InputError, match="dropping cannot mend"):
        _run(data, drop_faulty=True)


@pytest.mark.parametrize(("gender", "right"), [("nonbinary", True), ("女", True), ("a b", False)])
def test_a_gender_is_any_one_word(data, gender, right):
    (data / "spk2gender").write_text(f"a {gender}\nb m\n")
    if right:
        out, _ = _run(data)
        assert read_data_dir(out).speakers["a"]["gender"] == gender
    else:
        assert _faults(data) == [
            ("spk2gender", 1, "", f"gender is {gender!r}: write one word, or leave the line out")
        ]
