"""What boosted trees read beside the grader's network, and learn from."""

from dataclasses import replace

import numpy as np
from made_corpus import make_utterances

from pyscorer.contract.pooled import select
from pyscorer.grading.grader_inputs import STATES, GraderInputs, assemble, norms_of
from pyscorer.grading.grader_trees import fit_grader_trees, tree_inputs


def test_trees_read_all_but_deep_features_and_phones_read_their_word() -> None:
    raw, _, _ = make_utterances(3)
    inputs = assemble(raw, norms_of(raw))
    widths = sum(width for _, width in inputs.spans)
    phones, words = tree_inputs(inputs)
    np.testing.assert_array_equal(words, inputs.words)
    # Then the phone and its place in the word.
    assert phones.shape == (len(raw.pooled.phones), widths + words.shape[1] + 2)
    np.testing.assert_array_equal(phones[0, widths:-2], words[0])
    assert phones[0, -2] == raw.pooled.phones[0]
    deep = replace(inputs, spans=(*inputs.spans[:-1], ("gop" + STATES, inputs.spans[-1][1])))
    assert tree_inputs(deep)[0].shape[1] == phones.shape[1] - inputs.spans[-1][1]


def test_trees_of_some_utterances_do_not_learn_from_the_others() -> None:
    raw, labels, _ = make_utterances(30)
    inputs: GraderInputs = assemble(raw, norms_of(raw))
    tables, train = tree_inputs(inputs), select(inputs.pooled, np.arange(100))
    spoilt = replace(labels, phones=labels.phones.copy(), words=labels.words.copy())
    spoilt.phones[len(train.phones) :] = 0
    spoilt.words[len(train.words) :] = 0
    made = [fit_grader_trees(tables, each, train, 0) for each in (labels, spoilt)]
    assert len(made[0]) == 4
    for one, other in zip(*made, strict=True):
        assert one.content == other.content
    right = np.corrcoef(made[0][0](tables[0]), labels.phones)[0, 1]
    assert right > 0.8
