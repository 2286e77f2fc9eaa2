"""The phone inventory: the 39 stress-stripped ARPAbet phones, silence and the unknown word."""

SILENCE = "SIL"
UNKNOWN_PHONE = "SPN"
UNKNOWN_WORD = "<UNK>"
ARPABET = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH",
    "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH",
    "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The 39 stress-stripped ARPAbet phones, in the order of their ids."""
PHONES = ("<eps>", SILENCE, UNKNOWN_PHONE, *ARPABET)
"""Phone symbols by id, as in phones.txt: `<eps>` 0, SIL 1, SPN 2, then ARPABET from 3 on."""
PHONE_ID = {phone: index for index, phone in enumerate(PHONES)}

SPOKEN_PHONES = frozenset(ARPABET) | {UNKNOWN_PHONE}
"""Phones that a word can have."""

VOWELS = frozenset(
    ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
)  # fmt: skip


def strip_stress(phone: str) -> str:
    """`IY0` -> `IY`, also dropping a word-position suffix (`IY0_E` -> `IY`)."""
    return phone.partition("_")[0].rstrip("012")
