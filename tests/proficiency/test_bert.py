"""The BERT reader: WordPiece by hand, and the packaged encoder against its published behaviour."""

import numpy as np
import pytest
from made_encoder import WORDS, write_encoder

from pyscorer.errors import InputError
from pyscorer.proficiency import bert

VOCABULARY = {w: i for i, w in enumerate(WORDS)}


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("A teas", ["a", "tea", "##s"]),
        ("teapots?", ["tea", "##pot", "##s", "?"]),
        ("Téa coffee", ["tea", "[UNK]"]),
        ("", []),
    ],
)
def test_word_pieces(text, pieces):
    assert [WORDS[i] for i in bert.word_pieces(text, VOCABULARY)] == pieces


def test_padding_does_not_change_states_and_the_marker_stands_at_the_separator(tmp_path):
    encoder = bert.load_encoder(write_encoder(tmp_path))
    alone = bert.contextual_sequences(encoder, ["a tea"], ["teas"])[0]
    both = bert.contextual_sequences(encoder, ["a tea", "a"], ["teas", "a teapot a tea"])[0]
    assert alone.shape == (7, 9)  # [CLS] a tea [SEP] tea ##s [SEP], 8 components and the mark
    assert np.allclose(alone, both, atol=1e-5)
    assert np.flatnonzero(alone[:, -1]).tolist() == [3]


def test_by_words_the_marker_is_zero_but_for_its_own_component(tmp_path):
    encoder = bert.load_encoder(write_encoder(tmp_path))
    pieces = bert.contextual_sequences(encoder, ["teapot a"], ["teas"])[0]
    words = bert.word_sequences(encoder, ["teapot a"], ["teas"])[0]
    # [CLS] tea ##pot a [SEP] tea ##s [SEP]: a word is the mean of its pieces.
    assert words.shape == (4, 9)
    assert words[0, :8] == pytest.approx(pieces[1:3, :8].mean(axis=0), abs=1e-6)
    assert words[1, :8] == pytest.approx(pieces[3, :8], abs=1e-6)
    assert words[2].tolist() == [0] * 8 + [1]
    assert words[3, :8] == pytest.approx(pieces[5:7, :8].mean(axis=0), abs=1e-6)
    assert words[[0, 1, 3], 8].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("prompt", "response", "marked"), [("", "", 0), ("a", "", 1), ("", "a tea", 0)]
)
def test_by_words_there_is_always_a_marker(tmp_path, prompt, response, marked):
    encoder = bert.load_encoder(write_encoder(tmp_path))
    words = bert.word_sequences(encoder, [prompt], [response])[0]
    assert len(words) == len(prompt.split()) + 1 + len(response.split())
    assert np.flatnonzero(words[:, -1]).tolist() == [marked]


def test_by_words_equal_pairs_are_equal_to_the_last_bit(tmp_path):
    encoder = bert.load_encoder(write_encoder(tmp_path))
    prompts = ["a", "a tea", "a", "tea", "a"]
    first, _, second, other, third = bert.word_sequences(encoder, prompts, ["teas"] * 5)
    assert np.array_equal(first, second) and np.array_equal(first, third)
    assert not np.array_equal(first, other)


def test_by_words_what_lies_beyond_the_longest_is_cut(tmp_path):
    encoder = bert.load_encoder(write_encoder(tmp_path))
    whole, cut = (bert.word_sequences(encoder, ["a"], ["teas a"], n)[0] for n in (40, 3))
    assert len(whole) == 4
    assert np.array_equal(cut, whole[:3])


def test_directories_that_are_not_an_encoder(tmp_path):
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        bert.load_encoder(tmp_path)
    write_encoder(tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(InputError, match=r"neither model\.safetensors"):
        bert.load_encoder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="only model_type bert"):
        bert.load_encoder(tmp_path)


def test_the_packaged_encoder_tells_meanings_apart():
    folder = bert.packaged_encoder()
    if folder is None:
        pytest.skip("the extra `bert` is not installed")
    encoder = bert.load_encoder(folder)
    texts = ["where is the station", "how do i get to the station", "i would like a green salad"]
    states = bert.contextual_sequences(encoder, texts, [""] * 3)
    means = [s[:-1, :-1].mean(axis=0) for s in states]
    unit = np.stack([m / np.linalg.norm(m) for m in means])
    similar = unit @ unit.T
    assert similar[0, 1] > 0.6 > 0.3 > similar[0, 2]
