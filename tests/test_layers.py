"""Which room may know which: every module imports its own room or an earlier layer."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pyscorer"
LAYERS = (
    {"errors", "imports", "options", "parallel", "progress", "shipped"},
    {"contract"},
    {"lexicon"},
    {"evaluation", "alignment", "corpora"},
    {"chain", "pretrained", "scoring"},
    {"measures", "kaldi", "pronunciation", "grading", "scatter"},
    {"recognition", "proficiency"},
    {"answers"},
    {"feedback"},
    {"stages"},
    {"console", "paths"},
    {"cli", "config", "describe", "project"},
    {"planning"},
)
"""Rooms from the ground up; those of one layer are blind to each other."""
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
MOST_LINES = 350


def modules() -> dict[str, Path]:
    """Dotted name below the package -> file, of every module but the package's own."""
    found = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    return {name.removesuffix(".__init__"): p for name, p in found.items() if name != "__init__"}


MODULES = modules()


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, wherever in it it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    inside = {name.removeprefix("pyscorer.") for name in found if name.startswith("pyscorer.")}
    return {name if name in MODULES else name.rpartition(".")[0] for name in inside} - {""}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_its_own_room_or_an_earlier_layer(name):
    room = name.partition(".")[0]
    for imported in imports(MODULES[name]):
        other = imported.partition(".")[0]
        assert other == room or LAYER[other] < LAYER[room], f"{name} imports {imported}"


def test_no_module_imports_itself_by_way_of_others():
    reached = {name: imports(path) & MODULES.keys() for name, path in MODULES.items()}
    for name in MODULES:
        seen, queue = set(), list(reached[name])
        while queue:
            if (at := queue.pop()) not in seen:
                seen.add(at)
                queue += reached[at]
        assert name not in seen, f"{name} is on a circle of imports"


def test_no_file_name_stands_in_two_rooms():
    rooms = defaultdict(list)
    for name in MODULES:
        room, _, file = name.rpartition(".")
        rooms[file].append(room)
    assert not {file: places for file, places in rooms.items() if len(places) > 1}


@pytest.mark.parametrize("name", MODULES)
def test_a_file_can_be_read_in_one_sitting(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_contributing_lists_the_rooms_from_the_ground_up():
    table = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    listed = re.findall(r"`(\w+)`", " ".join(rows))
    assert set(listed) == set(LAYER)
    assert [LAYER[room] for room in listed] == sorted(LAYER.values())
