"""What `serve` answers: the page to record with, and scores of what is sent."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pyscorer.errors import InputError
from pyscorer.evaluation.templates import page_template
from pyscorer.feedback.api import Scorer
from pyscorer.feedback.quality import LONGEST
from pyscorer.feedback.serve_guard import Guard
from pyscorer.feedback.serve_options import ServeOptions

log = logging.getLogger(__name__)

_LONGEST_TEXT = 500
"""Characters; in 30 s nobody reads more."""
_PER_MEGABYTE = 1_000_000


class Refused(Exception):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Desk:
    """Scores one recording at a time, as all of them use the same cores; the others wait."""

    scorer: Scorer
    options: ServeOptions
    folder: Path
    """For recordings while they are read."""
    inside: int = 0
    """Requests that are being received, wait, or are answered."""
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "scorer"))

    async def answer(self, request: Request, score: Callable[[Path, str], Any]) -> Any:
        """What `score` makes of the recording that is sent and its text.

        Raises Refused: 413 for too many bytes, 422 for what cannot be scored, 503 where too many
        wait or it takes too long.
        """
        if self.inside > self.options.queue:
            raise Refused(503, f"{self.inside} others wait already: try again in a moment")
        self.inside += 1
        path = self.folder / uuid.uuid4().hex
        try:
            async with asyncio.timeout(self.options.seconds):
                text = _text_of(request)
                await self._receive(request, path)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self.worker, score, path, text)
        except TimeoutError:
            told = f"not answered within {self.options.seconds:g} s: try again later"
            raise Refused(503, told) from None
        except InputError as error:
            raise Refused(422, str(error).replace(f"{path}: ", "")) from None
        finally:
            self.inside -= 1
            path.unlink(missing_ok=True)

    async def _receive(self, request: Request, path: Path) -> None:
        most = round(self.options.megabytes * _PER_MEGABYTE)
        too_large = Refused(413, f"the recording has more than {self.options.megabytes:g} MB")
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told) > most:
            raise too_large
        received = 0
        with path.open("wb") as stream:
            async for chunk in request.stream():
                received += len(chunk)
                if received > most:
                    raise too_large
                stream.write(chunk)
        if not received:
            raise Refused(422, "no recording was sent")


def _text_of(request: Request) -> str:
    text = request.query_params.get("text", "").strip()
    if not text:
        raise Refused(422, "no text: type the sentence that is read")
    if len(text) > _LONGEST_TEXT:
        raise Refused(
            422,
            f"the text has more than {_LONGEST_TEXT} characters: cut it, and the recording with it",
        )
    return text


def make_app(scorer: Scorer, options: ServeOptions, folder: Path) -> Starlette:
    """The server's application; recordings lie in `folder` while they are read."""
    desk = Desk(scorer, options, folder)
    here = Path(__file__).parent
    template = page_template("serve.html.jinja", str, here)
    page = template.render(seconds=LONGEST, megabytes=options.megabytes, longest_text=_LONGEST_TEXT)
    recorder = (here / "recorder.js").read_text(encoding="utf-8")

    async def home(request: Request) -> Response:
        return HTMLResponse(page)

    async def worklet(request: Request) -> Response:
        return Response(recorder, media_type="text/javascript")

    async def as_html(request: Request) -> Response:
        return HTMLResponse(await desk.answer(request, scorer.page))

    async def as_json(request: Request) -> Response:
        return JSONResponse(await desk.answer(request, scorer.score))

    return Starlette(
        routes=[
            Route("/", home),
            Route("/recorder.js", worklet),
            Route("/score.html", _told(as_html), methods=["POST"]),
            Route("/score.json", _told(as_json), methods=["POST"]),
        ],
        middleware=[Middleware(Guard, named=options.host)],
    )


def _told(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that says in JSON what is wrong with a request."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as refused:
            again = {"Retry-After": "5"} if refused.status == 503 else None
            return JSONResponse({"error": str(refused)}, refused.status, again)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:
            log.exception("a request could not be answered")
            return JSONResponse({"error": "a fault of pyscorer's: its log has it"}, 500)

    return answer
