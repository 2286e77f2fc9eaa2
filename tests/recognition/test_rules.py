"""The rules of recognition and of a Kaldi model as acoustic model, planned but not run."""

from pathlib import Path

from dry_run import dry_run


def test_transcripts_need_a_graph_and_a_trained_network(tmp_path: Path):
    planned = dry_run(tmp_path, "recognition").counts
    assert planned.keys() >= {"decoding_graph", "decode", "train_tdnnf", "chain_graphs"}


def test_vosk_is_made_of_the_exported_network(tmp_path: Path):
    planned = dry_run(tmp_path, str(tmp_path / "results" / "sample" / "vosk")).counts
    assert planned.keys() >= {"export_vosk", "export_kaldi"}


def test_a_kaldi_model_takes_the_place_of_training(tmp_path: Path):
    model = tmp_path / "final.mdl"
    model.write_bytes(b"\0B")
    planned = dry_run(tmp_path, acoustic_model=str(model)).counts
    assert planned.keys() >= {"import_kaldi", "export"}
    assert not planned.keys() & {"train_tdnnf", "chain_graphs"}
