from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.shards import kaldi_shards


@pytest.fixture
def lang(tmp_path: Path) -> Path:
    """Seven speakers of two recordings each."""
    folder = tmp_path / "lang"
    folder.mkdir()
    (folder / "spk2utt").write_text("".join(f"s{n} s{n}-1 s{n}-2\n" for n in range(7)))
    for name in ("wav.scp", "louder.scp"):
        (folder / name).write_text(
            "".join(f"s{n}-{i} {name}.ark:{n}{i}\n" for n in range(7) for i in (1, 2))
        )
    (folder / "spk2uniq").write_text("".join(f"s{n} s{n}\n" for n in range(7)))
    return folder


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_every_speaker_is_in_one_shard_with_all_recordings(lang: Path, tmp_path: Path):
    kaldi_shards(lang, tmp_path / "out", jobs=3)
    shards = [lines(tmp_path / "out" / f"00{n}.spk2utt") for n in range(3)]
    assert [[line[:2] for line in shard] for shard in shards] == [
        ["s0", "s3", "s6"], ["s1", "s4"], ["s2", "s5"],
    ]  # fmt: skip
    for number, shard in enumerate(shards):
        keys = [key for line in shard for key in line.split()[1:]]
        assert [line.split()[0] for line in lines(tmp_path / "out" / f"00{number}.scp")] == keys
        assert lines(tmp_path / "out" / f"00{number}.learn") == keys
    assert not lines(tmp_path / "out" / "heldout.learn")


def test_speakers_of_the_last_shard_are_held_out_of_what_is_learnt_alone(
    lang: Path, tmp_path: Path
):
    kaldi_shards(lang, tmp_path / "out", jobs=2, heldout=0.3)
    assert lines(tmp_path / "out" / "heldout.learn") == ["s1-1", "s1-2", "s3-1", "s3-2"]
    assert lines(tmp_path / "out" / "001.learn") == ["s5-1", "s5-2"]
    assert len(lines(tmp_path / "out" / "000.learn")) == 8
    assert len(lines(tmp_path / "out" / "001.scp")) == 6


def test_at_least_one_speaker_is_held_out(lang: Path, tmp_path: Path):
    kaldi_shards(lang, tmp_path / "out", jobs=1, heldout=0.01)
    assert lines(tmp_path / "out" / "heldout.learn") == ["s0-1", "s0-2"]


@pytest.mark.parametrize(
    ("jobs", "heldout", "told"),
    [(8, 0.0, "7 speakers for 8 shards"), (3, 0.5, "4 speakers to hold out of the last shard's 2")],
)
def test_too_few_speakers_are_an_error(lang: Path, tmp_path: Path, jobs, heldout, told):
    with pytest.raises(InputError, match=f"{told}.*lower kaldi"):
        kaldi_shards(lang, tmp_path / "out", jobs, heldout)


def test_copies_of_a_speaker_go_with_the_original_and_do_not_measure(lang: Path, tmp_path: Path):
    speakers = (lang / "spk2utt").read_text() + "x1 x1-1\n"
    (lang / "spk2utt").write_text(speakers)
    (lang / "spk2uniq").write_text((lang / "spk2uniq").read_text() + "x1 s1\n")
    for name in ("wav.scp", "louder.scp"):
        (lang / name).write_text((lang / name).read_text() + "x1-1 x.ark:1\n")
    kaldi_shards(lang, tmp_path / "out", jobs=2, heldout=0.1)
    assert lines(tmp_path / "out" / "heldout.learn") == ["s1-1", "s1-2"]
    assert "x1 x1-1" in lines(tmp_path / "out" / "001.spk2utt")
    learnt = lines(tmp_path / "out" / "001.learn")
    assert "s3-1" in learnt and not {"s1-1", "x1-1"} & set(learnt)
    assert "x1-1 x.ark:1" in lines(tmp_path / "out" / "001.louder")
