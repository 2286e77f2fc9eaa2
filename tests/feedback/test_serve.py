"""`pyscorer serve`: what it answers, what it refuses, and the page in a browser that records."""

import asyncio
import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from asking import Reply, ask, asked
from browser import Browser, chromium
from made_models import TEXTS, make_models, speak

pytest.importorskip("starlette", reason="the extra serve is not installed")
from pyscorer.errors import InputError
from pyscorer.feedback.api import Scorer
from pyscorer.feedback.serve import is_local, serve
from pyscorer.feedback.serve_app import make_app
from pyscorer.feedback.serve_guard import is_own
from pyscorer.feedback.serve_options import ServeOptions

TEXT = TEXTS[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("grader")
    make_models(root)
    return root


@pytest.fixture(scope="module")
def scorer(run: Path) -> Scorer:
    return Scorer.load(run / "bundle")


def wav(samples: np.ndarray, rate: int = 16000, form: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form)
    return stream.getvalue()


@pytest.fixture
def app(scorer: Scorer, tmp_path: Path) -> Iterator[Any]:
    yield make_app(scorer, ServeOptions(megabytes=1), tmp_path)
    assert not list(tmp_path.iterdir()), "recordings are removed, whatever became of them"


def test_json_is_what_python_answers(app: Any, scorer: Scorer, run: Path) -> None:
    recording = run / "s00-u.wav"
    reply = ask(app, "/score.json", TEXT, recording.read_bytes())
    assert (reply.status, json.loads(reply.body)) == (200, scorer.score(recording, TEXT))
    assert reply.headers["content-type"] == "application/json"


def test_html_is_the_page_of_score(app: Any, scorer: Scorer, run: Path) -> None:
    recording = run / "s00-u.wav"
    reply = ask(app, "/score.html", TEXT, recording.read_bytes())
    assert (reply.status, reply.body.decode()) == (200, scorer.page(recording, TEXT))


@pytest.mark.parametrize(
    ("text", "samples", "message"),
    [
        (None, speak(TEXT), "no text: type the sentence that is read"),
        ("x" * 501, speak(TEXT), "the text has more than 500 characters"),
        ("天气很好", speak(TEXT), "not in English letters"),
        (TEXT, np.zeros(32000), "silence: check the microphone, and record again"),
        (TEXT, np.zeros(31 * 8000, np.int16), "31 s of audio; a recording of one text lasts 30 s"),
        (TEXT, np.zeros(0), "empty audio"),
    ],
)
def test_what_cannot_be_scored_is_422_and_says_why(
    app: Any, text: str | None, samples: np.ndarray, message: str
) -> None:
    rate = 8000 if len(samples) > 40000 else 16000
    for path in ("/score.json", "/score.html"):
        reply = ask(app, path, text, wav(samples, rate))
        assert reply.status == 422
        assert message in reply.error
        assert "/" not in reply.error, "no path of this machine is told"


def test_no_recording_and_no_audio_are_422(app: Any) -> None:
    assert ask(app, "/score.json", TEXT).error == "no recording was sent"
    reply = ask(app, "/score.json", TEXT, b"\x1a\x45\xdf\xa3 webm")
    assert reply.status == 422 and "not readable as audio" in reply.error


def test_too_many_bytes_are_413_told_or_not(app: Any) -> None:
    much = [b"x" * 600_000] * 2
    for reply in (
        ask(app, "/score.json", TEXT, much),
        ask(app, "/score.json", TEXT, b"", content_length="1000001"),
    ):
        assert (reply.status, reply.error) == (413, "the recording has more than 1 MB")


class SlowScorer:
    """Answers when it is let; notes how many it was asked for at once."""

    def __init__(self) -> None:
        self.go, self.at_once, self.most = threading.Event(), 0, 0

    def score(self, path: Path, text: str) -> str:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.go.wait(20)
        time.sleep(0.01)
        self.at_once -= 1
        return text

    page = score


def test_several_at_once_wait_for_each_other_and_too_many_are_503(tmp_path: Path) -> None:
    slow = SlowScorer()
    app = make_app(slow, ServeOptions(queue=2), tmp_path)  # type: ignore[arg-type]

    async def together() -> list[Reply]:
        waiting = [asyncio.create_task(asked(app, "/score.json", f"{i}", b"x")) for i in range(3)]
        await asyncio.sleep(0.05)
        refused = await asked(app, "/score.json", "4", b"x")
        slow.go.set()
        return [*await asyncio.gather(*waiting), refused]

    replies = asyncio.run(together())
    assert [r.status for r in replies] == [200, 200, 200, 503]
    assert [json.loads(r.body) for r in replies[:3]] == ["0", "1", "2"]
    assert slow.most == 1
    assert "3 others wait already" in replies[3].error
    assert replies[3].headers["retry-after"] == "5"


def test_a_request_that_takes_too_long_is_503(tmp_path: Path) -> None:
    slow = SlowScorer()
    app = make_app(slow, ServeOptions(seconds=0.05), tmp_path)  # type: ignore[arg-type]
    reply = ask(app, "/score.json", TEXT, b"x")
    slow.go.set()
    assert (reply.status, reply.error) == (503, "not answered within 0.05 s: try again later")
    assert not list(tmp_path.iterdir())


def test_a_fault_of_ours_is_500_and_does_not_end_the_server(tmp_path: Path) -> None:
    class Broken:
        def score(self, path: Path, text: str) -> str:
            raise RuntimeError("secret")

        page = score

    app = make_app(Broken(), ServeOptions(), tmp_path)  # type: ignore[arg-type]
    for _ in range(2):
        reply = ask(app, "/score.json", TEXT, b"x")
        assert reply.status == 500 and "secret" not in reply.error


def test_other_names_and_other_sites_are_refused(app: Any) -> None:
    assert ask(app, "/", host="evil.example:8765").status == 421
    assert ask(app, "/", host="evil.example:8765").body == b"this server has no such name\n"
    for origin in ("http://evil.example", "http://localhost:1", "null"):
        assert ask(app, "/score.json", TEXT, b"x", origin=origin).status == 403
    assert ask(app, "/", origin="http://127.0.0.1:8765").status == 200
    assert ask(app, "/", host="localhost:8765").status == 200


def test_names_that_are_this_servers() -> None:
    own = ("127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "192.168.1.7:8765", "pc:1")
    assert all(is_own(host, "pc") for host in own)
    foreign = ("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1")
    assert not any(is_own(host, "pc") for host in foreign)
    assert is_local("127.0.0.1") and is_local("::1") and is_local("localhost")
    assert not is_local("0.0.0.0") and not is_local("pc")


def test_pages_may_ask_for_nothing_elsewhere(app: Any) -> None:
    for path in ("/", "/recorder.js", "/nothing"):
        headers = ask(app, path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "connect-src 'self'" in policy and "http" not in policy
        assert headers["cache-control"] == "no-store"
    assert not re.findall(r"https?://", ask(app, "/").body.decode())


def test_an_address_that_is_taken_is_named_before_the_model_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: cannot listen there: Address alr"):
            serve(Path("nothing"), ServeOptions(port=port))
    with pytest.raises(InputError, match=r"nothing/final\.npz: no such file"):
        serve(Path("nothing"), ServeOptions(port=0))


@pytest.fixture
def address(run: Path, tmp_path: Path) -> Iterator[str]:
    """A server of its own, ended by Ctrl-C."""
    (tmp_path / "temporary").mkdir()
    call = [sys.executable, "-m", "pyscorer.cli", "serve", "--port", "0"]
    server = subprocess.Popen(
        [*call, "--model", str(run / "bundle")],
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    found = re.match(r"http://127\.0\.0\.1:\d+/", server.stderr.readline())
    try:
        assert found
        yield found.group()
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 130
    assert server.stderr.read() == "pyscorer serve: stopped\n"
    assert not list((tmp_path / "temporary").glob("pyscorer-*"))


def test_it_answers_over_http_and_ends_by_ctrl_c(address: str, run: Path, scorer: Scorer) -> None:
    asks = urllib.request.Request(
        f"{address}score.json?text={urllib.parse.quote(TEXT)}", (run / "s10-u.wav").read_bytes()
    )
    with urllib.request.urlopen(asks) as reply:
        assert json.load(reply) == scorer.score(run / "s10-u.wav", TEXT)


def click(browser: Browser, name: str) -> None:
    browser.run(f"document.getElementById('{name}').click()")


def answered(browser: Browser) -> str:
    """The error, or the text of the answer."""
    browser.wait("at('error').textContent || at('answer').offsetHeight > 300")
    return browser.run("at('error').textContent || at('answer').contentDocument.body.innerText")


def test_a_learner_records_and_sees_the_page(address: str, tmp_path: Path) -> None:
    speech = np.concatenate([speak(TEXT), np.zeros(160000, np.float32)])
    soundfile.write(tmp_path / "spoken.wav", speech, 16000)
    microphone = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'spoken.wav'}%noloop",
    )
    with chromium(tmp_path, *microphone) as browser:
        browser.open(address, width=360)
        assert browser.run("[...document.querySelectorAll('button')].map(b => b.disabled)") == [
            *(False, True),
        ]
        browser.run(f"at('text').value = {TEXT!r}")
        click(browser, "record")
        browser.wait("parseFloat(at('seconds').textContent) > 2.5")
        click(browser, "record")
        browser.wait("!at('score').disabled")
        click(browser, "score")
        said = answered(browser)
        assert TEXT in said and "What to work on" in said
        for inside in ("document", "at('answer').contentDocument"):
            width = browser.run(f"{inside}.documentElement.scrollWidth")
            assert width <= 360, "nothing is wider than a phone"
        browser.run("at('answer').contentDocument.querySelectorAll('.word')[1].click()")
        opened = "at('answer').contentDocument.querySelector('.detail.open h3').innerText"
        assert browser.run(opened) == "THINK", "the page of the answer works where it is shown"
        hosts = {urllib.parse.urlsplit(url).netloc for url in browser.requested()}
        assert hosts <= {"", urllib.parse.urlsplit(address).netloc}
        assert not [e for e in browser.events if e.get("method") == "Runtime.exceptionThrown"]


DROP = """(async () => {
  const bytes = Uint8Array.from(atob("%s"), c => c.charCodeAt(0)), data = new DataTransfer();
  data.items.add(new File([bytes], "%s"));
  at("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
})()"""


def test_files_are_dropped_and_what_is_wrong_with_them_is_told(
    address: str, run: Path, tmp_path: Path
) -> None:
    def drop(browser: Browser, content: bytes, name: str) -> str:
        browser.run(DROP % (base64.b64encode(content).decode(), name))
        browser.run(f"at('text').value = {TEXT!r}; ready()")
        browser.wait("at('error').textContent || !at('score').disabled")
        if not browser.run("at('error').textContent"):
            click(browser, "score")
        return answered(browser)

    with chromium(tmp_path) as browser:
        browser.open(address)
        silence = wav(np.zeros(16000, np.float32))
        assert drop(browser, silence, "a.wav") == "silence: check the microphone, and record again"
        # Of a kind that libsndfile would read, by a name that the browser decodes.
        flac = wav(soundfile.read(run / "s00-u.wav")[0], form="FLAC")
        assert "What to work on" in drop(browser, flac, "telephone.m4a")
        assert "no audio that this browser can read" in drop(browser, b"no audio", "a.mp4")
