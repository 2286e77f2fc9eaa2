"""Evidence features and trees on cases worked out by hand."""

import math

import numpy as np
import pytest

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.corpora.spoken_call import PromptUnit
from pyscorer.proficiency import fbk, joined
from pyscorer.proficiency import tree_expert as trees
from pyscorer.proficiency.edits import closest
from pyscorer.proficiency.pairs import TrainingItems

GRAMMAR = {
    "tea": PromptUnit("ask for a tea", ("i want a tea", "a tea please")),
    "map": PromptUnit("ask for a map", ("i want a map",)),
}


NAMES = joined.names(LANGUAGE_MEANING)[len(joined.WORDS) :]


def model():
    references = fbk.tokenise_grammar(GRAMMAR)
    return references, joined.prompt_words(references)


def keys_of(prompt, response):
    references, words = model()
    edits = closest(response.split(), references.responses[prompt])[1]
    return joined.part_keys(words, prompt, GRAMMAR[prompt].translation, response, edits)


def test_what_a_prompt_asks_for_is_blanked_in_templates():
    assert keys_of("tea", "i wants a tea")["template"] == ["i wants a _"]
    assert keys_of("map", "i wants a map")["template"] == ["i wants a _"]


def test_word_features_by_hand():
    _, words = model()
    found = joined.word_features(words, "tea", "ask for a tea", "i want milk please")
    named = dict(zip(joined.WORDS, found, strict=True))
    # tea (in both responses, of one prompt) and a (in both prompts: no rarity) are missing.
    assert named["missing"] == pytest.approx(math.log(2)) and named["missing_share"] == 1
    assert named["foreign"] == named["most_foreign"] == 6.0  # milk is in no response at all
    assert named["accepted_prompts"] == 0
    assert joined.word_features(words, "tea", "", "i want a map")[-1] == 1


def test_evidence_of_an_edit_carries_over_to_another_prompt():
    counts = np.array([[0.0, 0, 4, 0], [9, 0, 0, 0]])
    evidence = joined.collect(
        [keys_of("tea", "i wants a tea"), keys_of("tea", "i want a tea")], counts
    )
    row = joined.evidence_features(evidence, keys_of("map", "i wants a map"), LANGUAGE_MEANING)
    named = dict(zip(NAMES, row, strict=True))
    # Four rejected rows of one pair are worth 2.
    assert named["edit_odds"] == pytest.approx(math.log(2.3 / 0.7))
    assert named["edit_after_sum"] == pytest.approx(math.log(2.3 / 0.7))
    assert named["template_odds"] == pytest.approx(math.log(2.3 / 0.7))
    assert named["response_mass"] == 0 and named["prompt_mass"] == 0
    clean = joined.evidence_features(evidence, keys_of("map", "i want a map"), LANGUAGE_MEANING)
    assert dict(zip(NAMES, clean, strict=True))["edit_odds"] == -3


def test_a_forest_says_what_scikit_learn_says_and_survives_a_file(tmp_path):
    from sklearn.ensemble import ExtraTreesClassifier

    rng = np.random.default_rng(0)
    values = rng.normal(size=(80, 5)).astype(np.float32)
    classes = rng.choice([0, 2, 3], 80)
    weights = rng.random(80) + 0.1
    items = TrainingItems(np.arange(80), classes, weights)
    members = [np.arange(60), np.arange(20, 80)]
    forest = trees.train_forest(values, items, members, 7, seed=3, classes=4)
    trees.save_forest(tmp_path / "forest.npz", forest)
    said = trees.apply_forest(trees.load_forest(tmp_path / "forest.npz"), values)
    assert said.shape == (2, 80, 4) and said.sum(axis=-1) == pytest.approx(1.0)
    for member, chosen in enumerate(members):
        theirs = ExtraTreesClassifier(
            7, min_samples_leaf=3, max_features=0.3, random_state=3 + member
        ).fit(values[chosen], classes[chosen], sample_weight=weights[chosen])
        assert said[member][:, theirs.classes_] == pytest.approx(
            theirs.predict_proba(values), abs=1e-5
        )
    assert (said[:, :, 1] == 0).all()
