"""Which experts are mixed, and what validation chooses, for every kind of classes."""

import numpy as np
import pytest

from pyscorer.contract.classes import ACCEPTED, LANGUAGE_MEANING, Classes
from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError
from pyscorer.proficiency.class_tables import rivals
from pyscorer.proficiency.pairs import build_rows
from pyscorer.proficiency.selection import (
    Choice,
    Limits,
    build_validation,
    choose,
    rank_experts,
    subsets,
)
from pyscorer.proficiency.systems import SystemKey, Systems

LEVELS = Classes("levels", ("A1", "A2", "B1"))
TEXT, SOUND = ("fbk1", "fbk2", "TREES", "FFN-SPM"), ("sound1", "sound2")
GROUPS = dict.fromkeys(TEXT, "text") | dict.fromkeys(SOUND, "acoustic")


def test_fbk_networks_are_mixed_with_the_best_of_the_others():
    ranking = {"d_full": ["TREES", "fbk2", "FFN-SPM", "fbk1"]}
    ranking["f1"] = ["fbk1", "TREES", "fbk2", "FFN-SPM"]
    assert subsets(ranking, GROUPS) == {
        "1 FBK (d_full) + 1": ("fbk2", "TREES"),
        "1 FBK (d_full) + 2": ("fbk2", "TREES", "FFN-SPM"),
        "2 FBK (d_full) + 1": ("fbk2", "fbk1", "TREES"),
        "2 FBK (d_full) + 2": ("fbk2", "fbk1", "TREES", "FFN-SPM"),
        "1 FBK (f1) + 1": ("fbk1", "TREES"),
        "1 FBK (f1) + 2": ("fbk1", "TREES", "FFN-SPM"),
        "2 without FBK": ("TREES", "FFN-SPM"),
    }


def test_without_fbk_networks_the_best_of_all_are_mixed():
    ranking = {"auc": ["TREES", "FFN-SPM"]}
    assert subsets(ranking, GROUPS) == {"2 best": ("TREES", "FFN-SPM")}
    assert subsets({"auc": ["TREES"]}, GROUPS) == {}


def test_text_and_sound_are_mixed_apart_and_together():
    ranking = {"kappa": ["sound1", "TREES", "FFN-SPM", "sound2"]}
    assert subsets(ranking, GROUPS) == {
        "all experts": ("sound1", "TREES", "FFN-SPM", "sound2"),
        "text only": ("TREES", "FFN-SPM"),
        "acoustic only": ("sound1", "sound2"),
        "2 best": ("sound1", "TREES"),
        "3 best": ("sound1", "TREES", "FFN-SPM"),
    }


def rows(labels, speakers=4):
    return [
        Response(f"r{n}", "P", f"word {n}", label, f"s{n % speakers}")
        for n, label in enumerate(labels)
    ]


def validation_of(classes, labels):
    table = build_rows(rows(labels), rows([0], 1)[:0], classes, 2, 0)
    return build_validation(table, Limits(), exams=5)


def test_two_classes_are_chosen_by_auc_and_their_threshold_by_balanced_accuracy():
    validation = validation_of(ACCEPTED, [0, 0, 0, 1, 1, 1, 1, 1])
    said = np.array([0.9, 0.8, 0.3, 0.4, 0.2, 0.2, 0.1, 0.1])
    choice = choose(np.stack([said, 1 - said], axis=1)[None], validation)
    # 0.4 is above one of three: 14 of 15 pairs. From 0.25 on: 3 of 3 and 4 of 5; from 0.6: 2/3, 1.
    assert choice.value == pytest.approx(14 / 15)
    assert choice.thresholds == pytest.approx([0.25])
    assert choice.mean("balanced_accuracy") == pytest.approx(0.9)


def test_levels_are_chosen_by_kappa_and_have_cuts():
    validation = validation_of(LEVELS, [0, 1, 2, 0, 1, 2])
    right = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    timid = (right + 4) / 13  # the expected levels are 12 / 13, 1 and 14 / 13
    choice = choose(np.stack([right, timid, np.full((6, 3), 1 / 3)]), validation)
    assert choice.thresholds == [] and choice.cuts[0] == pytest.approx((0.5, 1.5))
    assert choice.cuts[1] == pytest.approx((12.5 / 13, 13.5 / 13))
    # The last seed says the same of all: kappa 0.
    assert choice.value == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="all of one level"):
        validation_of(LEVELS, [1, 1, 1, 1])
    with pytest.raises(InputError, match="all right or all wrong"):
        validation_of(ACCEPTED, [1, 1, 1, 1])


def test_experts_are_ranked_by_what_chooses():
    choices = {
        name: Choice(1.0, [], [{"f1": f1}], value)
        for name, value, f1 in (("a", 0.7, 0.2), ("b", 0.9, 0.1), ("c", 0.7, 0.3))
    }
    assert rank_experts(choices, ACCEPTED) == {"auc": ["b", "a", "c"]}
    ranking = rank_experts(choices, LANGUAGE_MEANING)
    assert ranking == {"d_full": ["b", "a", "c"], "f1": ["c", "a", "b"]}


def test_a_mixture_is_held_against_the_best_of_either_group():
    systems = [
        ("TREES", 1, ["TREES"], 0.7),
        ("sound1", 1, ["sound1"], 0.8),
        ("pseudo-joint: text only", 2, ["TREES", "FFN-SPM"], 0.75),
        ("mixture: 2 best", 3, ["sound1", "TREES"], 0.9),
        ("without sound1", 4, ["TREES"], 0.99),
    ]
    row = {"memory": None, "gross": 1.0, "thresholds": [0.5], "validation": [{}]}
    found = Systems(
        [
            row | {"base": base, "table": table, "members": members, "validation_value": value}
            for base, table, members, value in systems
        ],
        {
            "base": "mixture: 2 best",
            "memory": None,
            "members": ["sound1", "TREES"],
            "ranking": {"auc": ["sound1", "TREES", "FFN-SPM"]},
            "groups": GROUPS,
        },
        ACCEPTED,
    )
    assert rivals(found) == {
        "its best single expert": SystemKey("sound1"),
        "the best of text alone": SystemKey("pseudo-joint: text only"),
        "the best of sound alone": SystemKey("sound1"),
    }
