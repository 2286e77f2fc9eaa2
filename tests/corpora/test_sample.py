"""The sample corpus: what is introduced is what is written down, and what is scored."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from pyscorer.contract.phones import ARPABET, strip_stress
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.corpora.mispronunciation import (
    RULES,
    Delivery,
    SpokenWord,
    omit,
    speak_word,
    utterance_scores,
    word_scores,
)
from pyscorer.corpora.sample import generate, plan_speaker, read
from pyscorer.corpora.sample_text import SENTENCES, STRESSED_LEXICON
from pyscorer.corpora.synthesis import SampleOptions, is_generated, make_speakers
from pyscorer.errors import InputError
from pyscorer.lexicon.espeak import Voice, mnemonics, synthesise

SMALL = SampleOptions(speakers=12, natives=2, utterances=2, seed=5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora") / "sample"
    generate(folder, SMALL, jobs=2)
    return folder


def test_the_lexicon_holds_all_words_and_all_39_phones():
    words = {w for s in SENTENCES for w in s.split()}
    assert words == set(STRESSED_LEXICON)
    phones = {strip_stress(p) for v in STRESSED_LEXICON.values() for x in v for p in x}
    assert phones == set(ARPABET)
    assert len(set(SENTENCES)) >= 60
    assert all(3 <= len(s.split()) <= 10 for s in SENTENCES)


def test_default_speakers_are_balanced_and_both_splits_hold_all_skills():
    speakers = make_speakers(SampleOptions())
    assert len(speakers) >= 24
    assert len({s.voice for s in speakers}) == len(speakers)
    for split in ("train", "test"):
        group = [s for s in speakers if s.split == split]
        assert sum(s.gender == "f" for s in group) == len(group) / 2
        assert sum(SPEECHOCEAN.age_group(str(s.age)) == "child" for s in group) == len(group) / 2
        assert min(s.skill for s in group) < 0.1 and max(s.skill for s in group) > 0.9


def test_natives_make_no_mistakes_and_are_not_scored(corpus):
    part = read(corpus, "native")
    assert len(part.data.utterances) == SMALL.natives * SMALL.utterances and not part.labels
    learners = set(read(corpus, "train").data.speakers) | set(read(corpus, "test").data.speakers)
    assert not learners & set(part.data.speakers)
    speakers = [s for s in make_speakers(SMALL) if s.split == "native"]
    for utterance in (u for s in speakers for u in plan_speaker(s, SMALL)):
        assert all(
            word.said == tuple((p,) for p in word.canonical) for word in utterance.spoken.words
        )
        assert not any(utterance.spoken.delivery.pauses)


def test_a_perfect_speaker_makes_no_mistakes():
    generator = np.random.default_rng(0)
    habit = np.ones(len(RULES))
    for word, variants in STRESSED_LEXICON.items():
        spoken = speak_word(word, variants[0], 1.0, habit, generator)
        assert spoken.said == tuple((p,) for p in spoken.canonical)
        assert set(spoken.accuracies) == {2.0} and spoken.stress_right


def test_a_rule_is_the_only_way_to_say_something_else():
    allowed = {(r.phone, r.said): r for r in RULES}
    generator = np.random.default_rng(1)
    changed = 0
    for _ in range(20):
        spoken = speak_word("BREATHE", ("B", "R", "IY1", "DH"), 0.0, np.ones(len(RULES)), generator)
        for position, (phone, said) in enumerate(zip(spoken.canonical, spoken.said, strict=True)):
            if said != (phone,):
                rule = allowed[phone, said]
                assert spoken.accuracies[position] == rule.accuracy < 2
                assert not rule.final or position == 3
                changed += 1
    assert changed > 5


def test_scores_by_hand():
    right = SpokenWord("BOY", ("B", "OY"), (("B",), ("OY",)), (2.0, 2.0), 1, True)
    wrong = SpokenWord(
        "THIN", ("TH", "IH", "N"), (("S",), ("IY",), ("N",)), (0.8, 1.0, 2.0), 1, True
    )
    assert word_scores(right) == {"accuracy": 10, "stress": 10, "total": 10}
    # 5 * (0.8 + 1 + 2) / 3 = 6.33; 0.8 * 6 + 2 = 6.8
    assert word_scores(wrong) == {"accuracy": 6, "stress": 10, "total": 7}
    assert word_scores(omit(right)) == {"accuracy": 0, "stress": 10, "total": 0}
    scores = utterance_scores([right, wrong], Delivery(130, 55, (0.35,)))
    # lost = 1 - 7.8 / 5 / 2 = 0.22
    assert scores["accuracy"] == pytest.approx(10 * (1 - 3 * 0.22))
    assert scores["completeness"] == 10
    assert scores["fluency"] == pytest.approx(2 + 4 * 0.5 + 4 * 0.5)
    assert scores["prosodic"] == pytest.approx(10)
    assert scores["total"] == pytest.approx(0.5 * 3.4 + 0.25 * 6 + 1.5 + 1)


def test_notation_keeps_neighbours_apart_and_marks_stress():
    assert mnemonics(["T", "SH", "AH"], 2) == "t|S|'V"
    assert mnemonics(["AH", "B", "AW", "T"], 2) == "@|b|'aU|t"


def test_a_substitution_changes_the_sound():
    voice = Voice("en-us", 50, 1.0)
    think = synthesise(voice, [mnemonics(["TH", "IH", "NG", "K"], 1)], 120, 50)
    link = synthesise(voice, [mnemonics(["L", "IH", "NG", "K"], 1)], 120, 50)
    assert 0.15 < len(think) / 16000 < 1.5
    # L is voiced, TH is not: far more energy in the first 30 ms.
    assert np.square(link[:480]).sum() > 5 * np.square(think[:480]).sum()
    slow = synthesise(voice, [mnemonics(["TH", "IH", "NG", "K"], 1)], 85, 50)
    assert len(slow) > 1.2 * len(think)


def test_the_corpus_has_disjoint_speakers_and_playable_audio(corpus):
    train, test = read(corpus, "train"), read(corpus, "test")
    speakers = [{u.speaker for u in p.data.utterances.values()} for p in (train, test)]
    assert [len(s) for s in speakers] == [8, 4] and not speakers[0] & speakers[1]
    for utterance in (*train.data.utterances.values(), *test.data.utterances.values()):
        info = soundfile.info(utterance.audio)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        samples, _ = soundfile.read(utterance.audio)
        assert 0.1 < np.abs(samples).max() < 0.7
        # Both ends are quiet for 0.2 s: noise alone.
        assert np.abs(samples[:3000]).max() < 0.2 * np.abs(samples).max()
        assert np.abs(samples[-3000:]).max() < 0.2 * np.abs(samples).max()


def test_truth_names_exactly_the_phones_that_scored_below_2(corpus):
    truth = pd.read_csv(corpus / "truth.csv", keep_default_na=False)
    phones = pd.concat([read(corpus, s).labels["phone"] for s in ("train", "test")])
    low = phones[phones["accuracy"] < 2]
    place = ["utterance", "word_index", "phone_index"]
    assert set(map(tuple, truth[place].to_numpy())) == set(map(tuple, low[place].to_numpy()))
    assert len(truth) > 0
    assert (truth["canonical"] != truth["said"]).all()


def test_labels_cover_every_utterance_word_and_phone(corpus):
    part = read(corpus, "train")
    utterances = part.data.utterances
    assert set(part.labels["utterance"]["utterance"]) == set(utterances)
    assert len(part.labels["rater"]) == 5 * len(utterances)
    assert len(part.labels["word"]) == sum(len(u.words) for u in utterances.values())
    phones = sum(len(w) for u in utterances.values() for w in u.canonical)
    assert len(part.labels["phone"]) == phones
    for utterance in utterances.values():
        for word, canonical in zip(utterance.words, utterance.canonical, strict=True):
            assert canonical == part.lexicon[word][0]


def test_the_same_seed_gives_the_same_files_whatever_the_number_of_processes(corpus, tmp_path):
    generate(tmp_path / "again", SMALL, jobs=1)
    files = sorted(p.relative_to(corpus) for p in corpus.rglob("*") if p.is_file())
    assert len(files) > 24
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (corpus / file).read_bytes(), file


def test_another_seed_gives_another_corpus():
    first, second = (
        plan_speaker(make_speakers(o)[0], o) for o in (SMALL, SampleOptions(12, 2, 2, seed=6))
    )
    assert [u.spoken.words for u in first] != [u.spoken.words for u in second]


def test_human_raters_agree_but_not_fully():
    options = SampleOptions()
    planned = [u for s in make_speakers(options) for u in plan_speaker(s, options)]
    totals = np.array([[r["total"] for r in u.raters] for u in planned])
    one, others = totals[:, 0], totals[:, 1:].mean(axis=1)
    assert 0.7 < np.corrcoef(one, others)[0, 1] < 0.97


def test_it_is_taken_as_generated_only_with_the_same_options(corpus, tmp_path):
    assert is_generated(corpus, SMALL)
    assert not is_generated(corpus, SampleOptions())
    assert not is_generated(tmp_path, SMALL)


def test_too_few_speakers_are_refused(tmp_path):
    with pytest.raises(InputError, match="both splits need 12"):
        generate(tmp_path / "x", SampleOptions(speakers=3))
