"""Letters of the IPA as phones of the inventory."""

import pytest

from pyscorer.contract.phones import ARPABET
from pyscorer.lexicon.ipa import is_arpabet, is_whole, phones_of


@pytest.mark.parametrize(
    ("token", "phones"),
    [
        ("ʃ", ["SH"]),
        ("g", ["G"]),
        ("ɡ", ["G"]),
        ("iː", ["IY"]),  # long
        ("ˈæ", ["AE"]),  # stressed
        ("tʰ", ["T"]),  # aspirated
        ("t͡ʃ", ["CH"]),  # tied
        ("tʃ", ["CH"]),
        ("oʊ", ["OW"]),
        ("ɔ̃", ["AO"]),  # nasal
        ("ɜ˞", ["ER"]),
        ("ɚ", ["ER"]),
        ("ç", ["HH"]),  # a letter of its own, no C with a cedilla
        ("i5", ["IY"]),  # a tone
        ("ɾ", ["D", "T"]),  # either
        ("n̩", ["AH N"]),
        ("ɛɹ", ["EH R"]),  # two letters
        ("aɪɚ", ["AY ER"]),
        ("ts", ["T S"]),
        ("ju", ["Y UW"]),
        ("ː", [""]),
        ("|", [""]),
        ("<pad>", [""]),
        ("<wb>", [""]),
        ("[PAD]", [""]),
        ("▁", [""]),
        (",", [""]),
        ("", [""]),
        ("²", [""]),
    ],
)
def test_what_a_token_stands_for(token: str, phones: list[str]) -> None:
    assert phones_of(token) == tuple(tuple(one.split()) for one in phones)


@pytest.mark.parametrize("token", ["<unk>", "[UNK]", "ɬ", "χ", "不", "ʘ", "aɬ", "E"])
def test_a_sound_that_no_phone_is(token: str) -> None:
    assert phones_of(token) is None


def test_names_of_the_arpabet_with_stress_in_any_case() -> None:
    tokens = [phone.lower() for phone in ARPABET] + ["ih0", "ax", "dx", "dcl", "SIL", "?"]
    assert is_arpabet(tokens) and not is_arpabet(["a", "b", "ʃ"])
    found = {token: phones_of(token, arpabet=True) for token in tokens}
    assert all(found[phone.lower()] == ((phone,),) for phone in ARPABET)
    assert found["ih0"] == (("IH",),) and found["ax"] == (("AH",),)
    assert found["dx"] == (("T",), ("D",))
    assert found["dcl"] == found["SIL"] == ((),)
    assert found["?"] is None


def test_a_vowel_by_itself_may_begin_a_diphthong() -> None:
    assert [is_whole(token) for token in ("e", "oː", "ẽ", "eɪ", "ə")] == [False] * 3 + [True] * 2
