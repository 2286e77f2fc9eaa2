"""What is asked in the spoken sample, what is accepted, and how its words are said."""

from pyscorer.corpora.sample_text import SENTENCES, STRESSED_LEXICON

_THINGS = (
    "A CUP OF TEA",
    "A GLASS OF MILK",
    "A BOWL OF SOUP",
    "SOME BREAD AND CHEESE",
    "A RED COAT",
    "A ROOM WITH A TABLE",
    "A TICKET FOR THE BUS",
    "A PAIR OF SHOES",
)
_PLACES = ("SCHOOL", "BANK", "HOTEL", "CHURCH", "RIVER", "STATION")

_ASKED_THING = ("I WOULD LIKE {}", "CAN I HAVE {} PLEASE", "I WANT {} PLEASE", "GIVE ME {} PLEASE",
                "COULD I HAVE {}")  # fmt: skip
_ASKED_PLACE = ("WHERE IS THE {}", "CAN YOU TELL ME WHERE THE {} IS", "HOW DO I GET TO THE {}",
                "I AM LOOKING FOR THE {}", "EXCUSE ME WHERE IS THE {}")  # fmt: skip

ACCEPTED: dict[str, tuple[str, ...]] = {
    f"Ask for {thing.lower()}.": tuple(form.format(thing) for form in _ASKED_THING)
    for thing in _THINGS
} | {
    f"Ask the way to the {place.lower()}.": tuple(form.format(place) for form in _ASKED_PLACE)
    for place in _PLACES
}
"""Prompt -> the responses that are accepted: the corpus's reference grammar."""

SMALL_WORDS = frozenset(
    ["A", "SOME", "OF", "THE", "IS", "TO", "FOR", "AM", "DO", "I", "ME", "WITH", "AND"]
)
"""Words that a learner leaves out."""
CONFUSED = {"HAVE": "HAS", "IS": "ARE", "WOULD": "WILL", "WANT": "WANTS", "GIVE": "GAVE",
            "LOOKING": "LOOK", "DO": "DOES", "A": "THE", "TELL": "SPEAK", "LIKE": "LIKES",
            "SHOES": "SHOE", "TO": "IN"}  # fmt: skip
"""Words that a learner takes for others."""

_WORDS = """
AM AE0 M
BOWL B OW1 L
EXCUSE IH0 K S K Y UW1 Z
GET G EH1 T
GLASS G L AE1 S
HOW HH AW1
LIKE L AY1 K
LOOKING L UH1 K IH0 NG
SHOE SH UW1
STATION S T EY1 SH AH0 N
TELL T EH1 L
TICKET T IH1 K AH0 T
WANT W AA1 N T
"""

STRESSED = STRESSED_LEXICON | {
    word: [tuple(phones)] for word, *phones in map(str.split, _WORDS.strip().splitlines())
}
"""Word -> pronunciations with stress digits; the first is the canonical one."""

READ_ALOUD = (*(text for texts in ACCEPTED.values() for text in texts), *SENTENCES)
"""What the native speakers say: every accepted response, and sentences that answer nothing."""
