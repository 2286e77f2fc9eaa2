"""Kaldi's `tree` files: read in text and binary, written in binary.

Sources: Kaldi's tree/context-dep.cc, tree/event-map.cc.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from pyscorer.chain.tree import (
    CENTRAL,
    LEFT,
    PDF_CLASS,
    Branch,
    ContextTree,
    Node,
    Split,
    make_tree,
)
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError
from pyscorer.kaldi.stream import KaldiReader, KaldiWriter

_MOST_PDFS = 1_000_000
"""More than any tree has: a larger number is damage."""


def read_kaldi_tree(path: Path, phones: Sequence[str]) -> ContextTree:
    """Read Kaldi's `tree` (text or binary) of a monophone or left-biphone system.

    `phones` are the phone symbols by id, `<eps>` first. Raises InputError for a file that is not a
    tree, and for any wider context.
    """
    reader = KaldiReader(path)
    reader.where = "not a Kaldi tree"
    reader.expect("ContextDependency")
    width, central = reader.integer(), reader.integer()
    if (width, central) not in ((1, 0), (2, 1)):
        raise InputError(
            f"{path}: context width {width}, central position {central}: only monophone (1, 0) "
            "and left-biphone (2, 1) trees can be used"
        )
    reader.expect("ToPdf")
    # In a monophone tree the only phone has key 0.
    root = _read_node(reader, lambda key: CENTRAL if (width, key) == (1, 0) else key)
    reader.expect("EndContextDependency")
    if root is None:
        raise InputError(f"{path}: an empty tree")
    return make_tree(phones, root)


def _read_node(reader: KaldiReader, rename: Callable[[int], int]) -> Node | None:
    kind = reader.token()
    if kind == "NULL":
        return None
    if kind == "CE":
        pdf = reader.integer()
        if not 0 <= pdf < _MOST_PDFS:
            raise reader.fail(f"a leaf with pdf {pdf}")
        return pdf
    if kind not in ("TE", "SE"):
        raise reader.fail(f"unknown node {kind[:40]}")
    key = rename(reader.integer())
    if key not in (LEFT, CENTRAL, PDF_CLASS):
        raise reader.fail(f"a question about key {key}, which a context of two phones has not")
    if kind == "TE":
        size = reader.integer()
        reader.expect("(")
        children = tuple(_read_node(reader, rename) for _ in range(size))
        reader.expect(")")
        return Branch(key, children)
    values = frozenset(reader.integers())
    reader.expect("{")
    yes, no = _read_node(reader, rename), _read_node(reader, rename)
    reader.expect("}")
    if yes is None or no is None:
        raise reader.fail("a split without two children")
    return Split(key, values, yes, no)


def write_kaldi_tree(path: Path, tree: ContextTree) -> None:
    """Write `tree` as Kaldi's binary `tree` of a left-biphone system (context width 2)."""
    with atomic_open(path, "wb") as stream:
        writer = KaldiWriter(stream)
        writer.header()
        writer.token("ContextDependency")
        writer.integer(2)
        writer.integer(CENTRAL)
        writer.token("ToPdf")
        _write_node(writer, tree.root)
        writer.token("EndContextDependency")


def _write_node(writer: KaldiWriter, node: Node | None) -> None:
    if node is None:
        writer.token("NULL")
    elif isinstance(node, int):
        writer.token("CE")
        writer.integer(node)
    elif isinstance(node, Branch):
        writer.token("TE")
        writer.integer(node.key)
        writer.unsigned(len(node.children))
        writer.token("(")
        for child in node.children:
            _write_node(writer, child)
        writer.token(")")
    else:
        writer.token("SE")
        writer.integer(node.key)
        writer.integers(sorted(node.values))
        writer.token("{")
        _write_node(writer, node.yes)
        _write_node(writer, node.no)
        writer.token("}")
