import numpy as np
import pytest
import torch

from pyscorer.contract.pooled import PooledSet, make_pooled
from pyscorer.pronunciation.module import (
    EMBEDDED_PHONES,
    Batch,
    ModuleConfig,
    ScoringModule,
    SelfAttention,
    count_parameters,
    group_mean,
)
from pyscorer.pronunciation.module_batches import Batches, pairs


def pooled_set(seed: int = 0, utterances: int = 6, inputs: int = 8) -> PooledSet:
    """Utterances of 1 to 5 words of 1 to 4 phones, random features."""
    rng = np.random.default_rng(seed)
    rows = [
        (u, w, p)
        for u in range(utterances)
        for w in range(rng.integers(1, 6))
        for p in range(rng.integers(1, 5))
    ]
    utterance, word, phone = (np.array(column) for column in zip(*rows, strict=True))
    features = rng.normal(size=(len(rows), inputs)).astype(np.float32)
    phones = rng.choice(["SPN", "AA", "ZH", "T"], size=len(rows))
    keys = [f"u{i}" for i in range(utterances)]
    return make_pooled(keys, features, utterance, list(phones), word, phone)


def batches(pooled: PooledSet) -> Batches:
    return Batches(pooled, np.float32(0), np.float32(1))


def test_the_module_has_the_papers_20289_parameters() -> None:
    assert count_parameters(ScoringModule(ModuleConfig())) == 20_289


def test_the_parts_are_those_of_table_1() -> None:
    module = ScoringModule(ModuleConfig())
    parts = {name: count_parameters(part) for name, part in module.named_children()}
    assert parts == {
        "input": 8_224,
        "input_norm": 64,
        "phone_embedding": 1_280,
        "phone_attention": 4_224,
        "word_attention": 4_224,
        "phone_norm": 64,
        "word": 1_056,
        "utterance": 1_056,
        "utterance_norm": 64,
        "score": 33,
    }


def test_each_extra_input_adds_32_parameters() -> None:
    assert count_parameters(ScoringModule(ModuleConfig(inputs=261))) == 20_289 + 5 * 32


def test_without_attention_the_two_attentions_are_gone() -> None:
    module = ScoringModule(ModuleConfig(attention=False))
    assert count_parameters(module) == 20_289 - 2 * 4_224


@pytest.mark.parametrize("attention", [True, False])
def test_an_utterance_scores_the_same_alone_and_in_a_batch(attention: bool) -> None:
    torch.manual_seed(0)
    made = batches(pooled_set())
    module = ScoringModule(ModuleConfig(inputs=8, attention=attention)).eval()
    together = module(made.take(np.arange(6)))
    alone = torch.cat([module(made.take(np.array([i]))) for i in range(6)])
    torch.testing.assert_close(together, alone)
    assert ((together > 0) & (together < 1)).all()
    assert together.std() > 0


def test_a_phone_has_a_say_in_its_own_utterance_and_in_no_other() -> None:
    made = batches(pooled_set(1))
    batch = made.take(np.arange(6))
    batch.features.requires_grad_(True)
    ScoringModule(ModuleConfig(inputs=8)).eval()(batch)[2].backward()
    assert batch.features.grad is not None
    touched = batch.features.grad.abs().sum(1) > 0
    mine = batch.utterance_of_word[batch.word_of_phone] == 2
    assert torch.equal(touched, mine)


def test_self_attention_equals_pytorchs_multi_head_attention() -> None:
    torch.manual_seed(0)
    ours = SelfAttention(32, 4).eval()
    theirs = torch.nn.MultiheadAttention(32, 4, batch_first=True).eval()
    theirs.in_proj_weight, theirs.in_proj_bias = ours.project.weight, ours.project.bias
    theirs.out_proj.weight, theirs.out_proj.bias = ours.output.weight, ours.output.bias
    sizes = [7, 1, 3, 2, 6]
    items = torch.randn(sum(sizes), 32)
    padded = torch.nn.utils.rnn.pad_sequence(list(items.split(sizes)), batch_first=True)
    present = torch.arange(7) < torch.tensor(sizes)[:, None]
    expected, _ = theirs(padded, padded, padded, key_padding_mask=~present)
    found = ours(items, torch.from_numpy(pairs(np.array(sizes))))
    torch.testing.assert_close(found, expected[present])
    assert count_parameters(ours) == 4_224


def test_pairs_by_hand() -> None:
    expected = [[0, 1, 1, 2, 2], [0, 1, 2, 1, 2]]
    assert pairs(np.array([1, 2])).tolist() == expected


def test_group_mean_by_hand() -> None:
    items = torch.tensor([[1.0], [2.0], [3.0]])
    assert group_mean(items, torch.tensor([0, 0, 1])).tolist() == [[1.5], [3.0]]


def test_batches_number_words_and_phones_within_the_batch() -> None:
    #            utterance 0: AA | T, AA     utterance 1: ZH     utterance 2: T | T
    pooled = make_pooled(
        ["a", "b", "c"],
        np.arange(6, dtype=np.float32)[:, None],
        np.array([0, 0, 0, 1, 2, 2]),
        ["AA", "T", "AA", "ZH", "T", "T"],
        np.array([0, 1, 1, 0, 0, 1]),
        np.array([0, 0, 1, 0, 0, 0]),
    )
    batch: Batch = batches(pooled).take(np.array([2, 0]))
    assert batch.features[:, 0].tolist() == [4, 5, 0, 1, 2]
    assert batch.word_of_phone.tolist() == [0, 1, 2, 3, 3]
    assert batch.phone_pairs.tolist() == [[0, 1, 2, 3, 3, 4, 4], [0, 1, 2, 3, 4, 3, 4]]
    assert batch.utterance_of_word.tolist() == [0, 0, 1, 1]
    assert batch.word_pairs.tolist() == [[0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 0, 1, 2, 3, 2, 3]]
    assert batch.phones.max() < EMBEDDED_PHONES


def test_dropped_words_leave_the_batch_but_no_utterance_does() -> None:
    made = batches(pooled_set(2))
    words = made.pooled.word_counts
    dropped = np.zeros(words.sum(), dtype=bool)
    dropped[: words[0]] = True  # all of utterance 0: its first word stays
    dropped[words[0] + 1 : words[0] + words[1]] = True  # all but the first word of utterance 1
    batch = made.take(np.arange(6), dropped)
    counts = torch.bincount(batch.utterance_of_word).tolist()
    assert counts == [1, 1, *words[2:]]
    whole = made.take(np.arange(6))
    first = whole.word_of_phone == 0
    assert torch.equal(batch.features[batch.word_of_phone == 0], whole.features[first])
    assert torch.equal(batch.phone_pairs, torch.from_numpy(pairs(np.bincount(batch.word_of_phone))))


def test_dropout_takes_whole_columns_of_an_utterance_and_spares_the_last() -> None:
    torch.manual_seed(0)
    config = ModuleConfig(inputs=8, dropout=0.5, kept_inputs=3)
    module = ScoringModule(config).train()
    seen: list[torch.Tensor] = []
    module.input.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    batch = batches(pooled_set()).take(np.arange(6))
    module(batch)
    ratio = seen[0] / batch.features
    assert set(ratio[:, :5].unique().tolist()) == {0.0, 2.0}
    assert set(ratio[:, 5:].unique().tolist()) == {1.0}
    utterance = batch.utterance_of_word[batch.word_of_phone]
    for u in range(6):
        assert (ratio[utterance == u] == ratio[utterance == u][0]).all()
    module.eval()(batch)
    assert torch.equal(seen[1], batch.features)
