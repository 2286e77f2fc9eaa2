"""What is given to `score`, `score_all` and `judge` that is no reading, no list, or no place."""

import contextlib
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from bad_input import command, tried
from made_models import TEXTS, speak
from made_scorer import make_scorer
from not_speech import SOUNDS

from pyscorer.errors import InputError

TEXT = TEXTS[0]
_KEPT = tempfile.TemporaryDirectory(prefix="pyscorer-scorer-")
"""Removed when Python ends."""


@cache
def model() -> Path:
    """A scorer as `make run` makes it, small.

    In a process of its own: what espeak-ng says depends on what it has said before.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(make_scorer, (Path(_KEPT.name),))


def score(samples: np.ndarray, text: str = TEXT, rate: int = 16000) -> str:
    """What `score` says of samples, in a few words."""
    soundfile.write("me.wav", samples, rate)
    answer = json.loads(
        command("score", "--model", model(), "--wav", "me.wav", "--text", text, "--format", "json")
    )
    return "scored; " + " ".join(answer["warnings"]) if answer["warnings"] else "scored"


REFUSED = "F. refusals"
FOLDERS = "G. folders"


@tried(REFUSED, "`score` of silence")
def silence(folder: Path) -> str:
    return score(SOUNDS["silence"]())


def sound(name: str, given: str) -> None:
    """A row for a sound that is no speech."""

    @tried(REFUSED, f"`score` of {given}")
    def row(folder: Path) -> str:
        return score(SOUNDS[name]())


for name, given in {
    "white": "white noise",
    "pink": "pink noise",
    "tone": "a tone",
    "mains_hum": "mains hum",
}.items():
    sound(name, given)


def reading(given: str) -> Callable[[Callable[[], str]], None]:
    """A row for speech that is no reading of the text."""

    def take(run: Callable[[], str]) -> None:
        tried(REFUSED, f"`score` of {given}")(lambda folder: run())

    return take


def doubted(given: str, samples: np.ndarray, text: str = TEXT) -> str:
    """Refused or warned of: which of them depends on the model, see docs/feedback.md."""
    with contextlib.suppress(InputError):
        assert score(samples, text) != "scored", given
    raise InputError("not of this text (or scored, with a warning that it may not be)")


def fitting(given: str, make: Callable[[], np.ndarray], text: str = TEXT) -> None:
    """A row for what is speech, or nearly so, but not of the text."""
    tried(REFUSED, f"`score` of {given}")(lambda folder: doubted(given, make(), text))


fitting("noise that comes and goes like syllables", SOUNDS["swelling"])
fitting("the tones of a telephone's keys", SOUNDS["dialling"])
fitting("music", SOUNDS["music"])
fitting("someone humming a tune", SOUNDS["humming"])
fitting("the clicks of a keyboard", SOUNDS["clicks"])
fitting("another text", lambda: speak(TEXTS[1]))
fitting("the first half of the recording", lambda: np.split(speak(TEXT), [16000])[0])
fitting("the recording, with its text twice", lambda: speak(TEXT), f"{TEXT} {TEXT}")


@reading("a minute of speech")
def _() -> str:
    return score(np.tile(speak(TEXT), 30)[: 60 * 16000])


@reading("speech, with an empty text")
def _() -> str:
    return score(speak(TEXT), " ")


@reading("speech, with a word outside the lexicon of a scorer without guesses")
def _() -> str:
    return score(speak(TEXT), "I think the whether is fine")


@reading("its text: a good recording")
def _() -> str:
    return score(speak(TEXT))


def record(*names: str) -> None:
    """Readings of TEXT, each with the text beside it."""
    for name in names:
        path = Path("wavs") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speak(TEXT), 16000, format="W64" if path.suffix == ".w64" else "WAV")
        path.with_suffix(".txt").write_text(TEXT, encoding="utf-8")


def score_all(*more: str, out: str = "out") -> str:
    """The rows of the summary, in a few words each."""
    where = more if "--manifest" in more else ("--wavs", "wavs", *more)
    said = command("score_all", "--model", model(), "--out", out, "--jobs", "1", *where)
    table = pd.read_csv(f"{out}/summary.csv", keep_default_na=False)
    rows = [f"{row.wav} {row.status} {row.error}".strip() for row in table.itertuples()]
    alone = [line for line in said.splitlines() if "without a recording" in line]
    return "; ".join(rows + alone)


@tried(FOLDERS, "`._me.wav` of macOS, `.DS_Store`, `Thumbs.db` and `__MACOSX` beside recordings")
def hidden(folder: Path) -> str:
    record("me.wav", "__MACOSX/me.wav")
    for name in ("._me.wav", "._me.txt", ".DS_Store", "Thumbs.db"):
        (folder / "wavs" / name).write_bytes(b"\0\5\x16\7")
    said = score_all()
    assert said == "wavs/me.wav scored"
    return said


@tried(FOLDERS, "webm, mp4, an empty file and a w64 beside a wav")
def endings(folder: Path) -> str:
    record("a.wav", "b.w64", "c.webm", "d.mp4", "e.wav")
    (folder / "wavs/c.webm").write_bytes(b"\x1a\x45\xdf\xa3")
    (folder / "wavs/d.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (folder / "wavs/e.wav").write_bytes(b"")
    said = score_all()
    assert said.count("scored") == 2 and said.count("failed") == 3
    return said


@tried(FOLDERS, "a recording without a text, a text without a recording")
def unpaired(folder: Path) -> str:
    record("a.wav", "b.wav", "c.wav")
    (folder / "wavs/b.txt").unlink()
    (folder / "wavs/c.wav").unlink()
    return score_all()


@tried(FOLDERS, "the text of one of two recordings in Windows-1252")
def windows_text(folder: Path) -> str:
    record("a.wav", "b.wav")
    (folder / "wavs/b.txt").write_bytes("I’m at the café".encode("cp1252"))
    return score_all()


@tried(FOLDERS, "recordings of one name: `x.wav`, `X.flac`, `sub/x.wav`")
def one_name(folder: Path) -> str:
    record("x.wav", "X.flac", "sub/x.wav")
    (folder / "wavs/X.txt").write_text(TEXT)
    score_all()
    return ", ".join(sorted(path.name for path in (folder / "out").glob("*.json")))


@tried(FOLDERS, "recordings named `=1+1.wav`, `-rf.wav`, and with a line break")
def odd_names(folder: Path) -> str:
    record("=1+1.wav", "-rf.wav", "a\nb.wav")
    score_all()
    return ", ".join(sorted(path.name for path in (folder / "out").glob("*.json")))


@tried(FOLDERS, "a name that is not UTF-8, a pipe, a link that leads nowhere")
def odd_files(folder: Path) -> str:
    record("a.wav")
    record_bytes = os.fsdecode(b"wavs/\xff.wav")
    Path(record_bytes).write_bytes(b"RIFF")
    os.mkfifo("wavs/pipe.wav")
    Path("wavs/gone.wav").symlink_to("nowhere.wav")
    return score_all()


@tried(FOLDERS, "an empty folder")
def empty(folder: Path) -> str:
    (folder / "wavs").mkdir()
    return score_all()


@tried(FOLDERS, "`--out` is the folder of the recordings")
def same_folder(folder: Path) -> str:
    record("a.wav")
    return score_all(out="wavs")


@tried(FOLDERS, "a list in the folder `--out` that has the name of an output")
def over_the_list(folder: Path) -> str:
    record("a.wav")
    (folder / "summary.csv").write_text(f"wav,text\nwavs/a.wav,{TEXT}\n")
    return score_all("--manifest", "summary.csv", out=".")


@tried(FOLDERS, "a second run with the results of the first inside the folder")
def again(folder: Path) -> str:
    record("a.wav")
    score_all("--formats", "text", "json", out="wavs/out")
    said = score_all("--formats", "text", "json", out="wavs/out")
    assert said == "wavs/a.wav scored"
    return said


@tried(FOLDERS, "a list of Excel: `;`, byte-order mark, backslashes, an empty line, a column more")
def excel(folder: Path) -> str:
    record("a.wav")
    content = f"\ufeffwav;text;class\r\nwavs\\a.wav;{TEXT};3\r\n;;\r\n"
    (folder / "list.csv").write_bytes(content.encode())
    return score_all("--manifest", "list.csv")


@tried(FOLDERS, "a list with a missing text, a missing file and a folder for a recording")
def faulty_rows(folder: Path) -> str:
    record("a.wav")
    rows = [f"wavs/a.wav,{TEXT}", "wavs/a.wav,", f"wavs/b.wav,{TEXT}", f"wavs,{TEXT}"]
    (folder / "list.csv").write_text("\n".join(["wav,text", *rows]))
    return score_all("--manifest", "list.csv")


@tried(FOLDERS, "a list with a comma in a text without quotes")
def surplus_comma(folder: Path) -> str:
    (folder / "list.csv").write_text("wav,text\na.wav,Well, well.\n")
    return score_all("--manifest", "list.csv")


@tried(FOLDERS, "`score --out` is the recording, by a link")
def over_the_recording(folder: Path) -> str:
    record("a.wav")
    Path("result.json").hardlink_to("wavs/a.wav")
    return command(
        *("score", "--model", model(), "--wav", "wavs/a.wav", "--text", TEXT),
        *("--format", "json", "--out", "result.json"),
    )


@tried(FOLDERS, "`bundle --out` is a folder with other things")
def over_a_folder(folder: Path) -> str:
    record("a.wav")
    made = model().parent
    return command(
        *("bundle", "--gmm", made / "gmm", "--lexicon", made / "lexicon.txt"),
        *("--tdnnf", made / "tdnnf.pt", "--scorer", made / "scorer", "--pool", made / "pool"),
        *("--deep", made / "deep", "--out", "wavs"),
    )


@tried(FOLDERS, "a model whose settings are of an older version")
def old_model(folder: Path) -> str:
    for file in model().iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "settings.json").unlink()
    (folder / "settings.json").write_text('{"likeness": -3.4}')
    soundfile.write("a.wav", speak(TEXT), 16000)
    return command("score", "--model", ".", "--wav", "a.wav", "--text", TEXT)
