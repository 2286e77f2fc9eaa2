"""Stage prepare: whole speakers, balanced, deterministic; a data directory whole or absent."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir, read_labels
from pyscorer.corpora.part import CorpusPart
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.corpora.speakers import select_speakers
from pyscorer.errors import InputError

MANIFESTS = Path(__file__).resolve().parents[2] / "data_manifests"
OPTIONS = PrepareOptions(manifests=MANIFESTS)


def _part(scored: bool = True) -> CorpusPart:
    """40 speakers, half children, three quarters of them female; score = speaker number."""
    data = DataDir()
    rows = []
    for s in range(40):
        name = f"{s:02d}"
        data.speakers[name] = {"age": "9" if s % 2 else "30", "gender": "m" if s % 4 < 1 else "f"}
        for u in range(2):
            key = f"{name}{u}"
            data.utterances[key] = Utterance(key, name, Path("x.wav"), ("A",))
            rows.append({"utterance": key, "total": s / 4})
    return CorpusPart(data, {}, {"utterance": pd.DataFrame(rows)} if scored else {})


def test_chosen_speakers_mirror_age_gender_and_scores():
    part = _part()
    chosen = select_speakers(part, 20, seed=0)
    groups = Counter(tuple(part.data.speakers[s].values()) for s in chosen)
    assert groups == {("30", "m"): 5, ("30", "f"): 5, ("9", "f"): 10}
    assert sum(int(s) for s in chosen) / 20 == pytest.approx(19.5, abs=1.5)


def test_children_are_those_of_every_other_table():
    """16 to 18 years: adults here as in evaluation, so they are drawn from the adults' share."""
    part = _part()
    for name, age in zip([f"{s:02d}" for s in range(0, 40, 2)], [16, 17] * 10, strict=True):
        part.data.speakers[name]["age"] = str(age)
    old, young = (select_speakers(p, 7, seed=3) for p in (_part(), part))
    assert old == young


def test_the_choice_is_deterministic_and_the_seed_matters():
    assert select_speakers(_part(), 7, seed=3) == select_speakers(_part(), 7, seed=3)
    choices = {tuple(select_speakers(_part(scored=False), 7, seed=s)) for s in range(5)}
    assert len(choices) == 5
    assert all(len(set(c)) == 7 for c in choices)


def test_all_speakers_can_be_asked_for_but_not_more():
    assert len(select_speakers(_part(), 40, seed=1)) == 40
    with pytest.raises(InputError, match="41 were asked for, the split has 40"):
        select_speakers(_part(), 41, seed=0)


def test_only_keeps_whole_speakers_and_their_labels():
    part = _part().only(["03", "07"])
    assert list(part.data.utterances) == ["030", "031", "070", "071"]
    assert part.labels["utterance"]["utterance"].tolist() == ["030", "031", "070", "071"]
    assert set(part.data.speakers) == {"03", "07"}


def test_a_corpus_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"pyscorer download --corpus speechocean762.*or set"):
        prepare("speechocean762", "train", tmp_path / "out", OPTIONS, tmp_path)
    assert not (tmp_path / "out").exists()


def test_an_unknown_split_names_the_known_ones(tmp_path):
    with pytest.raises(InputError, match="no split dev; it has: train, test"):
        prepare("speechocean762", "dev", tmp_path / "out", OPTIONS, tmp_path)


def test_a_part_of_the_real_corpus(corpora, tmp_path, capsys):
    options = PrepareOptions(speakers=8, manifests=MANIFESTS)
    prepare("speechocean762", "test", tmp_path / "out", options, corpora)
    data = read_data_dir(tmp_path / "out")
    speakers = {u.speaker for u in data.utterances.values()}
    assert len(speakers) == 8
    assert all(u.audio.is_absolute() and u.canonical for u in data.utterances.values())
    assert set(read_labels(tmp_path / "out", "utterance")["utterance"]) == set(data.utterances)
    assert (tmp_path / "out/lexicon.txt").exists()
    said = capsys.readouterr().out
    assert f"took {len(data.utterances)} of 2500 utterances, 8 of 125 speakers" in said
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    prepare("speechocean762", "test", tmp_path / "out", options, corpora)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
