"""Prompts that are read aloud: each is its own accepted response, a new one as well."""

from dataclasses import replace

from pyscorer.corpora.spoken_call import Grammar, PromptUnit
from pyscorer.lexicon.normalise import transcript_text
from pyscorer.proficiency.edits import candidates
from pyscorer.proficiency.encoders import Encoders
from pyscorer.proficiency.fbk import References
from pyscorer.proficiency.joined import UNKNOWN_RARITY


def read_aloud(grammar: Grammar) -> bool:
    """Whether every prompt of a grammar is the one accepted response to it."""
    return bool(grammar) and all(
        unit.responses == (transcript_text(prompt),) for prompt, unit in grammar.items()
    )


def with_prompt(encoders: Encoders, prompt: str) -> Encoders:
    """The encoders with one more prompt, which is its own accepted response.

    What was learnt from training responses stays as it is: how rare a word is among the prompts,
    too, and a new word is as rare as any that no prompt has.
    """
    text = transcript_text(prompt)
    words = tuple(text.split())
    known, parts = encoders.references, encoders.parts
    references = References(
        known.responses | {prompt: candidates([words])},
        known.words | {prompt: frozenset(words)},
        known.vocabulary | set(words),
    )
    of_prompts = replace(
        parts.words,
        share=parts.words.share | {prompt: dict.fromkeys(words, 1.0)},
        rarity=dict.fromkeys(words, UNKNOWN_RARITY) | parts.words.rarity,
    )
    return replace(
        encoders,
        grammar=encoders.grammar | {prompt: PromptUnit(text, (text,))},
        references=references,
        parts=replace(parts, words=of_prompts),
    )
