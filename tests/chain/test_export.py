from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.acoustic_model import AcousticModel, embed_features, load_model, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.contract.archives import Matrices, kaldi_io, write_archive
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import import_kaldi

SMALL = TdnnfConfig(
    num_pdfs=82,
    dim=12,
    bottleneck=4,
    time_strides=(1, 0, 3),
    embedding_dim=6,
    prefinal_dim=10,
    prefinal_bottleneck=7,
)


@pytest.fixture
def model() -> AcousticModel:
    torch.manual_seed(0)
    network = Tdnnf(SMALL)
    torch.nn.init.normal_(network.output_xent.affine.weight)
    return AcousticModel(network.eval(), np.arange(82, dtype=np.int32) // 2 + 1, {"epoch": 3})


def test_export_of_kaldis_model_equals_nnet3_compute(tmp_path: Path, conformance: Path):
    feats = dict(kaldi_io.read_mat_ark(str(conformance / "e_tdnnf" / "feats.ark")))
    write_archive(tmp_path / "feats.scp", feats.items())
    import_kaldi(conformance / "e_tdnnf" / "final.mdl", tmp_path)
    for jobs in (1, 2):
        export(
            tmp_path / "final.pt",
            tmp_path,
            tmp_path / "out",
            ExportOptions(jobs=jobs),
        )
        assert (tmp_path / "out" / "frame_shift").read_text() == "0.03\n"
        embeddings = Matrices(tmp_path / "out" / "embed.scp")
        posteriors = Matrices(tmp_path / "out" / "post.scp")
        assert list(embeddings) == list(posteriors) == list(feats)
        gold = dict(kaldi_io.read_mat_ark(str(conformance / "e_tdnnf" / "prefinal_l.ark")))
        xent = dict(kaldi_io.read_mat_ark(str(conformance / "e_tdnnf" / "output_xent.ark")))
        phones = [
            line.split()[1]
            for line in (conformance / "c_gop" / "pdf_to_phone.txt").read_text().splitlines()
        ]
        ids = dict(
            line.split() for line in (conformance / "c_gop" / "phones.txt").read_text().splitlines()
        )
        for key in feats:
            np.testing.assert_allclose(embeddings[key], gold[key], atol=1e-3)
            expected = np.zeros((len(xent[key]), 41))
            for pdf, phone in enumerate(phones):
                expected[:, int(ids[phone]) - 1] += np.exp(xent[key][:, pdf].astype(float))
            np.testing.assert_allclose(np.exp(posteriors[key]), expected, atol=1e-4)


def test_posteriors_of_a_phone_are_those_of_its_pdfs(model: AcousticModel):
    features = np.random.default_rng(0).normal(size=(10, 40)).astype(np.float32)
    embedding, posteriors = embed_features(model, features)
    assert embedding.shape == (4, 6)
    assert posteriors.shape == (4, 41)
    np.testing.assert_allclose(np.exp(posteriors).sum(axis=1), 1, rtol=1e-5)
    pdfs = model.network.log_posteriors(torch.from_numpy(embedding)).exp().detach().numpy()
    np.testing.assert_allclose(np.exp(posteriors[:, 5]), pdfs[:, 10:12].sum(axis=1), rtol=1e-4)


def test_a_constant_added_to_the_features_changes_nothing(model: AcousticModel):
    """The network sees features without their utterance mean."""
    features = np.random.default_rng(0).normal(size=(20, 40)).astype(np.float32)
    one, _ = embed_features(model, features)
    other, _ = embed_features(model, features + 5)
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_one_frame_is_enough(model: AcousticModel):
    embedding, _ = embed_features(model, np.ones((1, 40), dtype=np.float32))
    assert embedding.shape == (1, 6)


@pytest.mark.parametrize("shape", [(0, 40), (5, 13)])
def test_features_that_do_not_fit_are_refused(model: AcousticModel, shape: tuple[int, int]):
    with pytest.raises(InputError, match="frames x 40"):
        embed_features(model, np.zeros(shape, dtype=np.float32))


def test_the_utterance_at_fault_is_named(tmp_path: Path, model: AcousticModel):
    save_model(tmp_path / "final.pt", model)
    write_archive(
        tmp_path / "feats.scp",
        [("good", np.ones((9, 40), np.float32)), ("bad", np.ones((9, 13), np.float32))],
    )
    with pytest.raises(InputError, match=r"bad: features of shape \(9, 13\)"):
        export(tmp_path / "final.pt", tmp_path, tmp_path / "out", ExportOptions(jobs=1))
    assert not (tmp_path / "out" / "embed.scp").exists()


def test_model_file_round_trip(tmp_path: Path, model: AcousticModel):
    save_model(tmp_path / "final.pt", model)
    loaded = load_model(tmp_path / "final.pt")
    assert loaded.network.config == SMALL
    assert loaded.training == {"epoch": 3}
    features = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    for one, other in zip(
        embed_features(model, features), embed_features(loaded, features), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_missing_and_cut_models_are_refused(tmp_path: Path, model: AcousticModel):
    with pytest.raises(InputError, match="train_tdnnf makes it"):
        load_model(tmp_path / "final.pt")
    save_model(tmp_path / "final.pt", model)
    content = (tmp_path / "final.pt").read_bytes()
    (tmp_path / "final.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"final\.pt: not an acoustic model, or damaged"):
        load_model(tmp_path / "final.pt")


def test_raw_network_cannot_give_phone_posteriors(tmp_path: Path, conformance: Path):
    with pytest.raises(InputError, match="phones of its pdfs are not known"):
        import_kaldi(conformance / "e_tdnnf" / "final.raw.txt.gz", tmp_path)


def test_a_kaldi_model_is_to_be_imported_first(tmp_path: Path):
    with pytest.raises(InputError, match=r"final\.mdl: Kaldi's.*import_kaldi"):
        load_model(tmp_path / "final.mdl")
