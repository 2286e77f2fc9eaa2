"""The reader of the Spoken CALL files: official layouts, and every fault by file and line."""

import pytest

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.corpora.spoken_call import (
    missing_prompts,
    read,
    read_grammar,
    read_responses,
    translation_words,
    write_grammar,
)
from pyscorer.errors import InputError
from pyscorer.proficiency.response_file import read_response_file, write_response_file

HEADER = '"Id"\t"Prompt"\t"RecResult"\t"language"\t"meaning"\n'
ROW = '"{}"\t"Frag: Tee"\t"a  Tea"\t"{}"\t"{}"\n'


def write(tmp_path, text, name="responses.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_training_layout_gives_classes_and_normalised_transcripts(tmp_path):
    values = [("correct", "correct"), ("correct", "incorrect"), ("incorrect", "correct")]
    rows = "".join(ROW.format(i, *v) for i, v in enumerate([*values, ("incorrect", "incorrect")]))
    found = read_responses(write(tmp_path, HEADER + rows))
    assert [r.label for r in found] == [0, 1, 2, 3]
    assert found[0].pair == ("Frag: Tee", "a tea")


def test_test_layout_and_human_transcripts_are_not_read(tmp_path):
    text = (
        '"Id"\t"Prompt"\t"RecResult"\t"Transcription"\t"FullyAcceptable"\t"MeaningAcceptable"\n'
        '"1"\t"P"\t""\t"what was said"\t"incorrect"\t"correct"\n'
        '"2"\t"P"\t"a ""b"""\t"x"\t"correct"\t"correct"\n'
    )
    found = read_responses(write(tmp_path, text))
    assert [(r.recognised, r.label) for r in found] == [("", 2), ("a b", 0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace('"RecResult"\t', ""), r":1: missing column: RecResult"),
        (HEADER.replace("language", "l"), r":1: missing column: language and meaning"),
        (HEADER + '"1"\t"P\t"a"\t"correct"\t"correct"\n', r":2: wrong quoting"),
        (HEADER + '"1"\t"P"\t"a\n"2"\t"P"\t"b"\t"correct"\t"correct"\n', r":2: "),
        (HEADER + '"1"\t"P"\t"a"\t"correct"\n', r":2: 4 fields where the header has 5"),
        (HEADER + ROW.format(1, "correct", "correct") + HEADER, r":3: a second header line"),
        (HEADER + ROW.format(1, "correct", "yes"), r":2: meaning is 'yes'"),
        (HEADER + ROW.format(1, "correct", "correct") * 2, r":3: id 1 already stands in line 2"),
        (HEADER + ROW.format("", "correct", "correct"), r":2: empty id"),
        (HEADER, r"no responses"),
        ("", r":1: missing column"),
    ],
)
def test_faults_are_named_by_file_and_line(tmp_path, text, message):
    with pytest.raises(
        InputError, match=r"responses\.csv" + ("" if message[0] == ":" else ": ") + message
    ):
        read_responses(write(tmp_path, text))


def test_contradictory_test_labels_and_missing_files(tmp_path):
    text = '"Id"\t"Prompt"\t"RecResult"\t"FullyAcceptable"\t"MeaningAcceptable"\n'
    with pytest.raises(InputError, match=":2: fully acceptable, yet incorrect in meaning"):
        read_responses(write(tmp_path, text + '"1"\t"P"\t"a"\t"correct"\t"incorrect"\n'))
    with pytest.raises(InputError, match="no such file"):
        read_responses(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="prepare_responses"):
        read(tmp_path, "train")


UNIT = (
    "<prompt_unit><prompt>{}</prompt>"
    "<translated_prompt>Ask for: (a | one) ?tea</translated_prompt>{}</prompt_unit>"
)


def test_grammar_merges_units_of_a_prompt(tmp_path):
    first = UNIT.format("P", "<response>a tea</response>")
    second = UNIT.format("P", "<response>One  tea</response>")
    grammar = read_grammar(write(tmp_path, f"<grammar>{first}{second}</grammar>", "g.xml"))
    assert grammar["P"].responses == ("a tea", "one tea")
    assert grammar["P"].translation == "ask for a one tea"
    write_grammar(tmp_path / "again.xml", grammar)
    assert read_grammar(tmp_path / "again.xml") == grammar


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<grammar><prompt_unit></grammar>", r"g\.xml:1: not well-formed"),
        ("<grammar/>", "no prompt_unit"),
        (f"<grammar>{UNIT.format('', '<response>a</response>')}</grammar>", "unit 1 has no prompt"),
        (f"<grammar>{UNIT.format('P', '')}</grammar>", r"unit 1 \(P\) accepts no response"),
    ],
)
def test_grammar_faults(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_grammar(write(tmp_path, text, "g.xml"))


def test_translations_lose_the_marks_of_alternatives():
    assert translation_words("Ask for: (a | the) ?t-shirt?") == "ask for a the t-shirt"


def test_real_files_have_the_published_counts(corpora, tmp_path):
    folder = corpora / "spoken_call"
    train = read_responses(folder / "scst_train.csv")
    test = read_responses(folder / "scst2_test_annotated.csv")
    grammar = read_grammar(folder / "referenceGrammar_v3.0.0.xml")
    assert (len(train), len(test), len(grammar)) == (12616, 1000, 487)
    assert [sum(r.label == c for r in test) for c in range(4)] == [750, 0, 139, 111]
    assert not missing_prompts(train + test, grammar)
    write_response_file(tmp_path / "again.csv", train, LANGUAGE_MEANING)
    assert read_response_file(tmp_path / "again.csv", LANGUAGE_MEANING) == train
