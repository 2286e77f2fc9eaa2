"""Files out, whole or absent: everything is written beside its target, then renamed. Text in."""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml
from charset_normalizer import from_bytes

from pyscorer.contract.durable import part_of, put
from pyscorer.errors import InputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSED = (["cp1252"], ["gb18030", "big5", "shift_jis", "euc_kr", "cp1251", "utf_16_le"])
"""Encodings worth a guess, the first that fits: a short line fits dozens of others as well."""
_KEYS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}
_MOST_NODES = 100_000


@contextmanager
def atomic_open(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file next to `path` and rename it to `path` if the block succeeds.

    Parent directories are made. After an exception, or a kill, `path` is as it was before.
    """
    encoding = None if "b" in mode else "utf-8"
    with atomic_path(path) as part, part.open(mode, encoding=encoding) as stream:
        yield stream


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Like `atomic_open`, for writers that want a path; the suffix of `path` is kept."""
    with part_of(path, path.suffix) as part:
        yield part
        put(part, path)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Fill a temporary directory, then put it in place of `path` (an older one is removed).

    Raises InputError rather than remove a folder that holds none of the new one's files.
    """
    with part_of(path) as part:
        part.mkdir()
        yield part
        put(part, path)


def check_replaceable(path: Path, *marks: str) -> None:
    """Raise InputError if `path` is there, unless it is an empty directory or has all `marks`.

    For a directory that a user names to be written: `atomic_directory` removes what was there.
    """
    marked = path.is_dir() and all((path / mark).exists() for mark in marks)
    if marked or (path.is_dir() and not any(path.iterdir())):
        return
    if path.exists():
        raise InputError(f"{path}: is there, and not such a directory: name another place")


def shown(text: str, longest: int = 80) -> str:
    """`text` for a message: what is not printable is escaped, what is longer is cut."""
    cut = text if len(text) <= longest else text[:longest] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


@contextmanager
def opened(path: Path, mode: str = "rb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file that a user names. InputError where the system does not let it be read."""
    try:
        stream = path.open(mode, **options)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {reason}") from None
    with stream:
        yield stream


@contextmanager
def opened_text(path: Path, newline: str | None = None) -> Iterator[IO[str]]:
    """Open a text file: UTF-8, or what its byte-order mark says (UTF-8, UTF-16, UTF-32).

    Raises InputError if it cannot be read, and for other encodings, naming the line and a guess.
    """
    with opened(path) as stream:
        start = stream.read(4)
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
    try:
        with opened(path, "r", encoding=encoding, newline=newline) as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise InputError(_undecodable(path, error)) from None


def _undecodable(path: Path, error: UnicodeDecodeError) -> str:
    if error.encoding != "utf-8":
        return f"{path}: damaged {error.encoding} text ({error.reason}): save it as UTF-8"
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as fault:
                guesses = (from_bytes(line[:4096], cp_isolation=g).best() for g in _GUESSED)
                likely = next((f", perhaps {g.encoding}" for g in guesses if g), "")
                return (
                    f"{path}:{number}: not UTF-8 text{likely} (byte 0x{line[fault.start]:02x} at "
                    f"{fault.start + 1}): save it as UTF-8"
                )
    return f"{path}: not UTF-8 text ({error.reason}): save it as UTF-8"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a text file; any line ends will do.

    Encodings and errors as of `opened_text`; a line with a NUL byte is an error as well.
    """
    for number, line in enumerate(_lines(path), 1):
        yield number, line.rstrip("\n")


def read_text(path: Path) -> str:
    """A whole text file, line ends as newlines; errors as of `read_lines`."""
    with opened_text(path) as stream:
        text = stream.read()
    return "".join(_lines(path)) if "\0" in text or "\ufeff" in text else text


def _lines(path: Path) -> Iterator[str]:
    with opened_text(path) as stream:
        for number, line in enumerate(stream, 1):
            if "\0" in line:
                raise InputError(
                    f"{path}:{number}: not text: it holds NUL bytes, as binary files do, and "
                    "UTF-16 without a byte-order mark"
                )
            # Files with a mark that were put together by `cat` have it in the middle, too.
            yield line.lstrip("\ufeff")


def read_json(path: Path, needed: Sequence[str] = ()) -> Any:
    """What a JSON file holds: with keys that are `needed`, an object that has them.

    Raises InputError if it is none, lacks a key, or if an object repeats one.
    """
    try:
        content = json.loads(read_text(path), object_pairs_hook=_once)
    except RecursionError:
        raise InputError(f"{path}: JSON that is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON, or cut short: {shown(str(error), 300)}") from None
    for key in needed:
        if not isinstance(content, dict) or key not in content:
            raise InputError(f"{path}: lacks {key}: it is damaged, or another file than is needed")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(k for k in keys if keys.count(k) > 1)!r} stands twice")
    return found


def read_yaml(path: Path) -> Any:
    """What a YAML file holds: plain values, mappings and lists.

    Raises InputError naming the line for what is no YAML, tags of other types, a key that repeats
    or is not text (`no` is false to YAML), and aliases that unfold to more than anyone writes.
    """
    try:
        loader = yaml.SafeLoader(read_text(path))
        node = loader.get_single_node()
        if node is None:
            return None
        _check_node(node, {})
        return loader.construct_document(node)
    except RecursionError:
        raise InputError(f"{path}: YAML that is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        said = str(error).replace('in "<unicode string>", ', "")  # yaml's name of the file
        message = shown(" ".join(said.split()), 300)
        raise InputError(f"{path}: not YAML: {message}") from None


def _check_node(node: yaml.Node, sizes: dict[yaml.Node, int]) -> int:
    """Number of nodes below, aliases unfolded."""
    if node in sizes:
        return sizes[node]
    sizes[node] = 1  # an alias of what it stands in
    parts = []
    if isinstance(node, yaml.MappingNode):
        keys = [key for key, _ in node.value]
        for key in keys:
            if key.tag not in _KEYS:  # of `no:` it is a bool's, of `1:` an int's
                raise ValueError(f"key {key.value} is not text: put it in quotes{key.start_mark}")
        names = [key.value for key in keys]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"key {twice} stands twice{node.start_mark}")
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    sizes[node] = 1 + sum(_check_node(part, sizes) for part in parts)
    if sizes[node] > _MOST_NODES:
        raise ValueError(f"aliases that unfold to more than {_MOST_NODES} values")
    return sizes[node]


def entry(line: str) -> tuple[str, str]:
    """Key and value of a line of a Kaldi table; a tab parts them as well."""
    key, _, value = line.replace("\t", " ").partition(" ")
    return key, value.strip()


def read_table(path: Path) -> dict[str, str]:
    """Read a Kaldi table file: `key value...` a line, in file order.

    Raises InputError naming the line on a duplicate key or an empty line.
    """
    table: dict[str, str] = {}
    for number, line in read_lines(path):
        key, value = entry(line)
        if not key:
            raise InputError(f"{path}:{number}: empty line or leading space")
        if key in table:
            raise InputError(f"{path}:{number}: duplicate key {shown(key)}")
        table[key] = value
    return table


def write_table(path: Path, table: dict[str, str]) -> None:
    """Write a Kaldi table file sorted by key in C order."""
    write_entries(path, ((key, table[key]) for key in sorted(table)))


def write_entries(path: Path, entries: Iterable[tuple[str, str]]) -> None:
    """Write a Kaldi table file of entries that are in its order."""
    with atomic_open(path) as stream:
        stream.writelines(f"{key} {value}\n" if value else f"{key}\n" for key, value in entries)
