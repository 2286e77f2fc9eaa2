"""Stage `serve`: record in the browser, or drop a file, and see the page of `score`."""

import importlib.util
import ipaddress
import logging
import os
import socket
import tempfile
from pathlib import Path

from pyscorer.errors import InputError
from pyscorer.feedback.api import Scorer
from pyscorer.feedback.serve_options import ServeOptions

log = logging.getLogger(__name__)


def serve(model: Path | None = None, options: ServeOptions = ServeOptions()) -> None:
    """Answer a browser on this machine: record or drop a file, type the text, see the page.

    `model` is a directory that `bundle_grader` made, without one the best that comes with the
    package. POST /score.html?text=... with the bytes of an audio file gives the page of `score`,
    /score.json what `--format json` writes. Recordings are read one at a time, others wait; each is
    removed when it is answered. Nothing is asked of another machine. Ctrl-C ends it.

    Raises InputError without the packages of the extra `serve`, for a model that cannot be read,
    and for an address that cannot be listened on.
    """
    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed: pip install 'pyscorer[serve]'")
    with (
        _listening(options) as listening,
        tempfile.TemporaryDirectory(prefix="pyscorer-") as folder,
    ):
        scorer = Scorer.load(model)
        _run(scorer, options, Path(folder), listening)


def _listening(options: ServeOptions) -> socket.socket:
    """Before the model is loaded, which takes seconds: the address may be taken."""
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise InputError(
            f"--host {options.host} --port {options.port}: cannot listen there: {reason}; "
            "name another --port"
        ) from None


def _run(scorer: Scorer, options: ServeOptions, folder: Path, listening: socket.socket) -> None:
    import uvicorn

    from pyscorer.feedback.serve_app import make_app

    app = make_app(scorer, options, folder)
    config = uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        # Of idle connections, too; beyond them uvicorn answers 503 by itself.
        limit_concurrency=options.queue + 32,
    )
    port = listening.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    log.info("http://%s:%d/ (Ctrl-C ends it)", host, port)
    if not is_local(options.host):
        log.warning(
            "whoever reaches this machine can have recordings scored; browsers there give no "
            "microphone to a page without https, so files have to be dropped"
        )
    uvicorn.Server(config).run(sockets=[listening])


def is_local(host: str) -> bool:
    """Whether an address is heard on this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
