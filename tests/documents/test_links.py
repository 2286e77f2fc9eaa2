"""Whatever README and docs lead to is there."""

import re
from pathlib import Path

import pytest
from markdown_pages import DOCS, PAGES, ROOT, anchors, links, name

NO_GATES = {"PYSCORER_CRASHES_SEED", "PYSCORER_WRITE"}
"""Variables that no test waits for."""
pages = pytest.mark.parametrize("page", PAGES, ids=name)


@pages
def test_links_lead_to_files_and_headings_that_are_there(page: Path):
    for link in links(page):
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not heading or heading in anchors(target), link


@pages
def test_files_that_pages_name_are_there(page: Path):
    folders = "pyscorer|tests|benchmarks|workflow|data_manifests|docs|config|profiles|kaldi_recipes"
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"(?<![\w/.])(?:{folders})/[\w./-]+\.(?:py|smk|yaml|jinja|md|sh)\b", text)
    rooms = re.findall(r"\bpyscorer/\w+(?=/)", text)
    assert not [
        path
        for path in (*named, *rooms)
        if not any((top / path).exists() for top in (ROOT, page.parent))
    ]


def test_the_index_has_every_page():
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert not {*DOCS} - listed - {index}


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_a_page_begins_with_a_paragraph_that_says_what_it_gives(page: Path):
    title, blank, first, *_ = page.read_text(encoding="utf-8").split("\n", 3)
    assert title.startswith("# ") and not blank
    assert re.match(r"[\w`]", first) and len(first) > 40, "neither code, table, heading nor a note"


def test_the_readme_is_two_screens():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").iterdir()), ids=name)
def test_pictures_are_small_and_shown(picture: Path):
    assert picture.suffix == ".png" and picture.stat().st_size < 150_000
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert picture in shown


def test_the_page_of_tests_names_every_slow_one():
    told = (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        file = str(path.relative_to(ROOT))
        if "mark.slow" in text and path != Path(__file__):
            assert file in told or f"pytest -m slow {path.parent.relative_to(ROOT)}" in told, file
        for variable in re.findall(r"environ\.get\(\"(PYSCORER_\w+)\"", text):
            assert variable in told or variable in NO_GATES, f"{file}: {variable}"
