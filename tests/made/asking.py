"""What an application answers to a request, without a network."""

import asyncio
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return json.loads(self.body)["error"]


async def asked(
    app: Any, path: str, text: str | None = None, body: bytes | list[bytes] = b"", **headers: str
) -> Reply:
    """What an application answers; a body in parts has no length that is told."""
    parts = body if isinstance(body, list) else [body]
    told = {"host": "127.0.0.1:8765"} | {k.replace("_", "-"): v for k, v in headers.items()}
    if not isinstance(body, list):
        told.setdefault("content-length", str(len(body)))
    query = {} if text is None else {"text": text}
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"},
        **{"method": "POST" if path.startswith("/score") else "GET", "path": path},
        "query_string": urllib.parse.urlencode(query).encode(),
        "headers": [(k.encode(), v.encode()) for k, v in told.items()],
    }
    left, sent = iter(parts), []

    async def receive() -> dict[str, Any]:
        part = next(left, None)
        more = {"body": part or b"", "more_body": part is not None}
        return {"type": "http.request", **more}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return Reply(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))


def ask(app: Any, *arguments: Any, **headers: str) -> Reply:
    return asyncio.run(asked(app, *arguments, **headers))
