"""A grammar of accepted responses: the task's XML, or a table that a spreadsheet writes."""

from pathlib import Path

from pyscorer.contract.characters import plain
from pyscorer.contract.tables import read_rows
from pyscorer.corpora.spoken_call import Grammar, PromptUnit, read_grammar, translation_words
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.normalise import transcript_text

TABLES = (".csv", ".tsv")
COLUMNS = ("prompt", "response")


def read_any_grammar(path: Path) -> Grammar:
    """Read a table (`TABLES`, by the name's ending), or else the task's XML."""
    return read_grammar_table(path) if path.suffix.lower() in TABLES else read_grammar(path)


def read_grammar_table(path: Path) -> Grammar:
    """Read a line an accepted response: `prompt`, `response` and, if the table has it,
    `translation` (of the prompt into the language of the responses; its first one counts).

    Raises InputError naming the line without prompt or response, and for an empty table.
    """
    translations: dict[str, str] = {}
    responses: dict[str, dict[str, None]] = {}
    for line, row in read_rows(path, COLUMNS):
        with naming(f"{path}:{line}"):
            prompt, response = plain(row["prompt"]), transcript_text(row["response"])
            translation = translation_words(row.get("translation", ""))
            if not prompt or not response:
                raise InputError(f"no {'response' if prompt else 'prompt'}: fill it in")
        if translation:
            translations.setdefault(prompt, translation)
        responses.setdefault(prompt, {})[response] = None
    if not responses:
        raise InputError(f"{path}: no accepted response: a line a prompt and response is expected")
    return {
        prompt: PromptUnit(translations.get(prompt, transcript_text(prompt)), tuple(sorted(found)))
        for prompt, found in responses.items()
    }
