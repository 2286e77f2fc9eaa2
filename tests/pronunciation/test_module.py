import numpy as np
import pytest
import torch

from pyscorer.contract.pooled import PooledSet, make_pooled
from pyscorer.pronunciation.frame_table import (
    FrameTable,
    Spans,
    join_frames,
    numbered,
)
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


@pytest.mark.parametrize("nonlinear_input", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_the_switches_of_what_is_printed_take_no_parameters(
    nonlinear_input: bool, residual: bool
) -> None:
    config = ModuleConfig(nonlinear_input=nonlinear_input, residual=residual)
    assert count_parameters(ScoringModule(config)) == 20_289


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


def layer_norm(x: np.ndarray, part: torch.nn.LayerNorm) -> np.ndarray:
    centred = x - x.mean()
    scale = part.weight.detach().numpy()
    return centred / np.sqrt((centred**2).mean() + part.eps) * scale + part.bias.detach().numpy()


def affine(x: np.ndarray, part: torch.nn.Linear) -> np.ndarray:
    return part.weight.detach().numpy() @ x + part.bias.detach().numpy()


def attend(items: list[np.ndarray], part: SelfAttention) -> list[np.ndarray]:
    d, size = len(items[0]), len(items[0]) // part.heads
    query, key, value = (
        [affine(x, part.project)[i * d : (i + 1) * d].reshape(part.heads, size) for x in items]
        for i in range(3)
    )
    mixed = []
    for q in query:
        energy = np.array([(q * k).sum(axis=1) for k in key]) / np.sqrt(size)
        weight = np.exp(energy) / np.exp(energy).sum(axis=0)
        mixed.append(sum(w[:, None] * v for w, v in zip(weight, value, strict=True)).reshape(d))
    return [affine(x, part.output) for x in mixed]


def plainly(module: ScoringModule, words: list[list[tuple[int, list, list[float]]]]) -> float:
    """The score of one utterance, by loops: words of phones, each id, frames and their shares."""
    config = module.config

    def mixed(items: list[np.ndarray], part: SelfAttention) -> list[np.ndarray]:
        seen = attend(items, part)
        return [x + y for x, y in zip(items, seen, strict=True)] if config.residual else seen

    heard = []
    for word in words:
        phones = []
        for phone, frames, shares in word:
            total = module.phone_embedding.weight.detach().numpy()[phone].copy()
            for frame, share in zip(frames, shares, strict=True):
                x = affine(frame, module.input)
                if config.nonlinear_input:
                    x = np.maximum(x, 0)
                total += share * layer_norm(x, module.input_norm)
            phones.append(total)
        phones = [layer_norm(x, module.phone_norm) for x in mixed(phones, module.phone_attention)]
        heard.append(np.maximum(affine(np.mean(phones, axis=0), module.word), 0))
    mean = np.mean(mixed(heard, module.word_attention), axis=0)
    utterance = np.maximum(affine(mean, module.utterance), 0)
    score = affine(layer_norm(utterance, module.utterance_norm), module.score)
    return float(1 / (1 + np.exp(-score[0])))


@pytest.mark.parametrize("nonlinear_input", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("by_frame", [True, False])
def test_each_variant_is_what_plain_loops_say(
    nonlinear_input: bool, residual: bool, by_frame: bool
) -> None:
    torch.manual_seed(3)
    config = ModuleConfig(3, 4, 2, nonlinear_input=nonlinear_input, residual=residual)
    module = ScoringModule(config).eval()
    rng = np.random.default_rng(4)
    for parameter in module.parameters():
        parameter.data = torch.from_numpy(rng.normal(size=parameter.shape).astype(np.float32))
    #             AA | T, AA : frames 0 and half of 1, half of 1 and 2, 3 alone
    frames = rng.normal(size=(4, 3)).astype(np.float32)
    spans = Spans(np.array([0.0, 1.5, 3.0]), np.array([1.5, 3.0, 4.0]))
    shares = [[2 / 3, 1 / 3], [1 / 3, 2 / 3], [1.0]]
    rows = [[0, 1], [1, 2], [3]]
    means = np.stack([np.array(s) @ frames[r] for s, r in zip(shares, rows, strict=True)])
    places = (np.zeros(3, int), ["AA", "T", "AA"], np.array([0, 1, 1]), np.array([0, 0, 1]))
    pooled = make_pooled(["u"], means.astype(np.float32), *places)
    table = FrameTable(torch.from_numpy(frames), spans, np.zeros(3, int), np.full(3, 3))
    plain = np.float32([0, 0, 0]), np.float32([1, 1, 1])
    if by_frame:
        made = Batches(numbered(pooled), *plain, table)
        items = [(p, frames[r], s) for p, r, s in zip(pooled.phones, rows, shares, strict=True)]
    else:
        made = Batches(pooled, *plain)
        items = [(p, [mean], [1.0]) for p, mean in zip(pooled.phones, means, strict=True)]
    expected = plainly(module, [items[:1], items[1:]])
    assert module(made.take(np.array([0]))).item() == pytest.approx(expected, abs=1e-5)
    # In company of another utterance, with the first word left out.
    two = join_frames([table, table])
    twice = numbered(
        make_pooled(
            ["u", "v"],
            np.concatenate([means, means]).astype(np.float32),
            np.repeat([0, 1], 3),
            *(places[1] * 2, np.tile(places[2], 2), np.tile(places[3], 2)),
        )
    )
    if by_frame:
        batch = Batches(twice, *plain, two).take(
            np.array([1, 0]), np.array([True, False, False, False])
        )
        found = module(batch).tolist()
        assert found == pytest.approx([plainly(module, [items[1:]]), expected], abs=1e-5)


def test_past_the_end_the_last_frame_is_taken_again() -> None:
    spans = Spans(np.array([0.0, 1.0]), np.array([1.0, 2.5]))
    table = FrameTable(torch.arange(6.0)[:, None], spans, np.array([4, 4]), np.array([1, 1]))
    values, phone, share = table.take(np.array([1]))
    assert values[:, 0].tolist() == [5, 5] and phone.tolist() == [0, 0]
    assert share.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_dropout_takes_the_same_columns_of_all_frames_of_an_utterance() -> None:
    torch.manual_seed(0)
    module = ScoringModule(ModuleConfig(inputs=8, dropout=0.5)).train()
    seen: list[torch.Tensor] = []
    module.input.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    pooled = pooled_set()
    number = len(pooled.phones)
    spans = Spans(2.0 * np.arange(number), 2.0 * np.arange(number) + 2)
    values = torch.rand(2 * number, 8) + 1
    table = FrameTable(values, spans, np.zeros(number, int), np.full(number, 2 * number))
    made = Batches(numbered(pooled), np.zeros(8, np.float32), np.ones(8, np.float32), table)
    batch = made.take(np.arange(6))
    module(batch)
    kept = seen[0] != 0
    assert batch.frame_phone is not None
    utterance = batch.utterance_of_word[batch.word_of_phone][batch.frame_phone]
    for u in range(6):
        assert (kept[utterance == u] == kept[utterance == u][0]).all()
    assert 0 < kept.float().mean() < 1
