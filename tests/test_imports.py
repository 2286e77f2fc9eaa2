"""What is imported when it is asked for."""

import gc
import subprocess
import sys

import pytest

from pyscorer.imports import imported


def test_garbage_is_looked_for_again_whatever_becomes_of_an_import():
    assert gc.isenabled()
    assert imported("gc") is gc and gc.isenabled()
    with pytest.raises(ModuleNotFoundError):
        imported("pyscorer.nothing")
    assert gc.isenabled()
    gc.disable()
    try:
        imported("gc")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_package_alone_imports_nothing_large():
    code = "import sys, pyscorer; print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
