from pyscorer.contract.phones import PHONES
from pyscorer.kaldi.lang_phones import PLAIN, POSITIONS

FIRST = "<eps> SIL SIL_B SIL_E SIL_I SIL_S SPN SPN_B SPN_E SPN_I SPN_S AA_B AA_E AA_I AA_S AE_B"


def test_plain_phones_are_those_of_the_corpus():
    assert PLAIN.symbols == PHONES and PLAIN.base == tuple(range(len(PHONES)))
    assert PLAIN.of_word(["B", "IY"]) == [PHONES.index("B"), PHONES.index("IY")]
    assert PLAIN.silence == [1, 2] and PLAIN.sets() == [[i] for i in range(1, len(PHONES))]
    assert not PLAIN.questions and not PLAIN.boundaries and not PLAIN.marked


def test_phones_by_place_are_numbered_as_prepare_lang_does():
    assert POSITIONS.symbols[:16] == tuple(FIRST.split())
    assert len(POSITIONS.symbols) == 1 + 2 * 5 + 39 * 4
    assert [PHONES[i] for i in POSITIONS.base[:12]] == ["<eps>"] + 5 * ["SIL"] + 5 * ["SPN"] + [
        "AA"
    ]
    assert POSITIONS.base[-1] == len(PHONES) - 1


def test_a_phone_is_marked_by_its_place_in_its_word():
    def marked(*phones: str) -> list[str]:
        return [POSITIONS.symbols[i] for i in POSITIONS.of_word(phones)]

    assert marked("AH") == ["AH_S"] and marked("SPN") == ["SPN_S"]
    assert marked("B", "IY") == ["B_B", "IY_E"]
    assert marked("B", "AE", "N", "D") == ["B_B", "AE_I", "N_I", "D_E"]


def test_places_of_a_phone_share_a_root_and_trees_may_ask_for_them():
    assert POSITIONS.sets()[:3] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14]]
    assert POSITIONS.silence == [*range(1, 11)]
    begin, end, internal, single, *noise = POSITIONS.questions
    assert [asked[0] for asked in (begin, end, internal, single)] == [11, 12, 13, 14]
    assert {len(asked) for asked in (begin, end, internal, single)} == {39}
    assert noise == [[1, 6], [2, 7], [3, 8], [4, 9], [5, 10]]
    places = dict(POSITIONS.boundaries)
    assert places[1] == "nonword" and places[2] == "begin" and places[12] == "end"
    assert places[13] == "internal" and places[14] == "singleton" and len(places) == 166
