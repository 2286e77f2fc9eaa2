"""Whisper's tokens: byte-level byte pair encoding (Radford et al., GPT-2, 2019)."""

import functools
import itertools
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyscorer.contract.files import read_json
from pyscorer.errors import InputError

_PIECES = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+", re.UNICODE
)
"""What is encoded by itself, as in GPT-2's published code."""
_GPT2 = 50257
"""Size of GPT-2's vocabulary."""


@dataclass(frozen=True)
class Tokens:
    """A vocabulary, and how text becomes its tokens."""

    ids: dict[str, int]
    """Of pieces, written with one printable character a byte."""
    special: dict[str, int]
    """Of tokens such as <|endoftext|>."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return [token for piece in _PIECES.findall(text) for token in self._join(piece)]

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, special ones left out; what is not UTF-8 becomes U+FFFD."""
        written = "".join(self._pieces.get(token, "") for token in tokens)
        return bytes(map(_byte_of().__getitem__, written)).decode("utf-8", "replace")

    @cached_property
    def _pieces(self) -> dict[int, str]:
        return {number: piece for piece, number in self.ids.items()}

    def _join(self, piece: str) -> list[int]:
        characters = _characters()
        parts = [characters[byte] for byte in piece.encode()]
        while len(parts) > 1:
            # Numbers of pieces follow the order in which training joined pairs. Lists of these
            # pairs are about, too, in which the first is missing.
            joined = ["".join(pair) for pair in itertools.pairwise(parts)]
            best = min(joined, key=lambda both: self.ids.get(both, len(self.ids)))
            if best not in self.ids:
                break
            at = joined.index(best)
            parts[at : at + 2] = [best]
        return [self.ids[part] for part in parts]

    @property
    def text_start(self) -> list[int]:
        """What stands before an English transcript without times.

        Models for several languages, whose vocabulary is one larger than GPT-2's, are told which.
        """
        told = ["en", "transcribe"] if self.special["<|startoftranscript|>"] > _GPT2 else []
        names = ["startoftranscript", *told, "notimestamps"]
        return [self.special[f"<|{name}|>"] for name in names]

    @property
    def end(self) -> int:
        """The token after a transcript; all others that are no text have higher numbers."""
        return self.special["<|endoftext|>"]


def read_tokens(directory: Path) -> Tokens:
    """Read tokenizer.json of a model directory. Raises InputError if it cannot be read."""
    path = directory / "tokenizer.json"
    try:
        table = read_json(path)
        special = {entry["content"]: entry["id"] for entry in table["added_tokens"]}
        tokens = Tokens(table["model"]["vocab"], special)
        _ = tokens.text_start, tokens.end
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not Whisper's tokenizer ({error!r})") from None
    return tokens


@functools.cache
def _characters() -> dict[int, str]:
    """The printable character of each byte: its own where it has one, else one from U+0100 on."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return {b: chr(b) for b in own} | {b: chr(256 + i) for i, b in enumerate(others)}


@functools.cache
def _byte_of() -> dict[str, int]:
    return {character: byte for byte, character in _characters().items()}
