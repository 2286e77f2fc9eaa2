from pathlib import Path

import numpy as np
import pytest

from pyscorer.chain.egs import Aligned, EgsSource, hold_out, plan_windows, prepare, read_aligned
from pyscorer.chain.egs_files import EgsFile, Listed, Stored, egs, read_egs
from pyscorer.chain.tree import monophone_tree, write_tree
from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError

SPEAKERS, EACH = 6, 25


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 utterances of 60 to 240 frames; feature 0 counts frames, feature 1 utterances."""
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    data, alignments, feats = DataDir(), [], []
    for number in range(SPEAKERS * EACH):
        key, speaker = f"s{number % SPEAKERS}-{number:03}", f"s{number % SPEAKERS}"
        ends = np.cumsum(rng.integers(20, 80, size=3)).tolist()
        phones = zip(("SIL", "AA", "SIL"), [0, *ends], ends, strict=False)
        alignments.append((key, [Segment(p, start, end - start) for p, start, end in phones]))
        rows = np.stack([np.arange(ends[-1]), np.full(ends[-1], number)], axis=1)
        feats.append((key, rows.astype(np.float32)))
        data.utterances[key] = Utterance(key, speaker, Path("none.wav"), ("A",))
    write_data_dir(root / "data", data)
    write_ctm(root / "ali" / "phones.ctm", sorted(alignments))
    write_archive(root / "feats" / "feats.scp", sorted(feats, key=lambda pair: pair[0]))
    egs(root / "data", root / "feats", root / "ali", root / "egs", seed=1)
    return root


def listed(corpus: Path) -> list[Aligned]:
    return read_aligned([corpus / "data"], [corpus / "feats"], [corpus / "ali"])


def test_egs_hold_every_utterance_once_in_an_order_of_their_own(corpus: Path):
    file = EgsFile(corpus / "egs")
    found = [file.utterance(row) for row in range(SPEAKERS * EACH)]
    keys = [u.key for u in found]
    assert keys != sorted(keys)
    assert keys == list(Matrices(corpus / "egs" / "feats.scp"))
    expected = {u.key: (u.speaker, u.segments) for u in listed(corpus)}
    assert {u.key: (u.speaker, u.segments) for u in found} == expected


def test_chunks_of_egs_are_those_of_the_features(corpus: Path):
    write_tree(corpus / "tree.json", monophone_tree(PHONES))
    source = EgsSource.read(corpus, listed(corpus), context=3, numerators=False)
    stored, _ = read_egs([corpus / "egs"], 0.2, 0)
    training, _ = hold_out(listed(corpus), 0.2, 0)
    plans = [
        list(plan_windows(c.windows(None), 150, 8, np.random.default_rng(0), 0.1))
        for c in (Listed(training), stored)
    ]
    for one, other in zip(*plans, strict=True):
        np.testing.assert_array_equal(
            prepare(source, one).features, prepare(source, other).features
        )
        np.testing.assert_array_equal(prepare(source, one).labels, prepare(source, other).labels)


def test_the_speakers_held_out_are_those_of_listed_utterances(corpus: Path):
    training, heldout = read_egs([corpus / "egs"], 0.3, 5)
    expected = [Listed(utterances) for utterances in hold_out(listed(corpus), 0.3, 5)]
    for mine, theirs in zip((training, heldout), expected, strict=True):
        assert mine.speakers == theirs.speakers
        assert (len(mine), mine.frames) == (len(theirs), theirs.frames)


def test_windows_hold_blocks_of_all_the_corpus_and_every_utterance_once(corpus: Path):
    file = EgsFile(corpus / "egs")
    rows = np.arange(SPEAKERS * EACH)
    stored = Stored([file], [rows], window=40, block=10)
    windows = list(stored.windows(np.random.default_rng(2)))
    assert [len(window) for window, _ in windows] == [40, 40, 40, 30]
    assert [last for _, last in windows] == [False, False, False, True]
    found = [u.key for window, _ in windows for u in window]
    assert sorted(found) == sorted(file.utterance(row).key for row in rows)
    place = {file.utterance(row).key: row for row in rows}
    first = sorted(place[u.key] for u in windows[0][0])
    assert [row % 10 for row in first] == [*range(10)] * 4
    assert first != list(range(40))
    again, other = (
        [u.key for window, _ in stored.windows(np.random.default_rng(seed)) for u in window]
        for seed in (2, 3)
    )
    assert found == again != other


def test_minibatches_of_many_windows_are_full_and_of_one_width_but_for_the_last(corpus: Path):
    stored = Stored([EgsFile(corpus / "egs")], [np.arange(SPEAKERS * EACH)], window=40, block=10)
    batches = list(
        plan_windows(stored.windows(np.random.default_rng(0)), 150, 8, np.random.default_rng(1))
    )
    assert sum(len(batch) != 8 for batch in batches) <= 1
    assert all(len({chunk.width for chunk in batch}) == 1 for batch in batches)
    reached: dict[str, set[int]] = {}
    for chunk in (chunk for batch in batches for chunk in batch):
        span = range(chunk.start, chunk.start + chunk.width)
        reached.setdefault(chunk.utterance.key, set()).update(span)
    for utterance in listed(corpus):
        assert reached[utterance.key] >= set(range(utterance.frames))


def test_an_utterance_takes_few_bytes(corpus: Path):
    file = EgsFile(corpus / "egs")
    arrays = (file.keys, file.speaker, file.place, file.first, file.phone, file.length, file.frames)
    segments = len(file.phone) / len(file.keys)
    # at 35 phones an utterance, as in speechocean762: below 200
    assert sum(a.nbytes for a in arrays) / len(file.keys) < 60 + 3 * segments


def test_features_of_another_length_than_the_alignment_stop_the_stage(corpus: Path, tmp_path: Path):
    lines = (corpus / "ali" / "phones.ctm").read_text().splitlines()
    (tmp_path / "phones.ctm").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match=r"s5-149: \d+ frames of features, \d+ of alignment"):
        egs(corpus / "data", corpus / "feats", tmp_path, tmp_path / "egs")
    assert not (tmp_path / "egs" / "egs.npz").exists()
    with pytest.raises(InputError, match="no such file: run egs"):
        EgsFile(tmp_path / "egs")


def test_a_cut_archive_is_named(corpus: Path, tmp_path: Path):
    for name in ("egs.npz", "feats.ark"):
        content = (corpus / "egs" / name).read_bytes()
        (tmp_path / name).write_bytes(content if name == "egs.npz" else content[:-5])
    write_tree(tmp_path / "tree.json", monophone_tree(PHONES))
    source = EgsSource.read(tmp_path, [], context=3, numerators=False)
    file = EgsFile(tmp_path)
    stored = Stored([file], [np.arange(SPEAKERS * EACH)[-1:]])
    (batch, *_) = plan_windows(stored.windows(None), 150, 8, None)
    with pytest.raises(InputError, match=r"feats.ark: s\d-\d+: no matrix at byte \d+"):
        prepare(source, batch)
