"""Training through the upper layers of the acoustic model."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pyscorer.chain.acoustic_model import AcousticModel, embed_features, load_model, save_model
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.contract.phones import PHONES
from pyscorer.contract.pooled import concatenate, read_pooled
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import bundle
from pyscorer.measures.pool import pool
from pyscorer.pronunciation.activations import (
    ActivationOptions,
    UpperLayers,
    activations,
    lower_activations,
)
from pyscorer.pronunciation.frame_pool import FramePool
from pyscorer.pronunciation.frame_table import read_frames
from pyscorer.pronunciation.scorer import ScorerOptions, load_scorer, save_scorer
from pyscorer.pronunciation.synthetic_scores import NO_FOLD
from pyscorer.pronunciation.train_scorer import Sources, load_training_data, train_scorer
from pyscorer.pronunciation.unfreeze_scorer import UnfreezeOptions, unfreeze_scorer

CONFIG = TdnnfConfig(
    num_pdfs=40,
    dim=24,
    bottleneck=6,
    time_strides=(1, 0, 3, 3),
    embedding_dim=256,
    prefinal_dim=16,
    prefinal_bottleneck=8,
)
OPTIONS = UnfreezeOptions(upper=2, epochs=1, batch_size=8, jobs=1)


def network(seed: int = 0) -> Tdnnf:
    torch.manual_seed(seed)
    return Tdnnf(CONFIG).eval()


def test_lower_and_upper_layers_are_the_network() -> None:
    whole = network()
    features = np.random.default_rng(0).normal(size=(31, 40)).astype(np.float32)
    model = AcousticModel(whole, np.ones(40, dtype=np.int32))
    expected, _ = embed_features(model, features)
    for upper in (1, 2):
        lower = lower_activations(whole, features, upper)
        assert lower.shape == (11 + 2 * upper, CONFIG.dim)
        layers = UpperLayers(whole, upper)
        with torch.no_grad():
            again = layers.prefinal_l(layers.frames(torch.from_numpy(lower)))
        np.testing.assert_allclose(again.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("length", [29, 30, 31])
def test_all_layers_are_the_network_on_utterances_in_a_row(length: int) -> None:
    whole = network()
    model = AcousticModel(whole, np.ones(40, dtype=np.int32))
    rng = np.random.default_rng(length)
    utterances = [rng.normal(size=(n, 40)).astype(np.float32) for n in (length, 3, length + 7)]
    layers = UpperLayers(whole, 0)
    entering = [lower_activations(whole, features, 0) for features in utterances]
    with torch.no_grad():
        frames = layers.prefinal_l(layers.frames(torch.from_numpy(np.concatenate(entering))))
    row = 0
    for features, matrix in zip(utterances, entering, strict=True):
        expected, _ = embed_features(model, features)
        assert (len(matrix) - layers.context) // layers.stride == len(expected)
        np.testing.assert_allclose(frames[row : row + len(expected)], expected, atol=1e-4)
        row += len(matrix) // layers.stride


def test_the_cut_must_leave_layers_of_stride_three() -> None:
    for upper in (3, 4):
        with pytest.raises(InputError, match=f"--upper {upper}"):
            UpperLayers(network(), upper)


def write_corpus(root: Path, split: str, speakers: int) -> None:
    rng = np.random.default_rng(speakers)
    text, speaker_of, scores, feats, phones, words = {}, {}, [], {}, {}, {}
    for speaker in range(speakers):
        for i in range(4):
            key = f"{split}{speaker:02d}-{i}"
            text[key], speaker_of[key] = "AT", f"{split}{speaker:02d}"
            scores.append((key, int(rng.integers(2, 10))))
            length = 7 + int(rng.integers(0, 12))
            feats[key] = rng.normal(size=(length + 20, 40))
            phones[key] = [
                Segment("SIL", 0, 5),
                Segment("AE", 5, length),
                Segment("T", 5 + length, 15),
            ]
            words[key] = [Segment("AT", 5, length + 15)]
    write_table(root / "data" / split / "text", text)
    write_table(root / "data" / split / "utt2spk", speaker_of)
    table = pd.DataFrame(scores, columns=["utterance", "total"])
    table.to_csv(root / "data" / split / "utterance_scores.csv", index=False)
    write_archive(root / "mfcc40" / split / "feats.scp", feats.items())
    write_ctm(root / "ali" / split / "phones.ctm", phones.items())
    write_ctm(root / "ali" / split / "words.ctm", words.items())
    model = load_model(root / "final.pt")
    outputs = {key: embed_features(model, matrix) for key, matrix in feats.items()}
    deep = root / "deep" / split
    write_archive(deep / "embed.scp", [(k, v[0]) for k, v in outputs.items()])
    write_archive(deep / "post.scp", [(k, v[1]) for k, v in outputs.items()])
    (deep / "frame_shift").write_text("0.03\n")
    pool(root / "data" / split, root / "ali" / split, deep, root / "pool" / split)
    for name, upper in (("lower", 2), ("entering", 0)):
        options = ActivationOptions(upper=upper, jobs=1)
        activations(root / "final.pt", root / "mfcc40" / split, root / name / split, options)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unfreezing")
    save_model(root / "final.pt", AcousticModel(network(), np.arange(40, dtype=np.int32) % 41 + 1))
    assert len(PHONES) == 42
    write_corpus(root, "train", 6)
    write_corpus(root, "test", 3)
    options = ScorerOptions(
        seeds=2, folds=2, epochs=2, min_steps=0, batch_size=8, dropout=0.0, jobs=1
    )
    train_scorer(
        *(root / "data/train", root / "pool/train", root / "data/test", root / "pool/test"),
        *(root / "frozen", options),
    )
    return root


def unfreeze(corpus: Path, out: str, options: UnfreezeOptions, start: str = "frozen") -> Path:
    lower = "lower" if options.upper else "entering"
    unfreeze_scorer(
        *(corpus / "data/train", corpus / "pool/train", corpus / lower / "train"),
        *(corpus / "data/test", corpus / "pool/test", corpus / lower / "test"),
        *(corpus / "final.pt", corpus / start, corpus / out, options),
    )
    return corpus / out


@pytest.mark.parametrize(("upper", "folder", "width"), [(2, "lower", 24), (0, "entering", 40)])
def test_deep_features_from_frames_are_those_of_the_stage_pool(
    corpus: Path, upper: int, folder: str, width: int
) -> None:
    columns = [f"deep_{i}" for i in range(256)]
    pooled = read_pooled(corpus / "pool/train", columns)
    place = corpus / "pool/train", corpus / folder / "train", pooled, width
    frames = FramePool(*place)
    layers = UpperLayers(load_model(corpus / "final.pt").network, upper)
    np.testing.assert_allclose(frames.means(layers), pooled.features, atol=1e-3)
    # Any utterances in any order, some of their phones left out.
    some, _, _ = frames.features(layers, np.array([7, 2]), np.array([14, 15, 5]))
    np.testing.assert_allclose(some.detach().numpy(), pooled.features[[14, 15, 5]], atol=1e-3)
    # The frames have the phones' means, and are those of the export.
    by_frame = FramePool(*place, by_frame=True)
    exported = read_frames(corpus / "pool/train", pooled, corpus / "deep/train")
    phones = np.array([14, 15, 5])
    deep, phone, weight = by_frame.features(layers, np.array([7, 2]), phones)
    for found in (exported.take(phones), by_frame.table(layers).take(phones)):
        np.testing.assert_allclose(deep.detach().numpy(), found[0].numpy(), atol=1e-3)
        assert torch.equal(found[1], phone) and torch.equal(found[2], weight)
    means = torch.zeros(3, 256).index_add(0, phone, weight[:, None] * deep)
    np.testing.assert_allclose(means.detach().numpy(), pooled.features[phones], atol=1e-3)


def test_without_a_learning_rate_nothing_changes(corpus: Path) -> None:
    still = dataclasses.replace(OPTIONS, acoustic_rate=0.0, module_rate=0.0, weight_decay=0.0)
    out = unfreeze(corpus, "still", still)
    before = pd.read_csv(corpus / "frozen/single_scores.csv")
    after = pd.read_csv(out / "scores.csv")
    np.testing.assert_allclose(after[["seed_0", "seed_1"]], before[["seed_0", "seed_1"]], atol=2e-3)
    modules = pd.read_csv(out / "modules.csv")
    assert modules[["seed", "fold"]].to_numpy().tolist() == [[0, 0], [1, 1]]


def test_module_and_layers_learn_and_are_taken_up_again(corpus: Path) -> None:
    options = dataclasses.replace(
        OPTIONS, epochs=12, acoustic_rate=1e-3, module_rate=1e-2, word_dropout=0.0
    )
    log = pd.read_csv(unfreeze(corpus, "iiu", options) / "train_log.csv")
    by_epoch = log.groupby("epoch")["train_loss"].mean()
    assert by_epoch.iloc[-1] < by_epoch.iloc[0]
    first = load_scorer(corpus / "iiu/model.pt").modules[0].acoustic
    layers = UpperLayers(load_model(corpus / "final.pt").network, 2).state_dict()
    moved = {n for n in first if not torch.equal(first[n], layers[n])}
    assert moved and not any("running" in name for name in moved), "batch norm keeps its statistics"
    still = dataclasses.replace(OPTIONS, acoustic_rate=0.0, module_rate=0.0, weight_decay=0.0)
    again = unfreeze(corpus, "again", still, "iiu")
    a, b = (pd.read_csv(path / "scores.csv")["seed_0"] for path in (corpus / "iiu", again))
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_unfrozen_means_all_layers_if_wanted(corpus: Path) -> None:
    options = dataclasses.replace(
        OPTIONS, upper=0, epochs=8, acoustic_rate=1e-3, module_rate=1e-2, word_dropout=0.0
    )
    log = pd.read_csv(unfreeze(corpus, "all", options) / "train_log.csv")
    by_epoch = log.groupby("epoch")["train_loss"].mean()
    assert by_epoch.iloc[-1] < by_epoch.iloc[0]
    before = UpperLayers(load_model(corpus / "final.pt").network, 0).state_dict()
    after = load_scorer(corpus / "all/model.pt").modules[0].acoustic
    assert not torch.equal(after["first.0.affine.weight"], before["first.0.affine.weight"])
    assert {n for n in after if torch.equal(after[n], before[n])} == {
        name for name in before if "running" in name
    }, "batch norm keeps its statistics, all else moves"
    again = unfreeze(corpus, "all_again", options)
    for name in ("scores.csv", "modules.csv", "train_log.csv"):
        assert (again / name).read_bytes() == (corpus / "all" / name).read_bytes()
    with pytest.raises(InputError, match="acoustic layers are others than --upper asks for"):
        unfreeze(corpus, "x", OPTIONS, "all")


@pytest.mark.parametrize("upper", [2, 0])
def test_frozen_again_the_module_alone_is_trained(corpus: Path, upper: int) -> None:
    fast = dataclasses.replace(OPTIONS, upper=upper, acoustic_rate=1e-2, module_rate=1e-2)
    start = unfreeze(corpus, f"moved{upper}", fast)
    options = dataclasses.replace(fast, frozen=True, epochs=6, dropout=0.1)
    out = unfreeze(corpus, f"alone{upper}", options, start.name)
    first, last = (load_scorer(path / "model.pt") for path in (start, out))
    assert last.config.dropout == last.options.dropout == 0.1
    for a, b in zip(first.modules, last.modules, strict=True):
        assert all(torch.equal(a.acoustic[name], b.acoustic[name]) for name in b.acoustic)
        assert not torch.equal(a.state["score.weight"], b.state["score.weight"])
    # What stands in its tables is what it says after the layers that it carries.
    still = dataclasses.replace(fast, acoustic_rate=0.0, module_rate=0.0, weight_decay=0.0)
    said = unfreeze(corpus, f"said{upper}", still, out.name)
    a, b = (pd.read_csv(path / "scores.csv")["seed_0"] for path in (out, said))
    np.testing.assert_allclose(a, b, atol=1e-3)
    with pytest.raises(InputError, match=r"--frozen: .*no acoustic layers of their own"):
        unfreeze(corpus, "x", options, "frozen")


def test_a_module_of_frames_is_unfrozen_on_frames(corpus: Path) -> None:
    places = [corpus / part / split for split in ("train", "test") for part in ("data", "pool")]
    printed = ScorerOptions(nonlinear_input=True, residual=False, frame_norm=True, dropout=0.0)
    options = dataclasses.replace(printed, seeds=2, folds=2, epochs=2, min_steps=0, jobs=1)
    frames = corpus / "deep/train", corpus / "deep/test"
    train_scorer(*places, corpus / "printed", options, None, *frames)
    still = dataclasses.replace(
        OPTIONS, upper=0, acoustic_rate=0.0, module_rate=0.0, weight_decay=0.0
    )
    a, b = (
        pd.read_csv(path / "single_scores.csv")["seed_1"]
        for path in (corpus / "printed", unfreeze(corpus, "printed_still", still, "printed"))
    )
    np.testing.assert_allclose(a, b, atol=2e-3)
    moving = dataclasses.replace(OPTIONS, upper=0, epochs=8, acoustic_rate=1e-3, module_rate=1e-2)
    log = pd.read_csv(unfreeze(corpus, "printed_moved", moving, "printed") / "train_log.csv")
    by_epoch = log.groupby("epoch")["train_loss"].mean()
    assert by_epoch.iloc[-1] < by_epoch.iloc[0]


def test_all_folds_on_any_number_of_processes(corpus: Path) -> None:
    whole = dataclasses.replace(OPTIONS, one_fold=False)
    unfreeze(corpus, "whole", whole)
    assert len(pd.read_csv(corpus / "whole/modules.csv")) == 4
    unfreeze(corpus, "parallel", dataclasses.replace(whole, jobs=2))
    for name in ("scores.csv", "modules.csv", "out_of_fold.csv"):
        assert (corpus / "whole" / name).read_text() == (corpus / "parallel" / name).read_text()


@pytest.fixture(scope="module")
def synthetic(corpus: Path) -> pd.DataFrame:
    """Synthetic scores of the train split, and of a split that nobody scored."""
    write_corpus(corpus, "more", 2)
    (corpus / "data/more/utterance_scores.csv").unlink()
    train = read_pooled(corpus / "pool/train", ["deep_0"]).keys
    data = load_training_data(
        Sources(corpus / "data/train", corpus / "pool/train"), ScorerOptions(folds=2)
    )
    own = pd.DataFrame({"utterance": train, "fold": data.folds})
    more = pd.DataFrame({"utterance": read_pooled(corpus / "pool/more", ["deep_0"]).keys})
    table = pd.concat([own, more.assign(fold=NO_FOLD)])
    return table.assign(without_0=4.0, without_1=6.0)


@pytest.mark.parametrize("upper", [2, 0])
def test_layers_learn_speech_that_nobody_scored(
    corpus: Path, synthetic: pd.DataFrame, upper: int
) -> None:
    lower = corpus / ("lower" if upper else "entering")
    options = dataclasses.replace(OPTIONS, upper=upper)

    def learn(out: str, table: pd.DataFrame, more: bool) -> dict[str, torch.Tensor]:
        (corpus / out).mkdir()
        table.to_csv(corpus / out / "synthetic.csv", index=False)
        unfreeze_scorer(
            *(corpus / "data/train", corpus / "pool/train", lower / "train"),
            *(corpus / "data/test", corpus / "pool/test", lower / "test"),
            *(corpus / "final.pt", corpus / "frozen", corpus / out, options),
            synthetic=corpus / out / "synthetic.csv",
            unlabelled=[corpus / "pool/more"] if more else None,
            unlabelled_lower=[lower / "more"] if more else None,
        )
        acoustic = load_scorer(corpus / out / "model.pt").modules[0].acoustic
        assert acoustic is not None
        return acoustic

    other = synthetic.copy()
    other.loc[other["fold"] == NO_FOLD, "without_0"] = 9.0
    found = {
        (more, moved): learn(f"u{upper}{more:d}{moved:d}", table, more)
        for more in (False, True)
        for moved, table in ((False, synthetic), (True, other))
    }

    def same(a: tuple[bool, bool], b: tuple[bool, bool]) -> bool:
        return all(torch.equal(found[a][name], found[b][name]) for name in found[a])

    assert same((False, False), (False, True)), "what is not given is not learnt"
    assert not same((True, False), (True, True)) and not same((True, False), (False, False))


def test_frames_of_several_pools_follow_each_other(corpus: Path, synthetic: pd.DataFrame) -> None:
    layers = UpperLayers(load_model(corpus / "final.pt").network, 2)
    pools, lowers = ([corpus / f / split for split in ("train", "more")] for f in ("pool", "lower"))
    parts = [read_pooled(path, ["deep_0"]) for path in pools]
    whole = FramePool(pools[0], lowers[0], concatenate(parts), 24, more=[(pools[1], lowers[1])])
    alone = [
        FramePool(path, lower, part, 24).means(layers)
        for path, lower, part in zip(pools, lowers, parts, strict=True)
    ]
    np.testing.assert_allclose(whole.means(layers), np.concatenate(alone), atol=1e-4)


def test_unlabelled_speech_needs_its_scores_and_activations(corpus: Path) -> None:
    places = (
        *(corpus / "data/train", corpus / "pool/train", corpus / "lower/train"),
        *(corpus / "data/test", corpus / "pool/test", corpus / "lower/test"),
        *(corpus / "final.pt", corpus / "frozen", corpus / "x", OPTIONS),
    )
    more, lower = [corpus / "pool/more"], [corpus / "lower/more"]
    with pytest.raises(InputError, match="1 --unlabelled, but 0 --unlabelled-lower"):
        unfreeze_scorer(*places, unlabelled=more)
    with pytest.raises(InputError, match="--unlabelled: needs --synthetic"):
        unfreeze_scorer(*places, unlabelled=more, unlabelled_lower=lower)


def test_bad_input_is_named(corpus: Path) -> None:
    lower = Matrices(corpus / "lower/train/lower.scp")
    keys = list(lower)[1:]
    write_archive(corpus / "few/train/lower.scp", [(key, lower[key]) for key in keys])
    pooled = read_pooled(corpus / "pool/train", ["deep_0"])
    with pytest.raises(InputError, match=r"no utterance train00-0 \(1 missing\)"):
        FramePool(corpus / "pool/train", corpus / "few/train", pooled, 24)
    with pytest.raises(InputError, match="24 columns, but the layers take 40"):
        FramePool(corpus / "pool/train", corpus / "lower/train", pooled, 40)
    unfreeze(corpus, "iiu", OPTIONS)
    lexicon = corpus / "lexicon.txt"
    lexicon.write_text("AT AE T\n")
    (corpus / "gmm").mkdir()
    (corpus / "gmm/final.npz").write_bytes(b"")
    plain = load_scorer(corpus / "frozen/model.pt")
    by_frame = dataclasses.replace(plain.options, frame_norm=True)
    save_scorer(corpus / "framed/model.pt", dataclasses.replace(plain, options=by_frame))
    for scorer, message in (("iiu", "acoustic layers of its own"), ("framed", "it reads frames")):
        with pytest.raises(InputError, match=message):
            bundle(
                *(corpus / "gmm", lexicon, corpus / "final.pt", corpus / scorer),
                *(corpus / "pool/train", corpus / "lower/train", corpus / "bundle"),
            )


def test_acoustic_layers_of_a_start_are_not_left_out_in_silence(corpus: Path) -> None:
    unfreeze(corpus, "layered", OPTIONS)
    places = [corpus / part / split for split in ("train", "test") for part in ("data", "pool")]
    options = ScorerOptions(seeds=2, folds=2, epochs=1, min_steps=0, one_fold=True, jobs=1)
    with pytest.raises(InputError, match=r"layered: .*acoustic layers.*unfreeze_scorer"):
        train_scorer(*places, corpus / "lost", options, corpus / "layered")
