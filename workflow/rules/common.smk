"""The run that the configuration stands for, and what every rule shares. No stage logic here."""

import sys

from pyscorer.config import check_config, flags, resolve_run
from pyscorer.errors import InputError

try:
    check_config(config)
    RUN = resolve_run(config)
except InputError as error:
    sys.exit(f"error: {error}")

if workflow.is_main_process:
    print(f"run {RUN.name}: {RUN.note}", file=sys.stderr)

WORK, RESULTS, CORPUS = RUN.work, RUN.results, RUN.corpus
LOGS, BENCHMARKS = WORK / "logs", WORK / "benchmarks"

wildcard_constraints:
    corpus="[^/]+",
    split="[^/]+",
    kind="mfcc13|mfcc40",


def options(stage):
    """The flags of `stage` from its section of the configuration."""
    return flags(config.get(stage, {}))
