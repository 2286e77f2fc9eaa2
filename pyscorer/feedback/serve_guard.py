"""Who may ask `serve`, and what its pages may do in a browser."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    # Nothing is loaded from elsewhere, or sent there. The page of a recording, which is shown in a
    # frame, has its script and style in itself.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; "
        "connect-src 'self'; media-src data: blob:; img-src data:; frame-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests that other sites have a browser send, and says what pages may do.

    A site whose name is made to lead to this machine (DNS rebinding) is told by its name in Host:
    only addresses, localhost and the name that the server was given are taken. One that sends
    requests across is told by its Origin.
    """

    def __init__(self, app: ASGIApp, named: str) -> None:
        self.app, self.named = app, named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self.app
        if not is_own(host, self.named):
            app = PlainTextResponse("this server has no such name\n", 421)
        elif origin not in (None, f"http://{host}"):
            app = PlainTextResponse("other sites may not ask this server\n", 403)
        await app(scope, receive, guarded)


def is_own(host: str, named: str) -> bool:
    """Whether the header Host names this server: by an address, as localhost, or as it was told."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", named.lower()):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
