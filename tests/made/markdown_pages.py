"""README and docs, taken apart: headings, links, code, and the commands in it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *DOCS,
    *(ROOT / room / "README.md" for room in ("bundles", "config", "kaldi_recipes")),
    ROOT / "pyscorer" / "project" / "template" / "README.md",
]
PROGRAMS = ("pyscorer", "snakemake", "make", "pytest")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    parsed = tokens(page)
    return {
        anchor(parsed[at + 1].content)
        for at, token in enumerate(parsed)
        if token.type == "heading_open"
    }


def inline(page: Path) -> Iterator[Token]:
    """Every piece of running text, links and code spans among them."""
    for token in tokens(page):
        yield from token.children or []


def links(page: Path) -> Iterator[str]:
    """Where links and pictures lead, but for other sites."""
    for token in inline(page):
        target = token.attrs.get("href") or token.attrs.get("src")
        if target and "://" not in str(target):
            yield str(target)
    for token in (*tokens(page), *inline(page)):  # pictures in HTML
        if token.type in ("html_block", "html_inline"):
            yield from re.findall(r'(?:src|href)="([^":]+)"', token.content)


def code_lines(page: Path) -> Iterator[str]:
    """Lines of code blocks; one that ends in a backslash goes on in the next."""
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            yield from token.content.replace("\\\n", " ").splitlines()


def code_spans(page: Path) -> Iterator[str]:
    for token in inline(page):
        if token.type == "code_inline":
            yield token.content


@dataclass(frozen=True)
class Command:
    """One call of a program of ours."""

    program: str
    words: tuple[str, ...]
    whole: bool
    """False where it is only named in running text, or `...` says that something is left out."""


def commands(page: Path) -> list[Command]:
    """The calls of `PROGRAMS`, in code blocks and in running text, each once.

    What may stand for something of the reader's: words in capitals (DIR, W/ali), names in angle
    brackets (results/<run>) and the word `...`, which leaves the rest out.
    """
    found = [c for line in code_lines(page) for c in _of_line(line, True)]
    found += [c for span in code_spans(page) for c in _of_line(span, False)]
    return list(dict.fromkeys(found))


def _of_line(line: str, block: bool) -> Iterator[Command]:
    line = line.replace("# or: ", "; ")  # the same by other means
    line = re.sub(r"<([\w-]+)>", r"\1", line.strip().removeprefix("$ "))
    if not re.search(rf"\b(?:{'|'.join(PROGRAMS)})\b", line):
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # no line of a shell
        return
    while words:
        end = next((at for at, word in enumerate(words) if set(word) <= set("();<>|&")), len(words))
        one, words = words[:end], words[end + 1 :]
        while one and re.fullmatch(r"\w+=.*", one[0]):  # of the environment
            one.pop(0)
        if one and Path(one[0]).name in PROGRAMS:
            left_out = "..." in one
            rest = tuple(one[1 : one.index("...") if left_out and not block else None])
            yield Command(Path(one[0]).name, rest, block and not left_out)
