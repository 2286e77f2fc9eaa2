"""Options of `serve`, which are known without the packages that it needs."""

from dataclasses import dataclass

from pyscorer.options import option


@dataclass(frozen=True)
class ServeOptions:
    """Where the server listens, and how much a request may ask for."""

    host: str = option("127.0.0.1", "address to listen on; the default is this machine alone")
    port: int = option(8765, "of the address; 0: any that is free", ge=0, le=65535)
    megabytes: float = option(16.0, "that a recording may have at most", gt=0)
    seconds: float = option(60.0, "that a request may take, its wait for others included", gt=0)
    queue: int = option(8, "requests that may wait while one is answered", ge=0)
