"""Kaldi's archives, alignments and model files: kind H, and ids that are paths (G)."""

import gzip
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from bad_input import command, tried

from pyscorer.chain.fst import Acceptor, read_fst, write_fst
from pyscorer.chain.tree import monophone_tree, write_tree
from pyscorer.contract.archives import Matrices, read_integers, read_matrices, write_archive
from pyscorer.contract.phones import PHONES
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.kaldi.import_kaldi import import_kaldi
from pyscorer.kaldi.tree_file import read_kaldi_tree, write_kaldi_tree
from pyscorer.recognition.language_model import read_arpa
from pyscorer.scoring.trees import boost

G, H = "G. folders and names", "H. Kaldi's forms"
ROWS = np.arange(48, dtype="<f4").reshape(12, 4)


def sizes(*numbers: int) -> bytes:
    return b"".join(struct.pack("<bi", 4, n) for n in numbers)


FLOATS = b"\0BFM " + sizes(12, 4) + ROWS.tobytes()


def archive(value: bytes, line: str = "u1 feats.ark:3", name: str = "feats.ark") -> None:
    """An archive of one utterance, and feats.scp."""
    content = b"u1 " + value
    Path(name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    Path("feats.scp").write_text(line + "\n")


def told(items: Iterable[tuple[str, np.ndarray]]) -> str:
    return "; ".join(f"{key}: {' x '.join(map(str, m.shape))}" for key, m in items)


def matrices() -> str:
    return told(read_matrices(Path("feats.scp")))


@tried(H, "features compressed as CM, with a header a column")
def speech_features(folder: Path) -> str:
    header = struct.pack("<ffii", 0, 65535, 5, 1) + struct.pack("<4H", 0, 64, 192, 255)
    archive(b"\0BCM " + header + bytes([0, 64, 128, 192, 255]))
    ((_, found),) = read_matrices(Path("feats.scp"))
    np.testing.assert_allclose(found[:, 0], [0, 64, 128, 192, 255], atol=0.01)
    return matrices()


@tried(H, "features compressed as CM2")
def two_bytes(folder: Path) -> str:
    archive(b"\0BCM2 " + struct.pack("<ffii2H", -1, 2, 1, 2, 0, 65535))
    assert Matrices(Path("feats.scp"))["u1"].tolist() == [[-1, 1]]
    return matrices()


@tried(H, "features compressed as CM3")
def one_byte(folder: Path) -> str:
    archive(b"\0BCM3 " + struct.pack("<ffii2B", 0, 255, 1, 2, 7, 255))
    assert Matrices(Path("feats.scp"))["u1"].tolist() == [[7, 255]]
    return matrices()


@tried(H, "an scp with ranges of rows and columns, `feats.ark:3[0:5,0:2]`")
def ranges(folder: Path) -> str:
    archive(FLOATS, "u1 feats.ark:3[0:5,0:2]")
    np.testing.assert_array_equal(Matrices(Path("feats.scp"))["u1"], ROWS[:6, :3])
    return matrices()


@tried(H, "a range that ends one row behind the matrix, as segments are rounded")
def range_beyond(folder: Path) -> str:
    archive(FLOATS, "u1 feats.ark:3[6:12]")
    np.testing.assert_array_equal(Matrices(Path("feats.scp"))["u1"], ROWS[6:])
    return matrices()


@tried(H, "a range far behind the end of the matrix")
def range_outside(folder: Path) -> str:
    archive(FLOATS, "u1 feats.ark:3[0:99]")
    return matrices()


@tried(H, "an archive in text, `ark,t:`")
def text_archive(folder: Path) -> str:
    archive(b" [\n  1 2 \n  3 4.5 ]\n")
    assert Matrices(Path("feats.scp"))["u1"].tolist() == [[1, 2], [3, 4.5]]
    return matrices()


@tried(H, "a gzipped archive")
def gzipped(folder: Path) -> str:
    archive(FLOATS, name="feats.ark.gz")
    return told(read_matrices(Path("feats.ark.gz")))


@tried(H, "an alignment of Kaldi's as text, ali.1.gz")
def alignment(folder: Path) -> str:
    Path("ali.1.gz").write_bytes(gzip.compress(b"u1 2 2 40 \n"))
    Path("ali.scp").write_text("u1 ali.1.gz:3\n")
    assert next(read_integers(Path("ali.scp")))[1].tolist() == [2, 2, 40]
    return told(read_integers(Path("ali.scp")))


@tried(H, "an scp from Windows: tabs, blanks at the ends, CRLF, a blank in the path")
def windows_scp(folder: Path) -> str:
    Path("my data").mkdir()
    archive(FLOATS, "u1\tmy data/feats.ark:3 \r", "my data/feats.ark")
    return matrices()


@tried(H, "paths in an scp relative to the scp's own folder")
def beside(folder: Path) -> str:
    Path("exp").mkdir()
    archive(FLOATS, "", "exp/feats.ark")
    Path("exp/feats.scp").write_text("u1 feats.ark:3\n")
    return told(read_matrices(Path("exp/feats.scp")))


@tried(H, "a command in an scp")
def piped(folder: Path) -> str:
    archive(FLOATS, "u1 copy-feats scp:old.scp - |")
    return matrices()


@tried(H, "an offset into the middle of a matrix")
def middle(folder: Path) -> str:
    archive(FLOATS, "u1 feats.ark:40")
    return matrices()


@tried(H, "no offset behind the archive's name")
def no_offset(folder: Path) -> str:
    archive(FLOATS, "u1 feats.ark")
    return matrices()


@tried(H, "an archive in the place of an scp")
def no_scp(folder: Path) -> str:
    archive(FLOATS)
    return told((key, Matrices(Path("feats.ark"))[key]) for key in ("u1",))


@tried(H, "an archive of ours that is cut short")
def cut(folder: Path) -> str:
    write_archive(Path("feats.scp"), [("u1", ROWS)])
    Path("feats.ark").write_bytes(Path("feats.ark").read_bytes()[:-9])
    return matrices()


@tried(H, "an archive whose header announces 2 billion rows")
def giant(folder: Path) -> str:
    archive(b"\0BFM " + sizes(2**31 - 1, 40) + ROWS.tobytes())
    return matrices()


def instead(given: str, content: bytes) -> None:
    @tried(H, f"{given} where features are wanted")
    def other(folder: Path) -> str:
        archive(content)
        return matrices()


FST = struct.pack("<Ii6si", 2125659606, 6, b"vector", 8)
instead("a lattice", FST + b"lattice4" + bytes(40))
instead("training examples of nnet3", b"\0B<Nnet3ChainEg> <NumInputs> " + sizes(1))
instead("a vector (an i-vector, say)", b"\0BFV " + sizes(2) + bytes(8))
instead("a recording", b"RIFF\x24\x08\0\0WAVEfmt ")
instead("features of HTK's", struct.pack(">iihh", 300, 100000, 52, 9) + bytes(80))
instead("a big-endian matrix", b"\0BFM " + struct.pack(">bibi", 4, 300, 4, 13) + bytes(80))


def ctm(*keys: str, line: str = "1 0.00 0.20 AY") -> None:
    Path("ali").mkdir()
    for name in ("phones", "words"):
        Path(f"ali/{name}.ctm").write_text("".join(f"{key} {line}\n" for key in keys))


@tried(G, "ids such as `spk/u` and `../../../out/outside` in a CTM")
def paths_as_ids(folder: Path) -> str:
    ctm("spk/u", "../../../out/outside", "..")
    command("textgrids", "--ali", "ali", "--out", "deep/out")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".ctm")
    assert {p.parent for p in files} == {folder / "deep/out"}
    return ", ".join(p.name for p in files)


@tried(G, "an id of 300 letters in a CTM")
def long_id(folder: Path) -> str:
    ctm("u" * 300)
    return command("textgrids", "--ali", "ali", "--out", "out")


@tried(G, "a phone of no length in a CTM")
def no_length(folder: Path) -> str:
    ctm("u1", line="1 0.10 0.00 AY")
    return command("textgrids", "--ali", "ali", "--out", "out")


@tried(G, "a CTM with comments, a confidence and the time `nan`")
def not_a_time(folder: Path) -> str:
    ctm(";; made elsewhere\nu1", line="1 nan 0.20 AY 0.98")
    return command("textgrids", "--ali", "ali", "--out", "out")


@tried(G, "two channels of one recording in a CTM")
def channels(folder: Path) -> str:
    ctm("u1", line="A 0.00 0.20 AY\nu1 B 0.00 0.20 AY")
    return command("textgrids", "--ali", "ali", "--out", "out")


def spoilt(path: Path, spoil: Callable[[bytearray], None]) -> Path:
    content = bytearray(path.read_bytes())
    spoil(content)
    path.write_bytes(content)
    return path


@tried(H, "an FST that is cut short")
def short_fst(folder: Path) -> str:
    arcs = [np.array(c) for c in ([0, 1], [1, 1], [1, 2], [-0.5, -1.0])]
    write_fst(Path("den.fst"), Acceptor(0, *arcs, np.array([-np.inf, 0])))
    spoilt(Path("den.fst"), lambda content: content.__delitem__(slice(-20, None)))
    return str(read_fst(Path("den.fst")).num_states)


@tried(H, "an FST with an arc to a state that is not there")
def lost_state(folder: Path) -> str:
    arcs = [np.array(c) for c in ([0, 1], [1, 7], [1, 2], [-0.5, -1.0])]
    states = np.array([-np.inf] * 7 + [0])
    write_fst(Path("den.fst"), Acceptor(0, *arcs, states))
    spoilt(Path("den.fst"), lambda content: content.__setitem__(content.rindex(b"\7\0\0\0"), 99))
    return str(read_fst(Path("den.fst")).num_states)


@tried(H, "a tree whose end is missing")
def short_tree(folder: Path) -> str:
    write_kaldi_tree(Path("tree"), monophone_tree(PHONES))
    spoilt(Path("tree"), lambda content: content.__delitem__(slice(-30, None)))
    return str(read_kaldi_tree(Path("tree"), PHONES).num_pdfs)


@tried(H, "a tree of ours, tree.json, in the place of final.mdl")
def wrong_model(folder: Path) -> str:
    write_tree(Path("final.mdl"), monophone_tree(PHONES))
    import_kaldi(Path("final.mdl"), Path("out"))
    return "imported"


@tried(H, "boosted trees with one bit flipped")
def flipped(folder: Path) -> str:
    x = np.random.default_rng(0).normal(size=(60, 3))
    save_weights(Path("model.pt"), {"trees": boost(x, x[:, 0], 0, max_iter=3).as_tensor()})

    def flip(content: bytearray) -> None:
        content[len(content) // 2] ^= 1

    spoilt(Path("model.pt"), flip)
    load_weights(Path("model.pt"), "a baseline", "train_baseline", lambda found: found)
    return "loaded"


@tried(H, "an ARPA file with an n-gram twice")
def twice(folder: Path) -> str:
    Path("lm.arpa").write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <s>\n-1 A\n-2 A\n\n\\end\\\n")
    return f"{len(read_arpa(Path('lm.arpa')))} n-grams"
