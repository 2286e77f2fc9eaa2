import csv
from pathlib import Path

import kaldifst
import numpy as np
import pytest
import torch

from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.chain.tree import ContextTree, monophone_tree, write_tree
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment
from pyscorer.contract.decoded import read_decoded
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.corpora.spoken_call import PromptUnit, write_grammar
from pyscorer.errors import InputError
from pyscorer.evaluation.word_errors import WordErrors, count_errors
from pyscorer.kaldi.lang_phones import POSITIONS
from pyscorer.kaldi.tree_file import write_kaldi_tree
from pyscorer.recognition.decode import DecodeOptions, decode
from pyscorer.recognition.decoder import Recogniser, SearchOptions
from pyscorer.recognition.decoding_graph import GraphOptions, decoding_graph

TREE = monophone_tree(PHONES)
LEXICON = """SEE S IY
SEA S IY
SEES S IY Z
THE DH AH
THE DH IY
BEE B IY
"""
TEXT = """u1 SEE THE SEA
u2 SEE THE BEE
u3 THE BEE SEES THE SEA
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recognition")
    (folder / "lexicon.txt").write_text(LEXICON)
    (folder / "text").write_text(TEXT)
    write_tree(folder / "tree.json", TREE)
    decoding_graph(
        [folder / "text"], folder / "lexicon.txt", folder / "tree.json", folder / "graph"
    )
    return folder


def scores(phones: str, frames: int = 2, margin: float = 20.0) -> np.ndarray:
    """Chain output of someone who says exactly these phones, `frames` each."""
    rows = []
    for phone in phones.split():
        for frame in range(frames):
            row = np.zeros(TREE.num_pdfs, dtype=np.float32)
            row[TREE.pdf[0, PHONE_ID[phone], min(frame, 1)]] = margin
            rows.append(row)
    return np.array(rows)


def words(recogniser: Recogniser, phones: str) -> list[str]:
    return [" ".join(one.words) for one in recogniser.decode(scores(phones))]


@pytest.mark.parametrize("nbest", [1, 3])
def test_what_is_said_is_recognised(folder: Path, nbest: int):
    recogniser = Recogniser(folder / "graph", SearchOptions(nbest=nbest))
    assert words(recogniser, "S IY DH AH B IY")[0] == "SEE THE BEE"
    assert words(recogniser, "S IY DH IY B IY")[0] == "SEE THE BEE"  # the other variant
    assert words(recogniser, "SIL DH AH SIL B IY S IY Z DH AH S IY SIL")[0] == (
        "THE BEE SEES THE SEA"
    )


def test_homophones_are_told_apart_by_the_language_model(folder: Path):
    recogniser = Recogniser(folder / "graph", SearchOptions(nbest=4, lattice_beam=20))
    found = words(recogniser, "S IY DH AH S IY")
    assert found[0] == "SEE THE SEA"
    assert {"SEA THE SEA", "SEE THE SEE"} & set(found)
    assert len(set(found)) == len(found)


def test_scores_are_those_of_the_path(folder: Path):
    (one,) = Recogniser(folder / "graph").decode(scores("B IY", frames=3))
    assert one.words == ("BEE",)
    assert one.acoustic == pytest.approx(6 * 20)
    scaled = Recogniser(folder / "graph", SearchOptions(acoustic_scale=0.5))
    (half,) = scaled.decode(scores("B IY", frames=3))
    assert half.acoustic == pytest.approx(one.acoustic)
    assert half.score == pytest.approx(one.score - 60)


def test_alternatives_come_best_first(folder: Path):
    recogniser = Recogniser(folder / "graph", SearchOptions(nbest=4, lattice_beam=20))
    found = recogniser.decode(scores("S IY DH AH S IY", margin=4.0))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def left_context_tree() -> ContextTree:
    """IY after S has pdfs of its own."""
    from pyscorer.chain.tree import CENTRAL, LEFT, PDF_CLASS, Branch, Split, make_tree

    children = list(TREE.root.children)
    other = TREE.num_pdfs
    iy = PHONE_ID["IY"]
    after_s = Split(PDF_CLASS, frozenset({0}), other, other + 1)
    children[iy] = Split(LEFT, frozenset({PHONE_ID["S"]}), after_s, children[iy])
    return make_tree(PHONES, Branch(CENTRAL, tuple(children)))


def test_pdfs_follow_the_phone_on_the_left_also_across_words(folder: Path, tmp_path: Path):
    tree = left_context_tree()
    write_tree(tmp_path / "tree.json", tree)
    decoding_graph(
        [folder / "text"], folder / "lexicon.txt", tmp_path / "tree.json", tmp_path / "graph"
    )
    rows = np.zeros((8, tree.num_pdfs), dtype=np.float32)
    path = [("S", "<eps>"), ("IY", "S"), ("DH", "IY"), ("AH", "DH")]
    for index, (phone, left) in enumerate(path):
        for pdf_class in (0, 1):
            pdf = tree.pdf[PHONES.index(left), PHONE_ID[phone], pdf_class]
            rows[2 * index + pdf_class, pdf] = 20
    rows = np.concatenate([rows, rows[:4]])
    first = tree.pdf[PHONE_ID["AH"], PHONE_ID["S"]]
    assert first.tolist() == tree.pdf[0, PHONE_ID["S"]].tolist()
    (one,) = Recogniser(tmp_path / "graph").decode(rows)
    assert " ".join(one.words) == "SEE THE SEA"
    assert one.acoustic == pytest.approx(12 * 20)


def test_a_kaldi_tree_gives_the_same_graph(folder: Path, tmp_path: Path):
    write_kaldi_tree(tmp_path / "tree", TREE)
    (tmp_path / "phones.txt").write_text("".join(f"{p} {i}\n" for i, p in enumerate(PHONES)))
    decoding_graph([folder / "text"], folder / "lexicon.txt", tmp_path / "tree", tmp_path / "graph")
    one, other = (path / "graph" / "HCLG.fst" for path in (folder, tmp_path))
    assert one.read_bytes() == other.read_bytes()


def test_phones_that_the_model_lacks_are_named(folder: Path, tmp_path: Path):
    write_kaldi_tree(tmp_path / "tree", TREE)
    arguments = [folder / "text"], folder / "lexicon.txt", tmp_path / "tree", tmp_path / "graph"
    with pytest.raises(InputError, match=r"needs its phones\.txt"):
        decoding_graph(*arguments)
    others = ["IX" if phone == "IY" else phone for phone in PHONES]
    (tmp_path / "phones.txt").write_text("".join(f"{p} {i}\n" for i, p in enumerate(others)))
    with pytest.raises(InputError, match=r"phones\.txt.*the model has not: IY"):
        decoding_graph(*arguments)
    swapped = [*PHONES[:2], *PHONES[:1:-1]]
    (tmp_path / "phones.txt").write_text("".join(f"{p} {i}\n" for i, p in enumerate(swapped)))
    with pytest.raises(InputError, match=r"phone ZH has id 2"):
        decoding_graph(*arguments)


def test_words_of_an_arpa_file_outside_the_lexicon(folder: Path, tmp_path: Path, caplog):
    arpa = tmp_path / "lm.arpa"
    arpa.write_text((folder / "graph" / "lm.arpa").read_text().replace("BEE", "WASP"))
    arguments = [folder / "text"], folder / "lexicon.txt", folder / "tree.json", tmp_path / "graph"
    with pytest.raises(InputError, match=r"1 words are not in .*lexicon\.txt: WASP"):
        decoding_graph(*arguments, GraphOptions(arpa=arpa))
    decoding_graph(*arguments, GraphOptions(arpa=arpa, unknown_words="skip"))
    assert "WASP" in caplog.text
    assert words(Recogniser(tmp_path / "graph"), "S IY DH AH S IY") == ["SEE THE SEA"]


def test_a_graph_of_another_tree_and_a_damaged_graph_are_refused(folder: Path, tmp_path: Path):
    recogniser = Recogniser(folder / "graph")
    with pytest.raises(InputError, match=r"scores of shape \(3, 7\)"):
        recogniser.decode(np.zeros((3, 7), dtype=np.float32))
    with pytest.raises(InputError, match=r"HCLG\.fst: no such graph"):
        Recogniser(tmp_path)
    (tmp_path / "HCLG.fst").write_bytes((folder / "graph" / "HCLG.fst").read_bytes()[:200])
    with pytest.raises(InputError, match=r"HCLG\.fst: the FST ends in the middle"):
        Recogniser(tmp_path)


def test_word_errors_by_hand():
    counted = count_errors(["A", "B", "C", "D"], ["A", "X", "C"])
    assert counted == WordErrors(words=4, substitutions=1, deletions=1, insertions=0)
    assert (counted + count_errors([], ["A"])).rate == pytest.approx(3 / 4)
    assert count_errors(["A"], ["A"]).rate == 0
    assert count_errors([], []).rate == 0


@pytest.fixture
def run(folder: Path, tmp_path: Path):
    """Data, features and a model whose chain output says `B IY`, whatever it hears."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "text").write_text("a-1 BEE\na-2 SEE BEE\n")
    (data / "utt2spk").write_text("a-1 a\na-2 a\n")
    (data / "spk2utt").write_text("a a-1 a-2\n")
    (data / "wav.scp").write_text("a-1 none.wav\na-2 none.wav\n")
    rng = np.random.default_rng(0)
    feats = [(key, rng.normal(size=(15, 40)).astype(np.float32)) for key in ("a-1", "a-2")]
    write_archive(tmp_path / "feats" / "feats.scp", feats)
    config = TdnnfConfig(
        TREE.num_pdfs, dim=8, bottleneck=4, time_strides=(1,), embedding_dim=4,
        prefinal_dim=8, prefinal_bottleneck=4,
    )  # fmt: skip
    network = Tdnnf(config).eval()
    said = [*TREE.pdf[0, PHONE_ID["B"]], *TREE.pdf[0, PHONE_ID["IY"]]]
    with torch.no_grad():
        network.output.affine.bias[said] = 20.0
    owners = np.repeat(np.arange(1, len(PHONES)), 2).astype(np.int32)
    save_model(tmp_path / "final.pt", AcousticModel(network, owners))
    return data, tmp_path / "feats", tmp_path / "final.pt", folder / "graph", tmp_path / "out"


def test_the_stage_writes_transcripts_alternatives_and_errors(run, tmp_path: Path):
    decode(*run, DecodeOptions(nbest=2, jobs=1))
    assert (tmp_path / "out" / "hyp.text").read_text() == "a-1 BEE\na-2 BEE\n"
    with (tmp_path / "out" / "wer.csv").open() as stream:
        rows = {row["utterance"]: row for row in csv.DictReader(stream)}
    assert rows["a-1"]["wer"] == "0.0000"
    assert rows["a-2"] | {"words": "2", "deletions": "1", "wer": "0.5000"} == rows["a-2"]
    assert rows["TOTAL"]["wer"] == "0.3333"
    for decoded in read_decoded(tmp_path / "out"):
        assert decoded.alternatives[0].words == ("BEE",)
        (bee,) = decoded.words
        # All 15 frames of 10 ms, three a row of scores; nothing else is likely.
        assert (bee.start, bee.end) == (0, 15)
        assert bee.confidence == pytest.approx(1, abs=0.01)


def test_a_data_directory_without_text_has_transcripts_and_no_errors(run, tmp_path: Path):
    decode(*run, DecodeOptions(jobs=1))
    data = run[0]
    (data / "text").rename(data / "prompts")
    decode(*run, DecodeOptions(nbest=1, jobs=1))
    assert (tmp_path / "out" / "hyp.text").read_text() == "a-1 BEE\na-2 BEE\n"
    assert not (tmp_path / "out" / "wer.csv").exists()
    (bee,) = next(iter(read_decoded(tmp_path / "out"))).words
    assert bee == Segment("BEE", 0, 15, None)


def test_an_utterance_in_which_nothing_fits_has_no_words(run, tmp_path: Path, caplog):
    write_archive(
        run[1] / "feats.scp", [(k, np.zeros((n, 40))) for k, n in (("a-1", 15), ("a-2", 2))]
    )
    decode(*run, DecodeOptions(jobs=1))
    assert (tmp_path / "out" / "hyp.text").read_text() == "a-1 BEE\na-2\n"
    assert "1 utterances without any word: a-2" in caplog.text


def test_words_have_the_times_of_their_phones_and_the_doubt_between_homophones(folder: Path):
    recogniser = Recogniser(folder / "graph", SearchOptions(nbest=4, lattice_beam=20))
    best, other, *_ = recogniser.decode(scores("SIL S IY SIL DH AH S IY", frames=3))
    assert [(s.label, s.start, s.end) for s in best.spans] == [
        ("SEE", 3, 9), ("THE", 12, 18), ("SEA", 18, 24),
    ]  # fmt: skip
    # Only homophones compete, by the language model alone.
    found = recogniser.decode(scores("SIL S IY SIL DH AH S IY", frames=3))
    mass = {one.words: np.exp(one.score - best.score) for one in found}
    assert all(set(words) <= {"SEE", "SEA", "THE"} for words in mass)
    for place, span in enumerate(best.spans):
        share = sum(m for words, m in mass.items() if words[place] == span.label)
        assert span.confidence == pytest.approx(share / sum(mass.values()), abs=0.02)
    assert other.spans == ()


def test_a_graph_whose_lexicon_is_of_another_is_refused(folder: Path, tmp_path: Path):
    for file in (folder / "graph").iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "lexicon.txt").unlink()
    (tmp_path / "lexicon.txt").write_text("BEE B IY\nSEE S IY\n")
    with pytest.raises(InputError, match=r"its lexicon\.txt or phones\.int is of another graph"):
        Recogniser(tmp_path).decode(scores("S IY DH AH B IY"))
    (tmp_path / "phones.int").unlink()
    (tmp_path / "phones.int").write_text("0\n1\n")
    with pytest.raises(InputError, match=r"phones\.int: not of the pdfs\.int beside it"):
        Recogniser(tmp_path).decode(scores("B IY"))


def test_a_grammar_and_several_texts_teach_the_language_model(folder: Path, tmp_path: Path):
    (tmp_path / "more").write_text("u9 bee\n")
    (tmp_path / "grammar.csv").write_text("prompt,response\nLieblingstier?,The sheep\n")
    arguments = [tmp_path / "more", folder / "text"], folder / "lexicon.txt", folder / "tree.json"
    with pytest.raises(InputError, match=r"1 words are not in .*: SHEEP; .*guess them"):
        decoding_graph(*arguments, tmp_path / "graph", grammar=tmp_path / "grammar.csv")
    guess = GraphOptions(unknown_words="guess")
    decoding_graph(*arguments, tmp_path / "graph", guess, tmp_path / "grammar.csv")
    assert "SHEEP SH IY P\n" in (tmp_path / "graph" / "lexicon.txt").read_text()
    recogniser = Recogniser(tmp_path / "graph")
    assert words(recogniser, "DH AH SH IY P") == ["THE SHEEP"]
    (known,) = recogniser.decode(scores("DH AH SH IY P"))
    write_grammar(tmp_path / "grammar.xml", {"Tier?": PromptUnit("animal", ("the sheep", "sheep"))})
    decoding_graph(*arguments, tmp_path / "xml", guess, tmp_path / "grammar.xml")
    (more,) = Recogniser(tmp_path / "xml").decode(scores("DH AH SH IY P"))
    assert more.words == known.words and more.score != known.score


def test_a_graph_of_another_tree_stops_the_stage(run, tmp_path: Path):
    data, feats, _, graph, out = run
    network = Tdnnf(TdnnfConfig(5, dim=8, bottleneck=4, time_strides=(1,)))
    save_model(tmp_path / "other.pt", AcousticModel(network, np.ones(5, dtype=np.int32)))
    with pytest.raises(InputError, match=r"a tree of 82 pdfs; .*other\.pt has 5"):
        decode(data, feats, tmp_path / "other.pt", graph, out, DecodeOptions(jobs=1))


def test_utterances_without_features_are_named(run):
    data, *rest = run
    (data / "text").write_text("a-1 BEE\na-2 SEE BEE\na-3 BEE\n")
    (data / "utt2spk").write_text("a-1 a\na-2 a\na-3 a\n")
    (data / "spk2utt").write_text("a a-1 a-2 a-3\n")
    (data / "wav.scp").write_text("a-1 none.wav\na-2 none.wav\na-3 none.wav\n")
    with pytest.raises(InputError, match=r"no features of 1 utterances.*a-3"):
        decode(data, *rest, DecodeOptions(jobs=1))


def test_the_graph_is_small_where_words_share_their_beginnings(folder: Path):
    fst = kaldifst.StdVectorFst.read(str(folder / "graph" / "HCLG.fst"))
    assert fst.num_states < 120


def test_a_graph_in_which_a_search_would_never_end_is_refused(folder: Path, tmp_path: Path):
    for name in ("words.txt", "pdfs.int"):
        (tmp_path / name).write_text((folder / "graph" / name).read_text())
    fst = kaldifst.StdVectorFst.read(str(folder / "graph" / "HCLG.fst"))
    fst.add_arc(fst.start, kaldifst.StdArc(0, 0, -0.5, fst.start))
    fst.write(str(tmp_path / "HCLG.fst"))
    with pytest.raises(InputError, match=r"HCLG\.fst: damaged, or not the graph"):
        Recogniser(tmp_path)


def test_an_arpa_file_in_small_letters_has_the_words_of_the_lexicon(folder: Path, tmp_path: Path):
    arpa = tmp_path / "lm.arpa"
    arpa.write_text((folder / "graph" / "lm.arpa").read_text().replace("BEE", "bee"))
    arguments = [folder / "text"], folder / "lexicon.txt", folder / "tree.json", tmp_path / "graph"
    decoding_graph(*arguments, GraphOptions(arpa=arpa))
    words_of = [(place / "graph" / "words.txt").read_text() for place in (folder, tmp_path)]
    assert words_of[0] == words_of[1]
    arpa.write_text(arpa.read_text().replace("SEE", "Bee"))
    with pytest.raises(InputError, match=r"[bB]ee and [bB]ee are one word to the lexicon, BEE"):
        decoding_graph(*arguments, GraphOptions(arpa=arpa))


def test_a_graph_of_phones_by_place_in_a_word_recognises_the_same(folder: Path, tmp_path: Path):
    """Every version of a phone has pdfs of its own here: only right marks find a way."""
    tree = monophone_tree(POSITIONS.symbols)
    write_tree(tmp_path / "tree.json", tree)
    (tmp_path / "lexicon.txt").write_text(LEXICON + "EH EH\n")
    (tmp_path / "text").write_text(TEXT + "u4 EH SEES EH\n")
    decoding_graph(
        [tmp_path / "text"], tmp_path / "lexicon.txt", tmp_path / "tree.json", tmp_path / "graph"
    )
    write_kaldi_tree(tmp_path / "tree", tree)
    symbols = enumerate(POSITIONS.symbols)
    (tmp_path / "phones.txt").write_text("".join(f"{phone} {i}\n" for i, phone in symbols))
    decoding_graph(
        [tmp_path / "text"], tmp_path / "lexicon.txt", tmp_path / "tree", tmp_path / "kaldis"
    )
    said = ["SIL", "EH_S", "S_B", "IY_I", "Z_E", "SIL", "EH_S"]
    rows = np.zeros((2 * len(said), tree.num_pdfs), dtype=np.float32)
    for frame in range(len(rows)):
        rows[frame, tree.pdf[0, POSITIONS.number[said[frame // 2]], frame % 2]] = 20.0
    for graph in ("graph", "kaldis"):
        recogniser = Recogniser(tmp_path / graph, SearchOptions(nbest=2))
        best, *_ = recogniser.decode(rows)
        assert best.words == ("EH", "SEES", "EH")
        assert [(span.start, span.length) for span in best.spans] == [(2, 2), (4, 6), (12, 2)]
    (tmp_path / "phones.txt").write_text("<eps> 0\nSIL 1\nSPN 2\n")
    with pytest.raises(InputError, match=r"phones\.txt: the lexicon has phones that the model has"):
        decoding_graph(
            [tmp_path / "text"], tmp_path / "lexicon.txt", tmp_path / "tree", tmp_path / "no"
        )
