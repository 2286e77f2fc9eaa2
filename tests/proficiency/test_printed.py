"""Experts and inputs as Papi et al. print them: layers, features, markers, vocabulary."""

import math

import numpy as np
import pytest
from made_encoder import SIZE, write_encoder

from pyscorer.corpora.spoken_call import PromptUnit, Response, read_responses
from pyscorer.evaluation.published import neurons, rows
from pyscorer.proficiency import bert, fbk
from pyscorer.proficiency.architectures import architecture, as_printed
from pyscorer.proficiency.encoders import load_encoders, save_encoders, shown_words
from pyscorer.proficiency.expert_features import FeatureOptions, encode, fit_encoders
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.pairs import build_pairs
from pyscorer.proficiency.sample_responses import make_sample


def built_sizes(network: Network) -> tuple[int, ...]:
    """Layer sizes that the weights of a network show."""
    widths = [layer.weight.shape[-1] for layer in network.layers]
    if network.lstm is None:
        return network.layers[0].weight.shape[1], *widths
    assert network.lstm.input.weight.shape[-1] == 4 * network.lstm.recurrent.shape[1]
    return network.lstm.input.weight.shape[1], network.lstm.recurrent.shape[1], *widths


@pytest.mark.parametrize("expert", rows("papi2020", "1"))
def test_networks_have_the_layers_of_table_1(expert):
    shape = architecture(expert)
    network = Network(1, (shape.paper_input, *shape.hidden, 4), shape.recurrent)
    assert built_sizes(network) == neurons("1", expert)
    assert shape.recurrent == expert.startswith("LSTM")


def test_lstm_bert_reads_the_prompt_in_translation_or_in_german():
    assert as_printed("LSTM-BERT", 10).kind == "bert"
    assert as_printed("LSTM-BERT-DE", 10).kind == "bert_german"
    for expert in rows("papi2020", "1"):
        assert as_printed(expert, 10).hidden == neurons("1", expert)[1:-1]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    train, test, grammar = make_sample(1, 120, 40)
    table = build_pairs(train, test, 3, 1)
    folder = write_encoder(tmp_path_factory.mktemp("bert"))
    options = FeatureOptions(
        dimension=300, unit_vocabulary=80, vocabulary=60, encoder=folder, protocol="paper"
    )
    generic = [r.split() for unit in grammar.values() for r in unit.responses]
    encoders, inputs = fit_encoders(table, grammar, generic, options)
    return encoders, inputs, table


PROMPT, RESPONSE = "Frag: ein Glas Milch", "a glass of milk please"


def test_the_vocabulary_holds_german_prompts_and_english_responses(fitted):
    encoders, _, _ = fitted
    german, english = set("frag ein glas milch".split()), set("glass of milk please".split())  # noqa: SIM905
    assert german | english < set(encoders.words)
    assert german | english < encoders.vectors.keys()
    assert "ask" not in encoders.words  # of the translations "ask for a glass of milk"
    for kind in ("counts", "tfidf"):
        bag = encode(encoders, kind, [PROMPT], [RESPONSE]).values[0]
        assert len(bag) == 2 * len(encoders.words)
        first, second = np.split(bag, 2)
        assert {encoders.words[i] for i in np.flatnonzero(first)} == german
        assert {encoders.words[i] for i in np.flatnonzero(second)} >= english


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Frag: 2 Musical-Tickets", "frag 2 musical tickets"),
        ("Sag, dass du es nicht möchtest: KÖNIG", "sag dass du es nicht möchtest könig"),
        ("", ""),
    ],
)
def test_words_of_a_shown_prompt(prompt, words):
    assert shown_words(prompt) == words.split()


@pytest.mark.parametrize(
    ("kind", "size"), [("w2v_marked", 300), ("bert", SIZE), ("bert_german", SIZE)]
)
def test_the_marker_is_zero_but_for_its_own_component(fitted, kind, size):
    encoders, _, table = fitted
    found = encode(encoders, kind, table.prompts, table.responses)
    assert found.values.shape[-1] == size + 1
    marked = found.values[..., -1] != 0
    assert (marked.sum(axis=1) == 1).all()
    assert (found.values[marked] == [0.0] * size + [1.0]).all()
    assert found.lengths is not None
    prompts = [len(encoders.prompt_words(p)) for p in table.prompts]
    if kind == "bert":
        prompts = [len(encoders.english(p).split()) for p in table.prompts]
    assert marked.argmax(axis=1).tolist() == prompts
    said = [len(r.split()) for r in table.responses]
    assert found.lengths.tolist() == [p + 1 + r for p, r in zip(prompts, said, strict=True)]


def test_without_a_marker_word_vectors_follow_each_other(fitted):
    encoders, _, _ = fitted
    found = encode(encoders, "w2v", [PROMPT], [RESPONSE])
    assert found.values.shape == (1, 9, 300)
    assert np.array_equal(found.values[0, 3], encoders.vectors["milch"])
    assert np.array_equal(found.values[0, 8], encoders.vectors["please"])


def test_the_packaged_encoder_has_half_of_berts_components():
    folder = bert.packaged_encoder()
    if folder is None:
        pytest.skip("the extra `bert` is not installed")
    assert 2 * bert.load_encoder(folder).size + 1 == neurons("1", "LSTM-BERT")[0]


def test_what_is_written_encodes_by_the_same_protocol(fitted, tmp_path):
    encoders, _, _ = fitted
    save_encoders(tmp_path / "encoders", encoders)
    found = load_encoders(tmp_path / "encoders")
    for kind in ("counts", "w2v_marked", "bert_german"):
        wanted, got = (encode(e, kind, [PROMPT], [RESPONSE]).values for e in (encoders, found))
        assert np.array_equal(wanted, got)


def test_fbk_inputs_are_4_standard_5_reference_and_12_times_5_features(fitted):
    _, inputs, table = fitted
    assert len(fbk.STANDARD) == 4
    assert len(fbk.REFERENCE) == 5
    assert inputs["fbk"].values.shape == (table.n_items, 4 + 5 + 12 * 5)


def test_the_69_features_of_a_response_by_hand():
    """`a milk tea` to a prompt that accepts `a tea`, with models of three short texts.

    Absolute discounting by 0.5; u is the unknown word. In comments what is multiplied, and where a
    model backs off.
    """
    grammar = {"Frag: Tee": PromptUnit("ask for tea", ("a tea", "a tea please"))}
    train = [
        Response("1", "Frag: Tee", "a tea", 0),
        Response("2", "Frag: Tee", "tea tea", 2),
    ]
    test = [Response("3", "Frag: Tee", "a milk tea", 2)]
    table = build_pairs(train, test, 2, 1)
    references = fbk.tokenise_grammar(grammar)
    alignments = fbk.align_pairs(references, table.prompts, table.responses)
    generic = fbk.train_text_models([["tea"]], 4)
    features, _ = fbk.out_of_fold_features(table, references, alignments, generic, 4)
    found = features[table.test_rows[0]].tolist()

    def of_model(known: list[float], unknown: list[float], backoffs: int) -> list[float]:
        total = math.fsum(math.log(p) for p in (*known, *unknown))
        of_known = math.fsum(math.log(p) for p in known) / len(known)
        return [total, total / 4, of_known, float(len(unknown)), float(backoffs)]

    standard = [3, 2, 1, 1 / 3]  # words; milk and tea; milk is in no accepted response
    # One insertion into `a tea`, of three words; not accepted; a and tea known; milk has content.
    reference = [1, 1 / 3, 0, 2 / 3, 1]
    models = [
        # `tea`: p(tea) = p(</s>) = .5/2, p(u) = .5 * 2/2; in higher orders p(tea|<s>) =
        # p(</s>|tea) = .5, and after <s> any other word weighs .5/(1 - 1/4).
        of_model([1 / 4, 1 / 4], [1 / 2, 1 / 2], 0),  # u u tea </s>
        of_model([1 / 4, 1 / 2], [1 / 3, 1 / 2], 3),  # u|<s> u|u tea|u back off by 1
        of_model([1 / 4, 1 / 2], [1 / 3, 1 / 2], 1 + 2 + 2 + 1),
        of_model([1 / 4, 1 / 2], [1 / 3, 1 / 2], 1 + 2 + 3 + 2),
        # accepted, `a tea`: p = .5/3 each, p(u) = .5 * 3/3; p(a|<s>) = p(</s>|tea) = .5, and
        # after a any word but tea weighs .5/(1 - 1/6) = .6.
        of_model([1 / 6, 1 / 6, 1 / 6], [1 / 2], 0),  # a u tea </s>
        of_model([1 / 2, 1 / 6, 1 / 2], [0.6 / 2], 2),  # u|a tea|u back off by 1
        of_model([1 / 2, 1 / 6, 1 / 2], [0.6 / 2], 2 + 2 + 1),
        of_model([1 / 2, 1 / 6, 1 / 2], [0.6 / 2], 2 + 3 + 2),
        # rejected, `tea tea`: p(tea) = 1.5/3, p(</s>) = .5/3, p(u) = .5 * 2/3; p(tea|<s>) = .5,
        # p(</s>|tea) = .5/2, and after <s> any other word weighs .5/(1 - 1/2).
        of_model([1 / 2, 1 / 6], [1 / 3, 1 / 3], 0),  # u u tea </s>
        of_model([1 / 2, 1 / 4], [1 / 3, 1 / 3], 3),
        of_model([1 / 2, 1 / 4], [1 / 3, 1 / 3], 1 + 2 + 2 + 1),
        of_model([1 / 2, 1 / 4], [1 / 3, 1 / 3], 1 + 2 + 3 + 2),
    ]
    wanted = [*standard, *reference, *(value for model in models for value in model)]
    assert len(wanted) == 69
    assert found == pytest.approx(wanted, rel=1e-6)


def test_training_responses_and_prompts_of_the_task_have_the_papers_1020_words(corpora):
    folder = corpora / "spoken_call"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    found = read_responses(folder / "scst_train.csv")
    words = {w for r in found for w in (*shown_words(r.prompt), *r.recognised.split())}
    assert 2 * len(words) == neurons("1", "FFN-BOW-WC")[0]
