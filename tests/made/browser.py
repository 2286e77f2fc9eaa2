"""A headless Chromium that tests drive: its DevTools protocol over a pipe, nothing between.

No driver is needed, so none has to fit the browser that a system has.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_SECONDS = 60
"""After which Chromium is ended, so that a test that waits for it fails."""


class Browser:
    """One page of a Chromium."""

    def __init__(self, commands: Any, replies: Any) -> None:
        self._commands, self._replies, self._number = commands, replies, 0
        self.events: list[dict[str, Any]] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, of the page."""
        return self._call(method, self._session, **params)

    def _call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        told = {"id": self._number, "method": method, "params": params}
        told |= {"sessionId": session} if session else {}
        self._commands.write(json.dumps(told).encode() + b"\0")
        self._commands.flush()
        while (reply := self._read()).get("id") != self._number:
            self.events.append(reply)
        assert "error" not in reply, f"{method}: {reply['error']}"
        result: dict[str, Any] = reply["result"]
        return result

    def _read(self) -> dict[str, Any]:
        content = bytearray()
        while (byte := self._replies.read(1)) != b"\0":
            assert byte, "chromium has ended"
            content += byte
        reply: dict[str, Any] = json.loads(content)
        return reply

    def open(self, url: str, width: int = 800, height: int = 900) -> None:
        """Go to a page, and wait until it is loaded."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=url)
        self.wait(
            f"location.href.startsWith({json.dumps(url)}) && document.readyState == 'complete'"
        )

    def run(self, script: str) -> Any:
        """What an expression gives; one that gives a promise is waited for."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        found = self.call("Runtime.evaluate", **asked, userGesture=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true, at most 30 s."""
        told = json.dumps(condition)
        self.run(
            "new Promise((done, failed) => { const started = performance.now(); const look = () =>"
            f" {{ if ({condition}) done(true); else if (performance.now() - started > 30000)"
            f" failed(new Error({told})); else setTimeout(look, 50); }}; look(); }})"
        )

    def requested(self) -> list[str]:
        """What the page asked for so far."""
        self.run("0")  # what came before it has been read then
        sent = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@contextmanager
def chromium(folder: Path, *options: str) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`; the test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    started = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    flags += ["--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", *options]
    limited = ["timeout", "--signal=KILL", str(_SECONDS), program, *flags]
    process = subprocess.Popen(
        ["bash", "-c", started, "bash", *limited],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    with os.fdopen(ours_out, "wb") as commands, os.fdopen(ours_in, "rb") as replies:
        try:
            browser = Browser(commands, replies)
            yield browser
            browser._call("Browser.close")
        finally:
            process.terminate()
            process.wait(10)
