"""What is given to the commands of the box: `score` as it is installed, `learner`, `serve`."""

import contextlib
import io
import json
import multiprocessing
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from asking import Reply, ask
from bad_input import command, tried
from made_models import TEXTS, make_models, speak

from pyscorer.errors import InputError
from pyscorer.feedback.api import Scorer
from pyscorer.feedback.serve_app import make_app
from pyscorer.feedback.serve_options import ServeOptions

BOX = "Q. the box"
TEXT = TEXTS[0]
_KEPT = tempfile.TemporaryDirectory(prefix="pyscorer-grader-")
"""Removed when Python ends."""


@cache
def grader() -> Path:
    """A small grader's bundle, made in a process of its own, as in feedback.py."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(make_models, (Path(_KEPT.name),))
    return Path(_KEPT.name) / "bundle"


def installed(*argv: str) -> str:
    """`score` without a model, where the package has none."""
    from pyscorer.feedback import default_bundle

    before, default_bundle.BUNDLES = default_bundle.BUNDLES, Path("bundles")
    try:
        return command("score", *argv)
    finally:
        default_bundle.BUNDLES = before


@tried(BOX, "`score me.wav TEXT` where the package has no trained bundle")
def no_bundle(folder: Path) -> str:
    soundfile.write("me.wav", speak(TEXT), 16000)
    return installed("me.wav", TEXT)


@tried(BOX, "`score me.wav` without a text")
def no_text(folder: Path) -> str:
    return command("score", "me.wav")


@tried(BOX, "`score me.wav TEXT --text TEXT`")
def two_texts(folder: Path) -> str:
    return command("score", "me.wav", TEXT, "--text", TEXT)


@tried(BOX, "a bundle with a file of weights of which a byte is wrong")
def damaged(folder: Path) -> str:
    for file in grader().iterdir():
        Path(file.name).write_bytes(file.read_bytes())
    content = bytearray(Path("grader.zip").read_bytes())
    content[len(content) // 2] ^= 1
    Path("grader.zip").write_bytes(content)
    soundfile.write("me.wav", speak(TEXT), 16000)
    return command("score", "me.wav", TEXT, "--model", ".")


def learner(header: str, *rows: str) -> str:
    soundfile.write("a.wav", speak(TEXT), 16000)
    Path("list.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    call = ["--manifest", "list.csv", "--out", "out", "--jobs", "1"]
    command("learner", *call, "--model", str(grader()))
    return ", ".join(sorted(path.name for path in Path("out/learners").iterdir()))


@tried(BOX, "`learner` of a list with the date 28.11.2026")
def german_date(folder: Path) -> str:
    return learner("wav,text,date", f"a.wav,{TEXT},28.11.2026")


@tried(BOX, "`learner` of a list with a date in some rows alone")
def some_dates(folder: Path) -> str:
    return learner("wav,text,date", f"a.wav,{TEXT},2026-11-28", f"a.wav,{TEXT},")


@tried(BOX, "`learner` of a list with a row that names no learner")
def nobody(folder: Path) -> str:
    return learner("wav,text,learner", f"a.wav,{TEXT},Ann", f"a.wav,{TEXT},")


@tried(BOX, "`learner` of learners called `../Ann`, `=1+1` and `ann` beside `Ann`")
def odd_learners(folder: Path) -> str:
    names = ("../Ann", "=1+1", "ann", "Ann")
    return learner("wav,text,learner", *(f"a.wav,{TEXT},{name}" for name in names))


@tried(BOX, "`serve --port` that another program listens on")
def taken(folder: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        try:
            return command("serve", "--port", port, "--model", "none")
        except InputError as error:
            raise InputError(str(error).replace(port, "8765")) from None


def served(reply: Reply) -> str:
    """The answer of the server."""
    if reply.status == 200:
        return "scored"
    with contextlib.suppress(ValueError):
        raise InputError(f"{reply.status}: {json.loads(reply.body)['error']}")
    raise InputError(f"{reply.status}: {reply.body.decode().strip()}")


def sent(folder: Path, text: str | None, samples: np.ndarray | bytes, **headers: str) -> str:
    """A recording sent to `serve`, of at most 1 MB."""
    app = make_app(Scorer.load(grader()), ServeOptions(megabytes=1), folder)
    body: Any = samples
    if isinstance(samples, np.ndarray):
        stream = io.BytesIO()
        soundfile.write(stream, samples, 16000, format="WAV")
        body = stream.getvalue()
    said = served(ask(app, "/score.json", text, body, **headers))
    assert not list(folder.iterdir())
    return said


@tried(BOX, "`serve`: a good recording and its text")
def served_well(folder: Path) -> str:
    said = sent(folder, TEXT, speak(TEXT))
    assert said == "scored"
    return said


@tried(BOX, "`serve`: no text, and no recording")
def served_nothing(folder: Path) -> str:
    return sent(folder, None, b"")


@tried(BOX, "`serve`: a text of 600 letters")
def served_long_text(folder: Path) -> str:
    return sent(folder, "a" * 600, speak(TEXT))


@tried(BOX, "`serve`: silence")
def served_silence(folder: Path) -> str:
    return sent(folder, TEXT, np.zeros(16000))


@tried(BOX, "`serve`: a recording of 40 s")
def served_long(folder: Path) -> str:
    app = make_app(Scorer.load(grader()), ServeOptions(), folder)
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(40 * 16000), 16000, format="WAV")
    return served(ask(app, "/score.json", TEXT, stream.getvalue()))


@tried(BOX, "`serve`: 2 MB where 1 MB is allowed, without a length told before")
def served_much(folder: Path) -> str:
    return sent(folder, TEXT, [bytes(500_000)] * 4)  # type: ignore[arg-type]


@tried(BOX, "`serve`: webm, as browsers record it")
def served_webm(folder: Path) -> str:
    return sent(folder, TEXT, b"\x1a\x45\xdf\xa3" + bytes(100))


@tried(BOX, "`serve`: asked by a name of another site that leads to this machine")
def rebound(folder: Path) -> str:
    return sent(folder, TEXT, speak(TEXT), host="evil.example:8765")


@tried(BOX, "`serve`: asked by the page of another site")
def across(folder: Path) -> str:
    return sent(folder, TEXT, speak(TEXT), origin="https://evil.example")
