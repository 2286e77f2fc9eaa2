"""Tokens of CTC models as phones: groups, ways to write a phone, and a user's own lines."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.phones import ARPABET
from pyscorer.errors import InputError
from pyscorer.measures.ctc_paths import OTHER, Unit
from pyscorer.measures.phone_map import make_phone_map, write_phone_map

_ESPEAK = (
    "<pad> <s> </s> <unk> n s t ə l a i k d m ɛ ɾ e ɪ p o ɐ z ð f j v b ɹ ʁ ʊ iː r w ʌ u ɡ æ aɪ "
    "ʃ h ɔ ɑː ŋ ɚ eɪ β uː y ɑ̃ oʊ ᵻ eː θ aʊ ts oː ɣ ɜ ɑ dʒ əl x ɜː ʒ tʃ ɔː ɑːɹ ɛɹ ɔːɹ ɔɪ ʔ ɬ"
)
_LETTERS = "<pad> n s t ə l a i k d m ɛ ɪ p o z ð f j v b ɹ ʊ w ʌ u ɡ æ ʃ h ɔ ɑ ŋ e θ ʒ"
ESPEAK = _ESPEAK.split()
"""As the vocabulary of wav2vec2-lv-60-espeak begins."""
LETTERS = _LETTERS.split()
"""Without a letter for diphthongs and affricates."""


def ways(units: tuple[Unit, ...], *phones: str) -> set[tuple[int, ...]]:
    return {unit.symbols for unit in units if unit.phones == phones}


def test_tokens_of_the_same_phones_are_one_symbol() -> None:
    made = make_phone_map(ESPEAK, 0)
    assert made.lacking == []
    place = {token: int(made.symbol[i]) for i, token in enumerate(ESPEAK)}
    assert place["i"] == place["iː"] and place["r"] == place["ɹ"] == place["ʁ"]
    assert place["<pad>"] == place["<s>"] == 0
    assert place["ɬ"] == place["<unk>"] == place["β"] != 0
    assert ways(made.units, OTHER) == {(place["ɬ"],)}
    assert ways(made.units, "T") == {(place["t"],), (place["ɾ"],)}
    assert (place["ɾ"],) in ways(made.units, "D")
    assert ways(made.units, "EH", "R") == {(place["ɛɹ"],)}
    assert ways(made.units, "T", "S") == {(place["ts"],)}
    assert made.unmapped == ["<unk>", "β", "y", "ɣ", "x", "ɬ"]


def test_posteriors_of_a_symbol_are_the_sums_of_its_tokens() -> None:
    made = make_phone_map(ESPEAK, 0)
    p = np.random.default_rng(0).dirichlet(np.ones(len(ESPEAK)), size=3)
    y = np.exp(made.posteriors(np.log(p)))
    np.testing.assert_allclose(y.sum(axis=1), 1)
    tokens = [i for i, token in enumerate(ESPEAK) if token in ("u", "uː")]
    np.testing.assert_allclose(y[:, made.symbol[tokens[0]]], p[:, tokens].sum(axis=1))


def test_diphthongs_and_affricates_are_written_in_parts_where_no_token_has_them() -> None:
    made = make_phone_map(LETTERS, 0)
    assert made.lacking == []
    place = {token: int(made.symbol[i]) for i, token in enumerate(LETTERS)}
    assert ways(made.units, "AY") == {(place["a"], place["ɪ"])}
    assert ways(made.units, "CH") == {(place["t"], place["ʃ"])}
    assert ways(made.units, "OW") == {(place["o"],), (place["o"], place["ʊ"])}
    assert ways(made.units, "ER") == {(place["ə"], place["ɹ"])}
    assert ways(make_phone_map(ESPEAK, 0).units, "CH") == {
        (int(make_phone_map(ESPEAK, 0).symbol[ESPEAK.index("tʃ")]),)
    }


def test_lines_of_ones_own_go_before(tmp_path: Path) -> None:
    own = tmp_path / "map.txt"
    own.write_text("ɬ L\nβ B\nβ V\nʔ -\nɹ other\nə AH\n")
    made = make_phone_map(ESPEAK, 0, own)
    place = {token: int(made.symbol[i]) for i, token in enumerate(ESPEAK)}
    assert place["ʔ"] == 0
    assert place["ɬ"] == place["l"]
    assert ways(made.units, "V") >= {(place["β"],), (place["v"],)}
    assert (place["ɹ"],) in ways(made.units, OTHER)
    # What is written down is read as the same map.
    write_phone_map(tmp_path / "again.txt", made)
    again = make_phone_map(ESPEAK, 0, tmp_path / "again.txt")
    assert again.lacking == made.lacking
    assert {u.phones for u in again.units} == {u.phones for u in made.units}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ə AH\nʃ XX", r"map\.txt:2: XX is no phone of the inventory \(AA AE"),
        ("ə", r"map\.txt:1: nothing is no phone"),
        ("Q K", r"map\.txt:1: the model has no token Q"),
    ],
)
def test_a_line_of_an_unknown_phone_or_token_is_named(
    line: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "map.txt").write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        make_phone_map(ESPEAK, 0, tmp_path / "map.txt")


def test_letters_of_words_are_no_sounds() -> None:
    with pytest.raises(InputError, match=r"do not write the phones .*not a model of speech sounds"):
        make_phone_map(["<pad>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"], 0)
    with pytest.raises(InputError, match="do not write the phones AE"):
        make_phone_map(["<pad>", "|", *"abcdefghijklmnopqrstuvwxyz"], 0)


def test_all_phones_of_the_arpabet_are_themselves() -> None:
    made = make_phone_map(["_", *(phone.lower() for phone in ARPABET)], 0)
    assert [unit.phones for unit in made.units] == [(phone,) for phone in ARPABET]
