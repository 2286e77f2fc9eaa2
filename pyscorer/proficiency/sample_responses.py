"""A small generated prompt-response corpus, so that every stage runs where no data is at hand.

It has the shape of the Spoken CALL task (German prompts, English answers, recogniser-like errors)
and none of its difficulty: figures measured on it mean nothing.
"""

import numpy as np

from pyscorer.corpora.spoken_call import Grammar, PromptUnit, Response

_THINGS = {
    "einen Tee": "tea",
    "einen Kaffee": "coffee",
    "eine Suppe": "soup",
    "einen Apfel": "apple",
    "ein Zimmer": "room",
    "einen Stadtplan": "map",
    "eine Fahrkarte": "ticket",
    "ein Glas Milch": "glass of milk",
    "einen Regenschirm": "umbrella",
    "ein Brot": "loaf of bread",
}
_PLACES = {"Bahnhof": "station", "Museum": "museum", "Strand": "beach", "Bank": "bank"}
_HEARD = {"tea": "tree", "room": "broom", "map": "nap", "the": "a", "station": "nation"}


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def sample_grammar() -> Grammar:
    """Fourteen prompts with four to six accepted responses each."""
    grammar = {}
    for german, noun in _THINGS.items():
        phrase = f"{_article(noun)} {noun}"
        starts = ("i would like", "i want", "can i have", "could i have")
        responses = [f"{s} {phrase}" for s in starts] + [f"{phrase} please"]
        grammar[f"Frag: {german}"] = PromptUnit(f"ask for {phrase}", tuple(sorted(responses)))
    for german, noun in _PLACES.items():
        responses = [f"where is the {noun}", f"can you tell me where the {noun} is"]
        responses += [f"where can i find the {noun}", f"how do i get to the {noun}"]
        unit = PromptUnit(f"ask where is the {noun}", tuple(sorted(responses)))
        grammar[f"Frag: Wo ist: {german}"] = unit
    return grammar


def _spoil(words: list[str], rng: np.random.Generator) -> list[str]:
    """A language error: a small word left out, doubled, or two neighbours swapped."""
    at = int(rng.integers(len(words) - 1))
    kind = int(rng.integers(3))
    if kind == 0:
        return words[:at] + words[at + 1 :]
    if kind == 1:
        return [*words[: at + 1], words[at], *words[at + 1 :]]
    return [*words[:at], words[at + 1], words[at], *words[at + 2 :]]


def make_sample(
    seed: int, n_train: int = 400, n_test: int = 100
) -> tuple[list[Response], list[Response], Grammar]:
    """Training rows, test rows and grammar; the same for the same seed.

    65 % of the answers are right, 20 % have a language error, 15 % answer another prompt or
    nothing; one word in twenty is misheard afterwards.
    """
    rng = np.random.default_rng(seed)
    grammar = sample_grammar()
    prompts = list(grammar)
    rows = []
    for i in range(n_train + n_test):
        prompt = prompts[int(rng.integers(len(prompts)))]
        label = int(rng.choice([0, 2, 3], p=[0.65, 0.20, 0.15]))
        source = prompt
        if label == 3:
            source = prompts[
                (prompts.index(prompt) + 1 + int(rng.integers(len(prompts) - 1))) % len(prompts)
            ]
        accepted = grammar[source].responses
        words = accepted[int(rng.integers(len(accepted)))].split()
        if label == 2:
            words = _spoil(words, rng)
        if label == 3 and rng.random() < 0.1:
            words = []
        heard = [_HEARD.get(w, w) if rng.random() < 0.05 else w for w in words]
        rows.append(Response(f"sample-{i:04d}", prompt, " ".join(heard), label))
    return rows[:n_train], rows[n_train:], grammar
