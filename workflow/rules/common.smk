"""The run that the configuration stands for, and what every rule shares. No stage logic here.

In a project these rules are a module, and Snakemake fills in commands with names of the project's
own Snakefile: a command takes all that it says from its rule (`params`), but for `RECIPES`, which a
project's Snakefile imports.
"""

import os
import sys
import sysconfig
from functools import partial
from pathlib import Path

from pyscorer.config import flags
from pyscorer.contract.files import read_yaml
from pyscorer.errors import InputError
from pyscorer.planning import commands
from pyscorer.planning.commands import files, folders, in_one
from pyscorer.planning.ctc import baseline_pools
from pyscorer.planning.graders import recogniser
from pyscorer.planning.needs import Needs
from pyscorer.planning.plan import RECIPES, make_plan, tree_files
from pyscorer.project.locks import hold

# Commands call the `pyscorer` of the environment that Snakemake runs in, activated or not.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])

try:
    for file in workflow.configfiles:
        read_yaml(Path(file))  # Snakemake takes the last of two same keys
    PLAN = make_plan(config)
    if workflow.is_main_process:
        PLAN.note()
except InputError as error:
    sys.exit(f"error: {error}")

config.update(PLAN.config)
RUN = PLAN.run
if workflow.is_main_process:
    print(f"run {RUN.name}: {RUN.note}", file=sys.stderr)

WORK, RESULTS, CORPUS = RUN.work, RUN.results, RUN.corpus
LOGS, BENCHMARKS = WORK / "logs", WORK / "benchmarks"
TREE, TREE_MADE = tree_files(config, RUN)
NEEDS = Needs(config)
train_and_test = partial(commands.train_and_test, RUN)


wildcard_constraints:
    corpus="[^/]+",
    split="[^/]+",
    kind="mfcc13|mfcc40",


def options(stage, own=None, base=None):
    """The flags of a stage, see `commands.stage_options`."""
    return flags(commands.stage_options(config, stage, own, base))
