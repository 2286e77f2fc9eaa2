"""Progress of long work, on a terminal and in a log."""

import sys
from functools import partial

from tqdm import tqdm

_SECONDS = 1.0 if sys.stderr.isatty() else 30.0

progress_bar = partial(tqdm, mininterval=_SECONDS, maxinterval=max(10.0, _SECONDS))
"""`tqdm` that writes once a second on a terminal, and twice a minute into a log."""
