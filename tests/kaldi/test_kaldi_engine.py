"""The plan of the kaldi engine, with stand-ins for its programs; where Kaldi is there, a small run
of it beside the torch engine."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dry_run import ROOT, dry_run, fake_programs

from pyscorer.chain.export import ExportOptions, export
from pyscorer.contract.archives import read_integers, read_matrices
from pyscorer.contract.ctm import read_ctm
from pyscorer.contract.files import read_table
from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.contract.segments import PhoneSegment
from pyscorer.kaldi.binaries import programs
from pyscorer.kaldi.import_kaldi import import_kaldi, read_phones
from pyscorer.kaldi.lang_phones import POSITIONS, known_phones
from pyscorer.measures import posteriors as gop


def test_the_rules_join_up_from_the_corpus_to_the_report(tmp_path: Path):
    fake_programs(tmp_path / "bin")
    counts = dry_run(tmp_path, "report", "recognition", "--quiet", "rules", engine="kaldi").counts
    assert counts["kaldi_egs"] == 4 + 1 and counts["kaldi_combine"] == 1
    assert counts["kaldi_gmm"] == 4  # a system is one job
    assert counts["kaldi_align"] == 4 * 3 and counts["kaldi_compute"] == 4 * 2
    assert counts["kaldi_train"] == counts["kaldi_average"] == 4 * 10
    assert counts["decode"] == counts["import_kaldi_gmm"] == counts["kaldi_model"] == 1
    assert not counts.keys() & {"train_gmm", "align", "chain_graphs", "train_tdnnf", "export"}


def test_a_hundred_shards_are_hundreds_of_jobs(tmp_path: Path):
    fake_programs(tmp_path / "bin")
    kaldi = {"jobs": 100, "epochs": 4, "num_jobs_initial": 3, "num_jobs_final": 16}
    planned = dry_run(tmp_path, "report", engine="kaldi", kaldi=kaldi)
    assert planned.counts["total"] < 1000
    trained = [c for c in planned.commands if "train_chain.sh" in c]
    assert len(trained) == planned.counts["kaldi_train"] == pytest.approx(400, abs=16)
    first = [c for c in trained if "/networks/0.raw" in c]
    assert len(first) == 3 and len({*re.findall(r"egs/(\d+)", " ".join(first))}) == 3
    averaged = [c for c in planned.commands if "average_chain.sh" in c]
    assert sum(c.count(".raw") for c in averaged) == len(averaged) + len(trained)


def test_any_datasets_are_learnt_with_copies_at_other_speeds_and_volumes(tmp_path: Path):
    fake_programs(tmp_path / "bin")
    kaldi = {"jobs": 2, "speeds": [0.9, 1.1], "volumes": True, "dropout": "0,0.3,0"}
    datasets = ["sample/native", "librispeech/dev-clean"]
    planned = dry_run(tmp_path, "report", engine="kaldi", acoustic_data=datasets, kaldi=kaldi)
    assert planned.counts["kaldi_perturb"] == 4
    langs = [c for c in planned.commands if "pyscorer kaldi_lang" in c]
    learnt = next(c for c in langs if "acoustic_data/perturbed" in c)
    assert learnt.count("/utt2spk") == 0 and "--volumes" in learnt
    for part in ("data/sample/native", "data/librispeech/dev-clean",
                 "kaldi/sp0.9/sample/native", "kaldi/sp1.1/librispeech/dev-clean"):  # fmt: skip
        assert f"/{part} " in learnt and f"/{part}/lexicon.txt" in learnt
    plain = next(c for c in langs if "acoustic_data/plain" in c)
    assert "/sp0.9/" not in plain and "--no-volumes" in plain
    systems = [c for c in planned.commands if "pyscorer kaldi_gmm" in c]
    assert len(systems) == 4 and all("mfcc13/acoustic_data/plain/001.scp" in c for c in systems)
    graphs = next(c for c in planned.commands if "chain_graphs.sh" in c)
    assert "ali/acoustic_data/perturbed/001/tree_stats" in graphs
    trained = [c for c in planned.commands if "train_chain.sh" in c]
    assert all("set-dropout-proportion name=*" in c for c in trained)
    assert any("kaldi_network" in c and "--dropout" in c for c in planned.commands)


def test_a_network_with_ivectors_is_taken_as_a_published_model(tmp_path: Path):
    fake_programs(tmp_path / "bin")
    kaldi = {"jobs": 2, "epochs": 2, "ivectors": True, "ivector_dim": 30}
    planned = dry_run(tmp_path, "report", engine="kaldi", kaldi=kaldi)
    counts = planned.counts
    assert counts["kaldi_ivector_extractor"] == counts["import_published"] == 1
    assert counts["kaldi_ivectors"] == 3 * 2 and not counts.keys() & {"kaldi_model", "ivectors"}
    assert any("kaldi_network" in c and "--ivector-dim 30" in c for c in planned.commands)
    fed = [c for c in planned.commands if "egs.sh" in c or "export.sh" in c]
    assert len(fed) == 3 + 4 and all("IVECTORS=" in c and "kaldi/ivectors/sample" in c for c in fed)
    imported = next(c for c in planned.commands if "pyscorer import_published" in c)
    assert "/kaldi/chain/model --ivectors online" in imported
    rows = {"pretrained": {"ii": {}}, "finetuned": {}, "unfrozen": {"a": {"start": "ii"}}}
    paper1 = rows | {"speeds": [], "synthetic_scores": {}, "unfreeze_scorer": {"upper": 1}}
    refused = dry_run(tmp_path, "report", engine="kaldi", kaldi=kaldi, fails=True, paper1=paper1)
    assert "which only our own wiring lets" in refused.text


def test_word_positions_are_told_to_all_that_reads_phones(tmp_path: Path):
    fake_programs(tmp_path / "bin")
    planned = dry_run(tmp_path, "report", engine="kaldi", kaldi={"jobs": 1, "word_positions": True})
    for stage in ("kaldi_lang", "kaldi_alignment"):
        said = [c for c in planned.commands if f"pyscorer {stage} " in c]
        assert said and all("--word-positions" in c for c in said)
    plain = dry_run(tmp_path, "report", engine="kaldi", kaldi={"jobs": 1})
    assert all("--no-word-positions" in c for c in plain.commands if "pyscorer kaldi_lang" in c)


def test_recognition_may_be_kaldis_own_with_a_larger_language_model(tmp_path: Path):
    fake_programs(tmp_path / "bin")
    (tmp_path / "big.arpa").touch()
    ask = {"rescore_arpa": str(tmp_path / "big.arpa"), "nbest": 3}
    planned = dry_run(tmp_path, "recognition", engine="kaldi", kaldi={"ivectors": True},
                      kaldi_decode=ask)  # fmt: skip
    assert planned.counts["kaldi_decode"] == 1 and "decode" not in planned.counts
    (command,) = [c for c in planned.commands if "pyscorer kaldi_decode" in c]
    assert "/mfcc40/sample/test/003.scp" in command and "/ivectors/sample/test/003.scp" in command
    assert f"--rescore-arpa {tmp_path}/big.arpa" in command and "--nbest 3" in command
    refused = dry_run(tmp_path, "recognition", kaldi_decode={}, fails=True)
    assert "kaldi_decode: only the network that engine kaldi trains" in refused.text


def test_a_missing_program_stops_the_run_at_its_start(tmp_path: Path):
    there = [name for name in programs(ROOT / "kaldi_recipes") if name != "gmm-est"]
    fake_programs(tmp_path / "bin", there)
    planned = dry_run(tmp_path, engine="kaldi", fails=True)
    assert "engine kaldi: not on PATH: gmm-est" in planned.text


SCRIPTS = sorted(
    {p.stem for p in (ROOT / "kaldi_recipes").glob("*.sh")} - {"input", "lib", "online", "quote"}
)
NUMBERS = {
    "train_chain": (3, 4, 5, 6, 7, 8, 9, 10), "combine_chain": (4, 5), "export": (2, 3),
    "average_chain": (2,), "const_arpa": (1, 2, 3), "latgen": (3, 4, 5, 6),
    "ubm_init": (3, 4), "ubm_est": (1,), "ivector_init": (1,), "ivector_est": (1,),
}  # fmt: skip
UGLY = "a b&c 'd\" $HOME;é%"
LISTS = {"chain_graphs": 3, "combine_chain": 1}
"""Arguments that are no paths, and those that are several, already quoted."""


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_folder_may_be_called_anything(script: str, tmp_path: Path):
    """Kaldi gives its pipes to a shell of their own, which knows less than bash."""
    folder, said = tmp_path / UGLY, tmp_path / "said"
    for number in range(2):  # where scripts read what kaldi_lang wrote
        (folder / str(number)).mkdir(parents=True)
        for name in ("silence.csl", "extra_questions.int"):
            (folder / str(number) / name).write_text("1:2\n")
    fake_programs(tmp_path / "bin", says=f"""printf '%s\\n' "$@" >> {said}""")
    path = os.pathsep.join([str(tmp_path / "bin"), "/usr/bin", "/bin"])
    environment = {"LC_ALL": "C", "PATH": path, "LDA": f"{folder}/lda", "FMLLR": f"{folder}/fmllr"}
    arguments = [f"{folder}/{number}" for number in range(12)]
    for number in NUMBERS.get(script, ()):
        arguments[number] = "64"
    if script in LISTS:
        arguments[LISTS[script]] = shlex.join(arguments[10:])
    subprocess.run(
        [ROOT / "kaldi_recipes" / f"{script}.sh", *arguments],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    for pipe in (line for line in said.read_text().splitlines() if "|" in line):
        words = shlex.split(pipe)
        assert not [word for word in words if "b&c" in word and f"/{UGLY}/" not in word], pipe
        assert any(UGLY in word for word in words) or str(tmp_path) not in pipe, pipe


SMALL: dict[str, Any] = {
    "corpus": "sample",
    "download": {"sample_speakers": 12, "sample_natives": 8, "sample_utterances": 5},
    "train_gmm": {"iterations": 10, "gaussians": 150, "canonical": True},
    "align": {"canonical": True},
    "chain_graphs": {"num_leaves": 60},
    "train_tdnnf": {"network": "small", "epochs": 2},
    "kaldi": {
        "jobs": 1, "mono_iterations": 10, "tri_iterations": 7, "gaussians": 150, "tri_leaves": 60,
        "tri_gaussians": 300, "num_leaves": 60, "network": "small", "epochs": 2, "minibatch": 16,
        "combine": 2, "heldout": 0.2,
    },
}  # fmt: skip


MADE = (
    "mfcc13/sample/test/feats.scp", "mfcc40/sample/test/feats.scp", "pool/sample/test/phones.scp",
    "gop/sample/test/phones.scp",
)  # fmt: skip


def small_run(folder: Path, **config: Any) -> Path:
    """The work folder of a small run, up to pooled vectors and GOP."""
    if shutil.which("nnet3-chain-train") is None:
        pytest.skip("Kaldi's programs are not on PATH")
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    roots = {"work_root": str(folder / "work"), "results_root": str(folder / "results")}
    (folder / "config.yaml").write_text(yaml.safe_dump(SMALL | roots | config))
    done = subprocess.run(
        [scripts / "snakemake", "--cores", "2", *(folder / "work" / "sample" / one for one in MADE),
         "--configfile", folder / "config.yaml"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "work" / "sample"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The work folders of a small run on either engine."""
    return {
        engine: small_run(tmp_path_factory.mktemp(engine), engine=engine)
        for engine in ("torch", "kaldi")
    }


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a small run on word-position phones."""
    kaldi = SMALL["kaldi"] | {"word_positions": True}
    return small_run(tmp_path_factory.mktemp("marked"), engine="kaldi", kaldi=kaldi)


@pytest.mark.slow
def test_both_engines_compute_the_same_features(engines: dict[str, Path]):
    for kind in ("mfcc13", "mfcc40"):
        for name in ("feats.scp", "cmvn.scp"):
            ours, kaldis = (
                dict(read_matrices(work / kind / "sample" / "test" / name))
                for work in engines.values()
            )
            assert list(ours) == list(kaldis)
            for key, matrix in ours.items():
                # Statistics are sums over frames.
                frames = matrix[0, -1] if name == "cmvn.scp" else 1
                np.testing.assert_allclose(matrix / frames, kaldis[key] / frames, atol=0.01)


@pytest.mark.slow
def test_both_engines_meet_the_same_contract(engines: dict[str, Path]):
    torch, kaldi = (work for work in engines.values())
    data = Path("sample") / "test"
    for part in ("ali", "deep", "pool"):
        ours, kaldis = ({p.name for p in (work / part / data).iterdir()} for work in (torch, kaldi))
        assert ours <= kaldis | {"log"}, part
    ali = [dict(read_integers(work / "ali" / data / "ali.scp")) for work in (torch, kaldi)]
    assert {k: len(v) for k, v in ali[0].items()} == {k: len(v) for k, v in ali[1].items()}
    same = np.concatenate([ali[0][key] == ali[1][key] for key in ali[0]])
    assert same.mean() > 0.6
    words, phones = (
        [dict(read_ctm(work / "ali" / data / name)) for work in (torch, kaldi)]
        for name in ("words.ctm", "phones.ctm")
    )
    for key in words[0]:
        assert [s.label for s in words[0][key]] == [s.label for s in words[1][key]]
        spoken = [[s.label for s in each[key] if s.label != "SIL"] for each in phones]
        assert spoken[0] == spoken[1]
    for name in ("embed.scp", "post.scp"):
        ours, kaldis = (dict(read_matrices(work / "deep" / data / name)) for work in (torch, kaldi))
        assert {k: m.shape for k, m in ours.items()} == {k: m.shape for k, m in kaldis.items()}
    for matrix in kaldis.values():  # log-posteriors of phones
        np.testing.assert_allclose(np.exp(matrix).sum(axis=1), 1, atol=1e-3)
    for name in ("frame_shift", "../../../pool/sample/test/columns.txt"):
        one, other = ((work / "deep" / data / name).read_text() for work in (torch, kaldi))
        assert one == other


@pytest.mark.slow
def test_torch_computes_what_nnet3_compute_did(engines: dict[str, Path], tmp_path: Path):
    work = engines["kaldi"]
    import_kaldi(work / "kaldi" / "chain" / "model" / "final.mdl", tmp_path)
    export(
        tmp_path / "final.pt", work / "mfcc40" / "sample" / "test", tmp_path, ExportOptions(jobs=1)
    )
    for name in ("embed.scp", "post.scp"):
        ours = dict(read_matrices(tmp_path / name))
        for key, matrix in read_matrices(work / "deep" / "sample" / "test" / name):
            np.testing.assert_allclose(ours[key], matrix, atol=1e-3)


@pytest.mark.slow
def test_word_position_phones_end_where_the_contract_begins(
    engines: dict[str, Path], marked: Path, tmp_path: Path
):
    data = Path("ali") / "sample" / "test"
    for name in ("phones.ctm", "words.ctm"):
        plain, stripped = (
            {k: [s.label for s in v if s.label != "SIL"] for k, v in read_ctm(work / data / name)}
            for work in (engines["kaldi"], marked)
        )
        assert plain == stripped
    symbols = read_phones(marked / "kaldi" / "chain" / "model" / "phones.txt")
    assert tuple(symbols) == POSITIONS.symbols
    for name in ("deep/sample/test/post.scp", "pool/sample/test/phones.scp"):
        shapes = [{k: m.shape[1] for k, m in read_matrices(work / name)}
                  for work in (engines["kaldi"], marked)]  # fmt: skip
        assert shapes[0] == shapes[1]
    for _, matrix in read_matrices(marked / "deep" / "sample" / "test" / "post.scp"):
        np.testing.assert_allclose(np.exp(matrix).sum(axis=1), 1, atol=1e-3)
    if shutil.which("compute-gop") is not None:
        posteriors = marked / "deep" / "sample" / "test" / "post.scp"
        check_gop(marked / "kaldi", "sample/test/000", posteriors, tmp_path)


@pytest.mark.slow
def test_goodness_of_pronunciation_is_that_of_compute_gop(engines: dict[str, Path], tmp_path: Path):
    if shutil.which("compute-gop") is None:
        pytest.skip("compute-gop is not on PATH")
    kaldi, test = engines["kaldi"] / "kaldi", "sample/test/000"
    check_gop(kaldi, test, engines["kaldi"] / "deep" / "sample" / "test" / "post.scp", tmp_path)


def check_gop(kaldi: Path, shard: str, posteriors: Path, folder: Path) -> None:
    """Compare our GOP with compute-gop's on the alignment of a shard, phone by phone."""
    model = kaldi / "chain" / "model" / "final.mdl"
    said: dict[str, list[list[str]]] = {}
    known = known_phones(read_phones(model.with_name("phones.txt")))
    assert known is not None
    bases = known.base
    (folder / "map").write_text("".join(f"{i} {b}\n" for i, b in enumerate(bases) if i))
    export_sh = [ROOT / "kaldi_recipes" / "export.sh", model, kaldi / "mfcc40" / f"{shard}.scp"]
    for command in (
        [*export_sh, "output-xent", "no", folder / "computed"],
        ["convert-ali", "--frame-subsampling-factor=3", kaldi / "sat" / "final.mdl", model,
         kaldi / "chain" / "tree", f"ark:gunzip -c {kaldi}/ali/{shard}/ali.gz |",
         f"ark:{folder}/ali"],
        ["ali-to-phones", "--write-lengths=true", model, f"ark:{folder}/ali",
         f"ark,t:{folder}/lengths"],
        ["ali-to-phones", "--per-frame=true", model, f"ark:{folder}/ali", f"ark:{folder}/phones"],
        ["compute-gop", f"--phone-map={folder}/map", "--skip-phones-string=0:1:2", model,
         f"ark:{folder}/ali", f"ark:{folder}/phones", f"scp:{folder}/computed.scp",
         f"ark,t:{folder}/gop", f"ark:{folder}/feats"],
    ):  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
    for line in (folder / "gop").read_text().splitlines():
        key, *words = re.sub(r"[\[\]]", "", line).split()
        said[key] = [words[at : at + 2] for at in range(0, len(words), 2)]
    lengths = read_table(folder / "lengths")
    compared = 0
    for key, matrix in read_matrices(posteriors):
        start, segments = 0, []
        for part in lengths[key].split(";"):
            phone, length = map(int, part.split())
            name = PHONES[bases[phone]]
            if name in ARPABET:
                segments.append(PhoneSegment(0, 0, name, start, length, 0, 0))
            start += length
        lpp = gop.log_phone_posteriors(matrix, segments, 0.01)  # rows as frames
        ours = gop.log_posterior_ratio(lpp, gop.canonical_columns(segments))
        assert [int(phone) for phone, _ in said[key]] == [PHONE_ID[s.phone] for s in segments]
        np.testing.assert_allclose(ours, [float(value) for _, value in said[key]], atol=2e-3)
        compared += len(segments)
    assert compared > 100
