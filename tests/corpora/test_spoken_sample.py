"""The spoken sample: what is wrong with an answer is what was put into it, and makes its class."""

import csv

import numpy as np
import pytest

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.contract.datadir import read_data_dir
from pyscorer.corpora.manifests import MANIFESTS, load_manifest
from pyscorer.corpora.spoken_sample import (
    LEAST_WRONG,
    REASONS,
    generate,
    plan_all,
    read,
    spoil,
    wrong_share,
)
from pyscorer.corpora.spoken_sample_text import ACCEPTED, CONFUSED, READ_ALOUD, STRESSED
from pyscorer.corpora.synthesis import SampleOptions

SMALL = SampleOptions(speakers=12, natives=1, utterances=2, seed=3)
SPLITS = ("train", "test", "native")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora") / "spoken_sample"
    generate(folder, SMALL, jobs=2)
    return folder


def rows(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def all_answers():
    return [a for said in plan_all(SampleOptions()) for a in said]


def text(answer):
    return " ".join(word.word for word in answer.spoken.words)


def test_the_lexicon_holds_every_word():
    spoken = {w for line in READ_ALOUD for w in line.split()} | set(CONFUSED.values())
    assert spoken <= set(STRESSED)


def test_no_response_is_accepted_for_two_prompts():
    responses = [response for accepted in ACCEPTED.values() for response in accepted]
    assert len(responses) == len(set(responses)) >= 5 * len(ACCEPTED)


def test_the_default_corpus_has_all_that_the_experts_are_to_tell_apart():
    answers = [a for a in all_answers() if a.reason]
    for split, speakers in (("train", 24), ("test", 12)):
        own = [a for a in answers if a.spoken.speaker.split == split]
        assert len({a.spoken.speaker.name for a in own}) == speakers
        counts = {reason: sum(a.reason == reason for a in own) for reason in REASONS}
        assert min(counts.values()) >= 8, counts
        assert 0.35 < counts["right"] / len(own) < 0.55
        assert {a.prompt for a in own} == set(ACCEPTED)


def test_the_reason_says_what_was_said():
    """By words: right, mispronounced and broken-off answers are accepted responses."""
    everywhere = {response for accepted in ACCEPTED.values() for response in accepted}
    for answer in (a for a in all_answers() if a.reason):
        accepted = text(answer) in ACCEPTED[answer.prompt]
        assert accepted == (answer.reason in ("right", "mispronounced", "broken off"))
        assert (text(answer) in everywhere) == ("grammar" not in answer.reason)


def test_the_reason_says_how_it_sounded():
    shares = {reason: [] for reason in REASONS}
    for answer in (a for a in all_answers() if a.reason):
        shares[answer.reason].append(wrong_share(answer.spoken.words))
        last = answer.spoken.words[-1].said
        assert (last[-1] == ()) >= (answer.reason == "broken off" and len(last) > 1)
        assert last[0] or answer.reason == "mispronounced"
    assert min(shares["mispronounced"]) >= LEAST_WRONG
    assert max(shares["right"]) < LEAST_WRONG
    assert np.mean(shares["right"]) < 0.02


def test_an_error_of_grammar_keeps_the_last_word():
    generator = np.random.default_rng(0)
    for response in READ_ALOUD:
        words = response.split()
        for _ in range(5):
            spoilt = spoil(words, generator)
            assert len(words) - len(spoilt) in (0, 1)
            assert spoilt[-1] in (words[-1], CONFUSED.get(words[-1]))


def test_native_speakers_read_everything_without_a_mistake():
    natives = [a for a in all_answers() if a.reason is None]
    assert {text(a) for a in natives} == set(READ_ALOUD)
    assert not any(wrong_share(a.spoken.words) for a in natives)
    assert all(a.prompt is None for a in natives)


def test_learners_have_prompts_and_classes_but_no_text(corpus):
    truth = {row["utterance"]: row for row in rows(corpus / "truth.csv")}
    speakers = []
    for split in ("train", "test"):
        part = read(corpus, split)
        assert not (corpus / split / "text").exists()
        assert part.classes == LANGUAGE_MEANING
        assert set(part.response_labels) == set(part.data.utterances)
        for key, utterance in part.data.utterances.items():
            assert utterance.prompt in ACCEPTED and not utterance.words
            assert part.response_labels[key] == REASONS[truth[key]["reason"]][1]
            assert utterance.audio.is_file()
        speakers.append({u.speaker for u in part.data.utterances.values()})
    native = read(corpus, "native")
    speakers.append({u.speaker for u in native.data.utterances.values()})
    assert all(u.words for u in native.data.utterances.values()) and native.classes is None
    assert not (speakers[0] & speakers[1] or speakers[0] & speakers[2] or speakers[1] & speakers[2])


def test_the_grammar_is_a_table(corpus):
    found = [(row["prompt"], row["response"].upper()) for row in rows(corpus / "grammar.csv")]
    assert found == [(p, response) for p, accepted in ACCEPTED.items() for response in accepted]


def test_the_manifest_names_what_is_there(corpus):
    manifest = load_manifest("spoken_sample", MANIFESTS)
    assert not manifest.missing(corpus.parent)
    assert set(manifest.splits) == set(SPLITS)


def test_the_same_seed_gives_the_same_files_whatever_the_number_of_processes(corpus, tmp_path):
    generate(tmp_path / "again", SMALL, jobs=1)
    files = sorted(p.relative_to(corpus) for p in corpus.rglob("*") if p.is_file())
    assert len(files) > 26
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (corpus / file).read_bytes(), file


def test_what_was_generated_is_a_data_directory(corpus):
    for split in SPLITS:
        assert read_data_dir(corpus / split).utterances
