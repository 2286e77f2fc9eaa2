"""Kaldi's `tree` files: read in text and binary, written in binary.

Sources: Kaldi's tree/context-dep.cc, tree/event-map.cc.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from pyscorer.chain.tree import (
    CENTRAL,
    MOST_PDFS,
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

_WIDEST = 10


def read_kaldi_tree(path: Path, phones: Sequence[str]) -> ContextTree:
    """Read Kaldi's `tree` (text or binary) of a monophone or left-biphone system.

    `phones` are the phone symbols by id, `<eps>` first. Raises InputError for a file that is not a
    tree, and for any wider context.
    """
    width, central, root = read_context(path)
    if (width, central) not in ((1, 0), (2, 1)):
        raise InputError(
            f"{path}: context width {width}, central position {central}: only monophone (1, 0) "
            "and left-biphone (2, 1) trees can be used"
        )
    return make_tree(phones, root)


def read_context(path: Path) -> tuple[int, int, Node]:
    """Context width, central position and root of Kaldi's `tree`, whatever its width.

    In a monophone tree the only phone has key CENTRAL here. Raises InputError for a file that is
    not a tree, or damaged.
    """
    reader = KaldiReader(path)
    reader.where = "not a Kaldi tree"
    reader.expect("ContextDependency")
    width, central = reader.integer(), reader.integer()
    if not 0 <= central < width < _WIDEST:
        raise reader.fail(f"context width {width}, central position {central}")
    reader.expect("ToPdf")
    try:
        root = _read_node(reader, range(PDF_CLASS, width), {0: CENTRAL} if width == 1 else {})
    except RecursionError:
        raise reader.fail("nested too deeply: the file is damaged") from None
    reader.expect("EndContextDependency")
    if root is None or not reader.at_end():
        raise reader.fail("an empty tree, or more than a tree: the file is damaged")
    return width, central, root


def _read_node(reader: KaldiReader, keys: Collection[int], rename: dict[int, int]) -> Node | None:
    kind = reader.token()
    if kind == "NULL":
        return None
    if kind == "CE":
        pdf = reader.integer()
        if not 0 <= pdf < MOST_PDFS:
            raise reader.fail(f"a leaf with pdf {pdf}")
        return pdf
    if kind not in ("TE", "SE"):
        raise reader.fail(f"unknown node {kind[:40]}")
    asked = reader.integer()
    if asked not in keys:
        raise reader.fail(f"a question about key {asked}, which its context has not")
    key = rename.get(asked, asked)
    if kind == "TE":
        size = reader.integer()
        reader.expect("(")
        children = tuple(_read_node(reader, keys, rename) for _ in range(size))
        reader.expect(")")
        return Branch(key, children)
    values = frozenset(reader.integers())
    reader.expect("{")
    yes, no = (_read_node(reader, keys, rename) for _ in range(2))
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
