"""Figures and signs of an English text as they are said; those with several readings are refused.

Texts are `plain` (see contract.characters). Whoever reads numbers aloud knows what was said: a
guess that is wrong would be scored as the reader's mistake.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from num2words import num2words

from pyscorer.errors import InputError

SAY = "write it as it was said, in words"

_LONGEST = 15
"""Figures of a number that are still read as one."""
_MONTHS = "january february march april may june july august september october november december"
_MONTH_AFTER = re.compile(rf" (?:of )?(?:{_MONTHS.replace(' ', '|')})\b", re.IGNORECASE)
_BEFORE_YEARS = {
    *_MONTHS.split(),
    *"in since year circa early late mid spring summer autumn fall winter".split(),  # noqa: SIM905
}
_NUMBERED = {"bus", "channel", "flight", "gate", "highway", "platform", "room", "route"}
_YEARS = frozenset({*range(1010, 2000), *range(2010, 2100)})
"""Read otherwise where they are years: nineteen ninety nine."""
_MONEY = {
    "$": ("dollar", "dollars"),
    "£": ("pound", "pounds"),
    "€": ("euro", "euros"),
    "¥": ("yen", "yen"),
}
_UNITS = {
    "%": (("percent", "per cent"), ("percent", "per cent")),
    "°": (("degree",), ("degrees",)),
    "°c": (("degree celsius",), ("degrees celsius",)),
    "°f": (("degree fahrenheit",), ("degrees fahrenheit",)),
    "km": (("kilometer", "kilometre"), ("kilometers", "kilometres")),
    "cm": (("centimeter", "centimetre"), ("centimeters", "centimetres")),
    "mm": (("millimeter", "millimetre"), ("millimeters", "millimetres")),
    "kg": (("kilogram",), ("kilograms",)),
}
"""Of one, and of more."""
_FRACTIONS = {"½": "a half", "¼": "a quarter", "¾": "three quarters"}
_SIGNS = {"&": "and", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "@": "at"}

_NUMBER = r"(?=\.?[0-9])(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.(?P<part>[0-9]+))?"
_SIZE = r"(?: (?P<size>hundred|thousand|million|billion|trillion)\b)?"
_MINUS = r"(?P<minus>(?<![^\W_])-)?"
_HALF = r" ?(?P<half>[ap])\.?m\b\.?"
_ENDS = r"(?!\w|[%°$£€¥/\\^~#]|[,:][0-9]|['.]\w|-[0-9$£€¥])"
_NAME = r"[^\W\d_]{1,40}"
_UNCLEAR_UNIT = (
    r"(?= ?(?:m|g|l|s|h|k|ft|lbs?|oz|mins?|secs?|hrs?|mi|mg|ml|yds?|[mk]ph|[kmgt]b)\b| x [0-9])"
)

Options = tuple[str, ...]
"""Ways to write the same words, of which a lexicon has one."""
_Rule = Callable[[re.Match[str], str], Options]


def read_figure(text: str, start: int, previous: str) -> tuple[int, Options] | None:
    """What is said for the figure or sign at `start` of a plain text, and where it ends.

    `previous` is the word before. None if no figure or sign stands there. Raises InputError, to be
    completed with the token, for those that have several readings, or none that is known.
    """
    for pattern, rule in _RULES:
        if found := pattern.match(text, start):
            return found.end(), rule(found, previous)
    if text[start].isdigit():
        raise InputError(f"figures that are read in several ways; {SAY}")
    return None


def _unclear(reason: str) -> _Rule:
    def refuse(_: re.Match[str], __: str) -> Options:
        raise InputError(f"{reason}; {SAY}")

    return refuse


@lru_cache(maxsize=1024)
def _say(number: int, to: str = "cardinal") -> str:
    return " ".join(re.findall("[a-z]+", num2words(number, to=to)))


def _count(found: re.Match[str], previous: str = "", year: bool = False) -> str:
    """The words of `_NUMBER`, with its minus."""
    parts = found.groupdict()
    whole, part = parts["whole"], parts.get("part")
    digits = whole.replace(",", "")
    if len(digits) > _LONGEST or len(part or "") > _LONGEST:
        raise InputError(f"a number of more than {_LONGEST} figures; {SAY}")
    if len(digits) > 1 and digits.startswith("0"):
        raise InputError(f"a number that begins with 0 is read in several ways; {SAY}")
    words = ["minus"] if parts.get("minus") else []
    if digits and part is None and digits == whole and int(digits) in _YEARS:
        if not year and previous not in _BEFORE_YEARS:
            raise InputError(f"a year, or a number ({int(digits):,})? {SAY}")
        words.append(_say(int(digits), "year"))
    elif digits:
        words.append(_say(int(digits)))
    if part is not None:
        words += ["point", *(_say(int(digit)) for digit in part)]
    return " ".join(words)


def _number(found: re.Match[str], previous: str) -> Options:
    if previous in _NUMBERED and found["whole"].isdecimal() and int(found["whole"]) > 99:
        raise InputError(f"the number of a {previous} is read in several ways; {SAY}")
    if _MONTH_AFTER.match(found["after"]):
        raise InputError(f"a date is read in several ways (fifth of May, May five); {SAY}")
    if previous in _MONTHS.split() and found["whole"].isdecimal() and int(found["whole"]) <= 31:
        raise InputError(f"a date is read in several ways (May fifth, May five); {SAY}")
    return (_count(found, previous),)


def _money(found: re.Match[str], _: str) -> Options:
    if found["part"] and not found["size"]:
        raise InputError(f"an amount such as 5.50 is read in several ways; {SAY}")
    one, more = _MONEY[found["sign"]]
    if found["size"]:
        return (f"{_count(found)} {found['size'].lower()} {more}",)
    return (f"{_count(found)} {one if found['whole'] == '1' else more}",)


def _quantity(found: re.Match[str], _: str) -> Options:
    one, more = _UNITS[found["unit"].lower().replace(" ", "")]
    units = one if found["whole"] == "1" and not found["part"] else more
    return tuple(f"{_count(found)} {unit}" for unit in units)


def _time(found: re.Match[str], _: str) -> Options:
    hour, minute, half = int(found["hour"]), found["minute"], found["half"]
    if hour == 0 or (hour > 12 and (half or minute == "00")):
        raise InputError(f"this time is read in several ways; {SAY}")
    words = [_say(hour)]
    if minute and minute != "00":
        words += ["oh"] * (minute[0] == "0") + [_say(int(minute))]
    if half:
        # Not "am", which a lexicon has as another word.
        return tuple(" ".join([*words, m]) for m in (f"{half} m".lower(), f"{half}.m.".lower()))
    return (" ".join([*words, "o'clock"] if minute == "00" else words),)


def _ordinal(found: re.Match[str], _: str) -> Options:
    digits = found["whole"].replace(",", "")
    if len(digits) > _LONGEST or digits.startswith("0"):
        raise InputError(f"no ordinal number; {SAY}")
    number = int(digits)
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    if found["ending"].lower() != ending:
        raise InputError(f"the ordinal is written {digits}{ending}; {SAY}")
    return (_say(number, "ordinal"),)


def _range(found: re.Match[str], _: str) -> Options:
    low, high = int(found["low"]), int(found["high"])
    years = low in _YEARS and high in _YEARS
    if low >= high or (not years and (low > 999 or high > 999)):
        raise InputError(f"a range, or something else? {SAY}")
    said = " to ".join(_say(n, "year" if years else "cardinal") for n in (low, high))
    return tuple(f"{said} {unit}" for unit in _UNITS["%"][1]) if found["percent"] else (said,)


def _address(found: re.Match[str], _: str) -> Options:
    return (found[0].replace(".", " dot ").replace("@", " at "),)


def _rules() -> Iterator[tuple[re.Pattern[str], _Rule]]:
    for pattern, rule in (
        (rf"(?P<sign>[$£€¥]) ?{_NUMBER}{_SIZE}{_ENDS}", _money),
        (rf"{_NUMBER}{_SIZE} ?(?P<sign>[$£€¥]){_ENDS}", _money),
        (rf"(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?:{_HALF})?{_ENDS}", _time),
        (rf"(?P<hour>1[0-2]|[1-9])(?P<minute>){_HALF}{_ENDS}", _time),
        (r"(?P<whole>[0-9]+(?:,[0-9]{3})*)(?P<ending>st|nd|rd|th)\b", _ordinal),
        (
            r"(?P<whole>[0-9]+) ?(?P<fraction>[½¼¾])(?!\w)",
            lambda found, _: (f"{_count(found)} and {_FRACTIONS[found['fraction']]}",),
        ),
        (rf"(?P<low>[0-9]{{1,4}})-(?P<high>[0-9]{{1,4}})(?P<percent> ?%)?{_ENDS}", _range),
        (rf"{_MINUS}{_NUMBER} ?(?P<unit>%|° ?[CF]\b|°|[kcm]m\b|kg\b){_ENDS}", _quantity),
        (rf"# ?{_NUMBER}{_ENDS}", lambda found, _: (f"number {_count(found)}",)),
        (rf"{_NUMBER}{_UNCLEAR_UNIT}", _unclear("the unit is read in several ways")),
        (r"(?<=[0-9%°½¼¾] )-(?= [0-9$£€¥-])", _unclear("minus, to, or a dash?")),
        (rf"{_MINUS}{_NUMBER}{_ENDS}(?=(?P<after>.{{,20}}))", _number),
        (r"'[0-9]{2}(?!['0-9])", _unclear("the figures are cut short")),
        (r"&(?:#x?[0-9a-f]+|[a-z]+);", _unclear("HTML's code of a character")),
        (rf"{_NAME}(?:\.{_NAME}){{,5}}@{_NAME}(?:\.{_NAME}){{1,5}}(?!\w)", _address),
        (
            r"(?<![^\s\d])(?P<sign>[+=×÷])(?![^\s\d])|(?<![&@])(?P<other>[&@])(?![&@])",
            lambda found, _: (_SIGNS[found["sign"] or found["other"]],),
        ),
    ):
        yield re.compile(pattern, re.IGNORECASE), rule


_RULES = tuple(_rules())
