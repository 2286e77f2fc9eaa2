"""A recogniser's folder written, with its word errors where it is known what was said."""

import csv
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from pyscorer.contract.datadir import Utterance
from pyscorer.contract.decoded import Decoded, write_decoded
from pyscorer.contract.files import atomic_open
from pyscorer.evaluation.word_errors import WordErrors, count_errors
from pyscorer.progress import log_speed, progress_bar

log = logging.getLogger(__name__)


def write_heard(
    out: Path,
    data: Path,
    utterances: Mapping[str, Utterance],
    decoded: Iterable[tuple[Decoded, float]],
) -> None:
    """Write what was heard of the data directory `data`, streaming: see `contract.decoded`.

    `decoded` gives its `utterances` in their order, each with its duration in seconds. Where they
    have a text, `out/wer.csv` has words, substitutions, deletions, insertions and word error
    rate of each utterance, with a row TOTAL at the end; letters are compared whatever their case.
    Logs the utterances in which nothing was heard, and the speed.
    """
    known = any(utterance.words for utterance in utterances.values())
    (out / "wer.csv").unlink(missing_ok=True)  # of another run
    total, seconds, silent, started = WordErrors(), 0.0, list[str](), time.monotonic()
    with ExitStack() as stack:
        errors = csv.writer(stack.enter_context(atomic_open(out / "wer.csv"))) if known else None
        if errors:
            errors.writerow(["utterance", *WordErrors.__dataclass_fields__, "wer"])

        def counted() -> Iterator[Decoded]:
            nonlocal total, seconds
            bar = progress_bar(decoded, total=len(utterances), desc=f"decode {data}", unit="utt")
            for one, duration in bar:
                seconds += duration
                if not one.words:
                    silent.append(one.key)
                if errors:
                    said = [word.upper() for word in utterances[one.key].words]
                    own = count_errors(said, [word.label.upper() for word in one.words])
                    errors.writerow([one.key, *own.row()])
                    total += own
                yield one

        write_decoded(out, counted())
        if errors:
            errors.writerow(["TOTAL", *total.row()])
    if silent:
        log.warning("%d utterances without any word: %s", len(silent), " ".join(silent[:10]))
    if known:
        log.info("word error rate %.2f %%: %s", 100 * total.rate, total)
    log_speed(log, len(utterances), seconds, started)
