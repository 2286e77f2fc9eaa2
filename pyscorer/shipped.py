"""What comes with the package: manifests, workflow, Kaldi recipes, configurations, bundles ...

In a checkout these folders lie beside the package, where people look for them; the wheel has them
inside it (`pyproject.toml` says which).
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_IN_THE_WHEEL = PACKAGE / "share"
SHARE = _IN_THE_WHEEL if _IN_THE_WHEEL.is_dir() else PACKAGE.parent
"""The folder that holds those below."""
MANIFESTS = SHARE / "data_manifests"
WORKFLOW = SHARE / "workflow"
SCHEMAS = WORKFLOW / "schemas"
RECIPES = SHARE / "kaldi_recipes"
CONFIG = SHARE / "config"
PROFILES = SHARE / "profiles"
BUNDLES = SHARE / "bundles"
"""Trained graders for `pyscorer score` without --model: `make bundle`."""
CHECKOUT = PACKAGE.parent if PACKAGE.parent == SHARE else None
"""The repository that the package is run from; None: it was installed from a wheel."""
