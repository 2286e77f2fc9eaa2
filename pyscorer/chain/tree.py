"""Phonetic context: which pdf a phone has, given the phone to its left.

A tree is Kaldi's EventMap as nested tuples, so that it can be read from and written to Kaldi's
`tree` files (`kaldi.tree_file`); for use it is flattened into a table.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.files import atomic_open, read_json, shown
from pyscorer.contract.phones import PHONE_ID
from pyscorer.errors import InputError

FORWARD, SELF_LOOP = 0, 1
"""Pdf classes of Kaldi's chain topology: a phone's first frame, and all further frames."""
MOST_PDFS = 1_000_000
"""More than any tree has: a larger number is damage."""
LEFT, CENTRAL, PDF_CLASS = 0, 1, -1
"""Keys of an event, as in Kaldi for a context of two phones: what a node may ask about."""


@dataclass(frozen=True)
class Split:
    """Ask whether the value of `key` is in `values` (Kaldi's SplitEventMap, SE)."""

    key: int
    values: frozenset[int]
    yes: "Node"
    no: "Node"


@dataclass(frozen=True)
class Branch:
    """One child a value of `key`, from 0 on; None where there is none (TableEventMap, TE)."""

    key: int
    children: "tuple[Node | None, ...]"


Node = int | Split | Branch
"""A leaf is its pdf id."""


@dataclass(frozen=True)
class ContextTree:
    """A left-biphone (or monophone) tree."""

    phones: tuple[str, ...]
    """Phone symbols by id, `<eps>` first."""
    root: Node
    questions: tuple[tuple[int, ...], ...]
    """Sets of left phones that were asked about; empty for a tree from elsewhere."""
    pdf: np.ndarray
    """(phones, phones, 2) int: pdf[left, phone, pdf class]; left 0 is the start of an utterance.
    -1 where the tree has no answer, as for phone 0."""
    num_pdfs: int


def make_tree(
    phones: Sequence[str], root: Node, questions: Sequence[Sequence[int]] = ()
) -> ContextTree:
    """Tabulate `root` for all contexts of `phones` (`<eps>` first)."""
    size = len(phones)
    pdf = np.full((size, size, 2), -1, dtype=np.int64)
    for left in range(size):
        for phone in range(1, size):
            for pdf_class in (FORWARD, SELF_LOOP):
                event = {LEFT: left, CENTRAL: phone, PDF_CLASS: pdf_class}
                pdf[left, phone, pdf_class] = _answer(root, event)
    return ContextTree(
        tuple(phones), root, tuple(tuple(q) for q in questions), pdf, _largest_leaf(root) + 1
    )


def monophone_tree(phones: Sequence[str]) -> ContextTree:
    """Two pdfs a phone, forward and self-loop, whatever stands to its left."""
    children: list[Node | None] = [None]
    for index in range(len(phones) - 1):
        children.append(Split(PDF_CLASS, frozenset({FORWARD}), 2 * index, 2 * index + 1))
    return make_tree(phones, Branch(CENTRAL, tuple(children)))


def _answer(node: Node | None, event: dict[int, int]) -> int:
    while not isinstance(node, int):
        if node is None:
            return -1
        if isinstance(node, Split):
            node = node.yes if event[node.key] in node.values else node.no
        else:
            value = event[node.key]
            node = node.children[value] if value < len(node.children) else None
    return node


def _largest_leaf(node: Node | None) -> int:
    if node is None:
        return -1
    if isinstance(node, Split):
        return max(_largest_leaf(node.yes), _largest_leaf(node.no))
    if isinstance(node, Branch):
        return max(map(_largest_leaf, node.children), default=-1)
    return node


def _to_json(node: Node | None) -> Any:
    if isinstance(node, Split):
        return {
            "key": node.key,
            "values": sorted(node.values),
            "yes": _to_json(node.yes),
            "no": _to_json(node.no),
        }
    if isinstance(node, Branch):
        return {"key": node.key, "children": [_to_json(child) for child in node.children]}
    return node


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and "values" in value:
        yes, no = _from_json(value["yes"]), _from_json(value["no"])
        return Split(_key(value), frozenset(value["values"]), yes, no)
    if isinstance(value, dict):
        return Branch(_key(value), tuple(_from_json(child) for child in value["children"]))
    if value is not None and not (type(value) is int and 0 <= value < MOST_PDFS):
        raise ValueError(f"a leaf with pdf {value}")
    return value


def _key(value: dict[str, Any]) -> int:
    if value["key"] not in (LEFT, CENTRAL, PDF_CLASS):
        raise ValueError(f"a question about key {value['key']}")
    return int(value["key"])


def write_tree(path: Path, tree: ContextTree) -> None:
    """Write `tree` as JSON: phones, number of pdfs, questions and the tree itself."""
    content = {
        "phones": list(tree.phones),
        "num_pdfs": tree.num_pdfs,
        "questions": [list(question) for question in tree.questions],
        "root": _to_json(tree.root),
    }
    with atomic_open(path) as stream:
        json.dump(content, stream)
        stream.write("\n")


def read_tree(path: Path) -> ContextTree:
    """Read `tree.json`. Raises InputError if it is missing or malformed."""
    content = read_json(path)
    try:
        tree = make_tree(content["phones"], _from_json(content["root"]), content["questions"])
        if content["num_pdfs"] != tree.num_pdfs:
            raise ValueError(f"{tree.num_pdfs} pdfs where it says {content['num_pdfs']}")
        return tree
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = shown(str(error) or type(error).__name__)
        raise InputError(f"{path}: not a tree written by chain_graphs ({reason})") from None


def pdf_to_phone(tree: ContextTree) -> np.ndarray:
    """Phone id (of phones.PHONES) of each pdf of `tree`. Raises InputError if phones share one."""
    owner = np.zeros(tree.num_pdfs, dtype=np.int32)
    for index, phone in enumerate(tree.phones):
        if index == 0:
            continue
        if phone not in PHONE_ID:
            raise InputError(f"the tree has phone {phone}, which is not in phones.PHONES")
        pdfs = np.unique(tree.pdf[:, index])
        if (owner[pdfs] > 0).any():
            raise InputError(f"the tree shares pdfs of phone {phone} with another phone")
        owner[pdfs] = PHONE_ID[phone]
    return owner
