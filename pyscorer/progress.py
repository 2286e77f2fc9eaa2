"""Progress of long work, on a terminal and in a log."""

import logging
import sys
import time
from functools import partial

from tqdm import tqdm

_SECONDS = 1.0 if sys.stderr.isatty() else 30.0

progress_bar = partial(tqdm, mininterval=_SECONDS, maxinterval=max(10.0, _SECONDS))
"""`tqdm` that writes once a second on a terminal, and twice a minute into a log."""


def log_speed(log: logging.Logger, utterances: int, seconds: float, started: float) -> None:
    """Say how long `seconds` of speech took since `started`, a time of `time.monotonic`."""
    elapsed = time.monotonic() - started
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.1f times faster than real time",
        *(utterances, seconds, elapsed, seconds / elapsed),
    )
