"""The words of an English text, whatever hand wrote it: one rule for every stage.

Characters are made `plain`, sentence punctuation goes, figures and signs are spoken out. What has
more than one reading, or none, is refused by name: nothing is dropped in silence.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable

from pyscorer.contract.characters import fold, named, plain
from pyscorer.contract.files import shown
from pyscorer.errors import InputError
from pyscorer.lexicon.numerals import SAY, Options, read_figure

Spelling = Callable[[str], str | None]
"""A word as a lexicon spells it; None if the lexicon lacks it."""

_PUNCTUATION = '.,;:!?¡¿‽"()[]{}•·‣。、،؛؟।'
_MARK = re.compile(r"<[^\s<>]+>|\[[^\s\[\]]+\]|[*!][^\W\d]\w*")
"""What recognisers and transcribers write for what is no word: <unk>, [noise], !SIL, *z."""
_INITIALS = re.compile(r"(?:[a-z]\.){2,}(?!\w)|(?:[a-z]\.)+[a-z]\b(?!\.?\w)", re.IGNORECASE)
_SPLIT = re.compile(r"(?<=[^\W\d_])(?:' | ')(?=(?:t|s|re|ve|ll|d|m)\b(?!'))", re.IGNORECASE)
"""What tokenisers make of n't, 's and the like."""
_NO = re.compile(r"no\. ?[0-9]", re.IGNORECASE)
_ABBREVIATIONS: dict[str, Options] = {
    "mr": ("mister",),
    "mrs": ("missus",),
    "ms": ("miz",),
    "dr": ("doctor",),
    "prof": ("professor",),
    "vs": ("versus",),
    "etc": ("etcetera", "et cetera"),
}
_SHORT_AND = ("'n'", "'n", "n'")
_UNCLEAR = set(
    "approx ave blvd capt dept eg ft hr hrs ie jr lb lbs lt ltd mt oz pp rd sgt sr st".split()  # noqa: SIM905
)
"""Abbreviations that are read in several ways."""
_ABBREVIATED = _ABBREVIATIONS.keys() | _UNCLEAR


def english_words(text: str, spelling: Spelling, strict: bool = True) -> list[str]:
    """The words of `text` as they are said, each as `spelling` has it, else as it is written.

    What the lexicon has as it stands (O'CLOCK, T-SHIRT, U.S.A.) is one word; hyphens part all else.
    Marks of recognisers and transcribers (<unk>, [noise], *z) stay. Raises InputError for what
    cannot be read; where `strict` is false, as for a recogniser's transcripts, it stays as it
    stands.
    """
    text = _SPLIT.sub("'", re.sub("''+", "'", plain(text)))
    words: list[str] = []
    start = 0
    while start < len(text):
        end = text.find(" ", start) % (len(text) + 1)
        before = len(words)
        try:
            end = _read_token(text, start, end, words, spelling)
        except InputError as error:
            token = text[start:end]
            if strict:
                place = "" if str(error).startswith(named(token[0])) else f'"{shown(token)}": '
                raise InputError(f"{place}{error}") from None
            words[before:] = [token.strip(_PUNCTUATION) or token]
        start = end + text.startswith(" ", end)
    return words


def transcript_text(text: str) -> str:
    """A recogniser's transcript, or what is compared with one: small letters, hyphens as written.

    What cannot be read in one way stays as it stands.
    """
    return " ".join(english_words(text, _hyphenated, strict=False)).lower()


def same_word(one: str, two: str) -> bool:
    """Whether two ways to write a word are read alike."""
    if fold(one) == fold(two):
        return True
    try:
        readings = [[fold(w) for w in english_words(form, lambda _: None)] for form in (one, two)]
        return readings[0] == readings[1]
    except InputError:
        return False


def _hyphenated(word: str) -> str | None:
    parts = word.split("-")
    return word if len(parts) > 1 and all(p.strip("'").isalpha() for p in parts) else None


def lexicon_spelling(lexicon: Iterable[str]) -> Spelling:
    """How a lexicon spells words: the word itself, else the first that differs by case alone."""
    own = set(lexicon)
    folded = {fold(word): word for word in sorted(own, reverse=True)}
    return lambda word: word if word in own else folded.get(fold(word))


def _read_token(text: str, start: int, end: int, words: list[str], spelling: Spelling) -> int:
    """Add the words of the token at start..end; returns where reading ended, which may be later."""
    token = text[start:end]
    if _NO.match(text, start):
        raise InputError(f"the word no, or number? {SAY}")
    if token.isalpha() and token.lower() not in _ABBREVIATED:
        words.append(spelling(token) or token)
        return end
    mark = token.rstrip(".,;:!?")
    if _MARK.fullmatch(mark):
        words.append(spelling(mark) or mark)
        return end
    for form in (token, token.strip(_PUNCTUATION)):
        if known := spelling(form):
            words.append(known)
            return end
    while start < end:
        previous = words[-1].lower() if words else ""
        if initials := _INITIALS.match(text, start):
            words += _letters(initials[0], spelling)
            start = initials.end()
        elif figure := read_figure(text, start, previous):
            start, options = figure
            words += _choose(options, spelling)
        elif (stop := _word_end(text, start)) > start:
            words += _written(text[start:stop], spelling)
            start = stop
        else:
            _check_dropped(text, start)
            start += 1
    return start


def _word_end(text: str, start: int) -> int:
    """The end of the letters, apostrophes and single hyphens within words from `start` on."""
    if unicodedata.category(text[start])[0] == "M":
        raise InputError(f"{named(text[start])} stands on no letter: remove it")
    end = start
    while end < len(text) and _in_word(text, end) and text[start] != "-":
        end += 1
    if not any(map(str.isalpha, text[start:end])):
        return start
    if end < len(text) and text[end].isalnum():
        raise InputError(f"letters and figures in one word; {SAY}")
    return end


def _in_word(text: str, at: int) -> bool:
    character = text[at]
    if character == "-":
        around = text[at - 1 : at], text[at + 1 : at + 2]
        return at > 0 and all(c.isalpha() or c == "'" for c in around)
    return character.isalpha() or character == "'" or unicodedata.category(character)[0] == "M"


def _written(run: str, spelling: Spelling) -> list[str]:
    """The words of letters, apostrophes and hyphens."""
    word = run.strip("'")
    forms: Options = (run, run.lstrip("'"), run.rstrip("'"), word)
    if word.lower() == "n" and run != word:
        forms = _SHORT_AND
    if known := next(filter(None, map(spelling, forms)), None):
        return [known]
    parts = [part for part in re.split("-|(?<=[^'-])('n')(?=[^'-])", run, flags=re.I) if part]
    if len(parts) > 1:
        return [word for part in parts for word in _written(part, spelling)]
    if not word:
        return []
    if word.lower() in _UNCLEAR:
        raise InputError(f"an abbreviation that is read in several ways; {SAY}")
    if word.lower() in _ABBREVIATIONS:
        return _choose(_ABBREVIATIONS[word.lower()], spelling)
    return [_SHORT_AND[0] if forms == _SHORT_AND else word]


def _letters(initials: str, spelling: Spelling) -> list[str]:
    letters = initials.replace(".", "")
    if letters.lower() in _UNCLEAR:
        raise InputError(f"an abbreviation that is read in several ways; {SAY}")
    return _choose((" ".join(letters),), spelling)


def _choose(options: Options, spelling: Spelling) -> list[str]:
    """The option of which the lexicon has most words, else the first."""
    known = [[spelling(word) for word in option.split()] for option in options]
    best = max(range(len(options)), key=lambda k: sum(map(bool, known[k])))
    return [found or word for word, found in zip(options[best].split(), known[best], strict=True)]


def _check_dropped(text: str, at: int) -> None:
    """Raise InputError unless the character is punctuation that nobody says."""
    character = text[at]
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    lettered = before.isalpha(), after.isalpha()
    if character in "*_" and lettered in ((True, False), (False, True)):
        return  # emphasis
    if character == "." and all(lettered):
        if text[at - 3 : at].islower() and after.isupper():
            return  # the space after a sentence is missing
        raise InputError(f"a full stop within a word: put a space after it, or write dot; {SAY}")
    if character in "([" and before.isalnum():
        raise InputError(f"a bracket within a word; {SAY}")
    if character in "\"'" and before.isdigit() and not _opened(text, at):
        raise InputError(f"inches, feet or a quotation mark? {SAY}")
    bracket = unicodedata.category(character) in ("Ps", "Pe")
    if not bracket and character not in _PUNCTUATION and character not in "-'":
        raise InputError(f"{named(character)} is not read aloud in one way; {SAY}")


def _opened(text: str, at: int) -> bool:
    """Whether the quotation mark at `at` closes a quotation."""
    before = text[max(0, at - 2000) : at]
    if text[at] == '"':
        return before.count('"') % 2 == 1
    return re.search(r"(?<!\w)'", before) is not None
