"""The rules of recognition and of a Kaldi model as acoustic model, planned but not run."""

from pathlib import Path

from dry_run import dry_run

from pyscorer.config import Run
from pyscorer.planning.hearing import Hearing


def test_transcripts_need_a_graph_and_a_trained_network(tmp_path: Path):
    planned = dry_run(tmp_path, "recognition").counts
    assert planned.keys() >= {"decoding_graph", "decode", "train_tdnnf", "chain_graphs"}


def test_what_was_heard_is_a_corpus_of_its_own(tmp_path: Path):
    ali = tmp_path / "work" / "sample" / "ali" / "heard-sample" / "test" / "words.ctm"
    planned = dry_run(tmp_path, str(ali))
    assert planned.counts.keys() >= {"heard", "decode", "decoding_graph", "align"}
    assert planned.counts["heard"] == planned.counts["decode"] == 1
    (command,) = [line for line in planned.commands if line.startswith("pyscorer heard")]
    work = tmp_path / "work" / "sample"
    assert f"--data {work}/data/sample/test --decoded {work}/decode/sample/test" in command
    assert f"--out {work}/data/heard-sample/test" in command


def run_of(folder: Path) -> Run:
    data = ("native/train", "sample/acoustic")
    return Run("r", "sample", data, {}, folder / "work", folder / "results", "")


def test_the_decoder_is_the_configurations_and_our_own_by_default(tmp_path: Path):
    run = run_of(tmp_path)
    assert Hearing({}, run).decoder == "decode"
    for name, stage in (("own", "decode"), ("vosk", "decode_vosk"), ("whisper", "transcribe")):
        assert Hearing({"proficiency": {"speech": {"decoder": name}}}, run).decoder == stage
    assert Hearing({}, run).vosk_model == tmp_path / "results" / "vosk"
    assert Hearing({"decode_vosk": {"model": "m"}}, run).vosk_options == {"model": Path("m")}


def test_no_language_model_learns_from_those_who_are_judged(tmp_path: Path):
    run, data = run_of(tmp_path), tmp_path / "work" / "data"
    texts = [data / "sample" / "train" / "text"]
    assert Hearing({}, run).grammar is None and Hearing({}, run).graph_options == {"text": texts}
    grammar = tmp_path / "grammar.xml"
    grammar.write_text("")
    section = {"speech": {}, "prepare_responses": {"grammar": str(grammar)}}
    judged = Hearing({"proficiency": section}, run)
    texts = [data / "native/train/text", data / "sample/acoustic/text"]
    assert judged.lexicon == data / "native/train/lexicon.txt"
    assert judged.graph_options == {"text": texts, "grammar": grammar, "unknown_words": "guess"}


def test_vosk_is_made_of_the_exported_network(tmp_path: Path):
    planned = dry_run(tmp_path, str(tmp_path / "results" / "sample" / "vosk")).counts
    assert planned.keys() >= {"export_vosk", "export_kaldi"}


def test_a_kaldi_model_takes_the_place_of_training(tmp_path: Path):
    model = tmp_path / "final.mdl"
    model.write_bytes(b"\0B")
    planned = dry_run(tmp_path, acoustic_model=str(model)).counts
    assert planned.keys() >= {"import_kaldi", "export"}
    assert not planned.keys() & {"train_tdnnf", "chain_graphs"}
