"""CITATION.cff and CHANGELOG.md are of this version."""

import re
import tomllib

import yaml
from markdown_pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITED = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_is_of_this_version():
    assert CITED["cff-version"] == "1.2.0" and CITED["type"] == "software"
    assert CITED["version"] == PROJECT["version"]
    assert CITED["license"] == PROJECT["license"]
    assert CITED["title"] == f"{PROJECT['name']}: {PROJECT['description']}"
    assert CITED["message"] and CITED["authors"]


def test_both_papers_and_the_corpus_are_cited():
    assert [work["authors"][0]["family-names"] for work in CITED["references"]] == [
        "Lin",
        "Papi",
        "Zhang",
    ]
    assert all({"type", "title", "authors", "year"} <= work.keys() for work in CITED["references"])


def test_the_changelog_has_this_version_below_what_is_unreleased():
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == f"{PROJECT['version']} - {CITED['date-released']}"
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
