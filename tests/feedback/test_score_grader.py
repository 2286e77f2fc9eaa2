"""`pyscorer score` and `score_all` with a grader: forms, batches, and input that is not speech."""

import errno
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from made_models import TEXTS, make_models, speak
from praatio import textgrid

from pyscorer.cli import main
from pyscorer.errors import InputError
from pyscorer.feedback import grade_recording as recording
from pyscorer.feedback import many
from pyscorer.feedback import score_all as batch
from pyscorer.feedback.bundle import Bundle, load_bundle
from pyscorer.feedback.grade_recording import grade_recording, grade_recordings
from pyscorer.feedback.listen import listen
from pyscorer.feedback.quality import check_samples, read_recording, voiceless
from pyscorer.feedback.tasks import read_manifest
from pyscorer.grading.grader import Predicted, TrainedGrader
from pyscorer.grading.grader_inputs import RawInputs

TEXT = TEXTS[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grader")
    make_models(root)
    return root


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "me.wav", speak(TEXT), 16000)
    return tmp_path / "me.wav"


def score(run: Path, wav: Path, text: str, *more: str) -> int:
    return main(["score", "--model", str(run / "bundle"), "--wav", str(wav), "--text", text, *more])


def answer(run: Path, capsys: pytest.CaptureFixture[str], wav: Path, text: str = TEXT) -> dict:
    assert score(run, wav, text, "--format", "json") == 0
    return json.loads(capsys.readouterr().out)


def refusal(run: Path, capsys: pytest.CaptureFixture[str], wav: Path, text: str = TEXT) -> str:
    assert score(run, wav, text) == 2
    return capsys.readouterr().err


def test_a_recording_is_graded_as_in_the_pipeline(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = {
        level: pd.read_csv(run / f"grader/scores_{level}.csv") for level in ("utterance", "phone")
    }
    utterances = tables["utterance"].set_index(["utterance", "aspect"])["predicted"]
    for key in ("s00-u", "s31-u", "s52-u"):
        found = answer(run, capsys, run / f"{key}.wav", TEXTS[int(key[2])])
        for aspect, value in found["aspects"].items():
            assert value["value"] == pytest.approx(utterances[key, aspect], abs=5e-3)
            assert value["low"] <= value["value"] <= value["high"]
        phones = tables["phone"][tables["phone"]["utterance"] == key]
        said = [phone for word in found["words"] for phone in word["phones"]]
        assert [p["phone"] for p in said] == list(phones["phone"])
        values = [p["score"]["value"] for p in said]
        assert values == pytest.approx(list(phones["predicted"]), abs=5e-3)


@pytest.mark.parametrize("form", ["text", "json", "textgrid", "html"])
def test_every_form_is_written(run: Path, wav: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out/feedback"
    assert score(run, wav, TEXT, "--format", form, "--out", str(out)) == 0
    content = out.read_text()
    assert "WEATHER" in content
    if form == "textgrid":
        assert textgrid.openTextgrid(str(out), False).maxTimestamp == pytest.approx(
            soundfile.info(wav).duration, abs=0.01
        )


@pytest.mark.parametrize("form", ["textgrid", "html"])
def test_files_are_not_printed(
    run: Path, wav: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert score(run, wav, TEXT, "--format", form) == 2
    assert "--out" in capsys.readouterr().err


def test_words_outside_the_lexicon_are_graded_and_marked(
    run: Path, wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = answer(run, capsys, wav, "I think the whether is fine")["words"]
    assert [w["word"] for w in words if w["guessed"]] == ["whether"]
    assert [p["phone"] for p in words[3]["phones"]] == ["W", "EH", "DH", "ER"]


def test_text_that_is_mostly_guessed_is_warned_of(
    run: Path, wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(run, capsys, wav, "Ich denke the Wetter is schoen")
    assert "Ich, denke, Wetter, schoen are guessed from English spelling" in found["warnings"][0]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no words"), (" ?! ", "no words"), ("天气很好", "not in English letters")],
)
def test_text_that_is_not_words_is_refused(
    run: Path, wav: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    assert message in refusal(run, capsys, wav, text)


def test_a_text_too_long_for_the_recording_is_refused(
    run: Path, wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal(run, capsys, wav, " ".join([TEXT] * 20))
    assert "me.wav: cannot align the recording" in message


NOT_SPEECH = {
    "silence": (np.zeros(32000), "silence"),
    "faint noise": (1e-4 * np.random.default_rng(0).normal(size=32000), "silence"),
    "noise": (0.1 * np.random.default_rng(0).normal(size=32000), "no speech"),
    "tone": (0.5 * np.sin(np.arange(32000) / 5), "no speech"),
    "click": (np.zeros(100), "nothing to grade"),
    "not numbers": (np.full(32000, np.nan), "not numbers"),
}


@pytest.mark.parametrize("name", NOT_SPEECH)
def test_what_is_not_speech_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    samples, message = NOT_SPEECH[name]
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    error = refusal(run, capsys, tmp_path / "a.wav")
    assert "a.wav: " in error
    assert message in error


def test_ten_minutes_are_refused_before_they_are_read(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(600 * 8000, np.int16), 8000)
    message = refusal(run, capsys, tmp_path / "a.flac")
    assert "600 s of audio; a recording of one text lasts 30 s at most" in message


def test_telephone_audio_is_graded_with_a_warning(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.wav", speak(TEXT)[::2], 8000)
    found = answer(run, capsys, tmp_path / "a.wav")
    assert "rate of 8000 Hz, as telephones have" in found["warnings"][0]
    assert 0 <= found["aspects"]["total"]["value"] <= 10


def test_noisy_and_cut_recordings_are_warned_of() -> None:
    speech = speak(TEXT)
    noise = np.random.default_rng(0).normal(size=len(speech)).astype(np.float32)
    assert check_samples(speech) == ()
    assert "noisy" in check_samples(speech + 0.02 * noise)[0]
    assert "too loud" in check_samples(np.clip(20 * speech, -1, 1))[-1]


def test_a_whispered_recording_is_warned_of(run: Path) -> None:
    bundle = load_bundle(run / "bundle")
    heard = listen(bundle, speak(TEXT), TEXT)
    assert voiceless(heard.recording) == ()
    prosody = heard.recording.measured["prosody"]
    whispered = replace(prosody, matrix=np.zeros_like(prosody.matrix))
    recording = replace(heard.recording, measured={"prosody": whispered})
    assert "as if it were whispered" in voiceless(recording)[0]
    assert voiceless(replace(recording, measured={})) == ()


def test_a_missing_file_and_no_audio_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav: no such audio file"):
        read_recording(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_text("not audio")
    with pytest.raises(InputError, match=r"a\.wav: not readable as audio"):
        read_recording(tmp_path / "a.wav")


def test_a_batch_skips_bad_files_and_reports_them(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "good.wav", speak(TEXTS[2]), 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    rows = ["good", "silent", "broken", "missing", "good"]
    manifest = tmp_path / "list.csv"
    manifest.write_text("wav,text\n" + "".join(f"{r}.wav,The dog ran.\n" for r in rows))
    out = tmp_path / "out"
    call = ["score_all", "--model", str(run / "bundle"), "--out", str(out), "--jobs", "1"]
    formats = ["--formats", "json", "text", "textgrid", "html"]
    assert main([*call, "--manifest", str(manifest), *formats]) == 0
    table = pd.read_csv(out / "summary.csv", keep_default_na=False)
    assert list(table["status"]) == ["scored", "failed", "failed", "failed", "scored"]
    assert "silence" in table["error"][1]
    assert "missing.wav: no such audio file" in table["error"][3]
    assert 0 <= float(table["total_low"][0]) <= float(table["total"][0]) <= 10
    written = {path.name for path in out.iterdir()} - {"summary.csv"}
    endings = ("json", "txt", "TextGrid", "html")
    assert written == {f"{name}.{e}" for name in ("good", "good-2") for e in endings}


@pytest.fixture
def two_batches(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The call, without its output, that scores four recordings in batches of two."""
    monkeypatch.setattr(many, "_BATCH", 2)
    monkeypatch.setattr(many, "_PARTS", 1)
    for name in "abcd":
        soundfile.write(tmp_path / f"{name}.wav", speak(TEXTS[2]), 16000)
        (tmp_path / f"{name}.txt").write_text(TEXTS[2])
    return ["score_all", "--model", str(run / "bundle"), "--wavs", str(tmp_path), "--jobs", "1"]


def test_a_killed_batch_goes_on_where_it_was(
    two_batches: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*two_batches, "--out", str(tmp_path / "whole")]) == 0
    graded: list[str] = []
    grade = batch.grade_files

    def killed_at_c(bundle: Bundle, files: list[tuple[Path, str]]):
        names = "".join(path.stem for path, _ in files)
        graded.append(names)
        if graded.count("cd") == 1 and names == "cd":
            raise KeyboardInterrupt
        return grade(bundle, files)

    monkeypatch.setattr(batch, "grade_files", killed_at_c)
    out = tmp_path / "out"
    assert main([*two_batches, "--out", str(out)]) == 130
    assert not (out / "summary.csv").exists()
    with (out / ".summary.jsonl").open("a") as stream:
        stream.write('["c ')  # the kill came while a line was written
    assert main([*two_batches, "--out", str(out)]) == 0
    assert graded == ["ab", "cd", "cd"]
    files = [{p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in ("whole", "out")]
    assert files[0] == files[1]


def test_what_changed_since_a_kill_is_scored_again_with_its_batch(
    two_batches: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(many, "write_rows", killed)  # at the end, when all are scored
        assert main([*two_batches, "--out", str(tmp_path / "out")]) == 130
    (tmp_path / "b.txt").write_text(TEXTS[2] + " ")
    graded: list[str] = []
    grade = batch.grade_files

    def noted(bundle: Bundle, files: list[tuple[Path, str]]):
        graded.extend(path.stem for path, _ in files)
        return grade(bundle, files)

    monkeypatch.setattr(batch, "grade_files", noted)
    assert main([*two_batches, "--out", str(tmp_path / "out")]) == 0
    assert graded == ["a", "b"]


def test_recordings_graded_together_have_the_grades_that_they_have_alone(run: Path) -> None:
    bundle = load_bundle(run / "bundle")
    texts = [TEXTS[0], TEXTS[1], " ".join([TEXTS[0]] * 20), TEXTS[2], "?"]
    recordings = [speak(text) for text in (TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[2], TEXTS[2])]
    together = grade_recordings(bundle, recordings, texts)
    assert "cannot align" in str(together[2])
    assert "no words" in str(together[4])
    for i in (0, 1, 3):
        alone = asdict(grade_recording(bundle, recordings[i], texts[i]))
        assert numbers(asdict(together[i])) == pytest.approx(numbers(alone), abs=1.1e-3)
        assert str(together[i].text) == alone["text"]


def numbers(grade: object) -> list[float]:
    """All numbers of a grade, in order."""
    if isinstance(grade, dict):
        return [x for part in grade.values() for x in numbers(part)]
    if isinstance(grade, tuple | list):
        return [x for part in grade for x in numbers(part)]
    return [float(grade)] if isinstance(grade, float | int) else []


def test_what_breaks_a_batch_costs_the_others_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = load_bundle(run / "bundle")
    samples = [speak(text) for text in TEXTS]
    predict = recording.predict_each

    def broken_by_long_ones(grader: TrainedGrader, raws: list[RawInputs]) -> list[Predicted]:
        if any(raw.pooled.word_counts.sum() > 5 for raw in raws):
            raise RuntimeError("too much")
        return predict(grader, raws)

    monkeypatch.setattr(recording, "predict_each", broken_by_long_ones)
    first, second, third = grade_recordings(bundle, samples, TEXTS)
    assert isinstance(first, RuntimeError)
    assert (second.text, third.text) == TEXTS[1:]


def test_a_batch_with_nothing_to_score_fails(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    call = ["score_all", "--model", str(run / "bundle"), "--out", str(tmp_path / "out")]
    assert main([*call, "--wavs", str(tmp_path), "--jobs", "1"]) == 2
    assert "none of 1 recordings could be scored" in capsys.readouterr().err
    (row,) = pd.read_csv(tmp_path / "out/summary.csv").to_dict("records")
    assert "a.txt is missing" in row["error"]


def test_every_recording_has_a_name_of_its_own(tmp_path: Path) -> None:
    wavs = ["x.wav", "a/x.wav", "x-2.wav", "b/x.wav", "b/x-2.wav"]
    (tmp_path / "list.csv").write_text("wav,text\n" + "".join(f"{wav},The dog.\n" for wav in wavs))
    names = [task.name for task in read_manifest(tmp_path / "list.csv")]
    assert names == ["x", "x-2", "x-2-2", "x-3", "x-2-3"]


def test_what_is_asked_for_wrongly_is_refused(run: Path, wav: Path, tmp_path: Path) -> None:
    call = ["score_all", "--model", str(run / "bundle"), "--out", str(tmp_path / "out")]
    assert main(call) == 2
    assert main([*call, "--wavs", str(tmp_path), "--formats", "pdf"]) == 2
    assert main([*call, "--wavs", str(tmp_path), "--manifest", str(wav)]) == 2


@pytest.mark.parametrize("out", ["me.wav", "link.wav", ".", "model/new.json", "me.wav/x.json"])
def test_score_writes_over_no_input(
    run: Path, wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    before = wav.read_bytes()
    (tmp_path / "link.wav").hardlink_to(wav)
    (tmp_path / "model").symlink_to(run / "bundle")
    assert score(run, wav, TEXT, "--format", "json", "--out", str(tmp_path / out)) == 2
    assert "--out" in capsys.readouterr().err
    assert wav.read_bytes() == before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "the folder of the recordings"),
        ("me.wav", "not a folder"),
        ("model/out", "lies in the model"),
        ("texts", "me.txt would be written over, which is read"),
    ],
)
def test_score_all_writes_over_no_input(
    run: Path, wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, message: str
) -> None:
    (tmp_path / "me.txt").write_text(TEXT)
    (tmp_path / "model").symlink_to(run / "bundle")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/me.txt").hardlink_to(tmp_path / "me.txt")
    call = ["score_all", "--model", str(run / "bundle"), "--wavs", str(tmp_path), "--jobs", "1"]
    assert main([*call, "--out", str(tmp_path / out), "--formats", "text"]) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "me.txt").read_text() == TEXT


def test_no_cell_of_the_summary_is_a_formula(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("=1+1.wav", speak(TEXTS[2]), 16000)
    (tmp_path / "=1+1.txt").write_text(TEXTS[2])
    (tmp_path / os.fsdecode(b"@\xff.wav")).touch()
    call = ["score_all", "--model", str(run / "bundle"), "--wavs", ".", "--jobs", "1"]
    assert main([*call, "--out", "out"]) == 0
    table = pd.read_csv("out/summary.csv", keep_default_na=False)
    assert list(table["wav"]) == ["./=1+1.wav", "./@\\udcff.wav"]
    assert list(table["name"]) == ["_=1+1", "_@%FF"]
    assert Path("out/_=1+1.json").exists()
    cells = [str(cell) for row in table.to_numpy() for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_a_full_disk_ends_the_run_and_blames_no_recording(
    two_batches: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.json")

    with monkeypatch.context() as patch:
        patch.setattr(batch, "write_form", full)
        assert main([*two_batches, "--out", str(tmp_path / "out")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert main([*two_batches, "--out", str(tmp_path / "out")]) == 0
    assert set(pd.read_csv(tmp_path / "out/summary.csv")["status"]) == {"scored"}
