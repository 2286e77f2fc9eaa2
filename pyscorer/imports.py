"""Modules that are imported when they are asked for."""

import gc
import importlib
from types import ModuleType


def imported(name: str) -> ModuleType:
    """Import a module, and whatever it imports, without looking for garbage there, then or later.

    What imports make stays: to go through it over and over takes a fifth of their time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
