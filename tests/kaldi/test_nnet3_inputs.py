from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.kaldi.nnet3 import Nnet3, read_nnet3, write_nnet3
from pyscorer.kaldi.nnet3_inputs import with_dropout, with_ivectors, without_dropout
from pyscorer.kaldi.nnet3_tdnnf import nnet3_from_tdnnf, tdnnf_from_nnet3
from pyscorer.kaldi.wiring import is_own_wiring

CONFIG = TdnnfConfig(
    7, dim=16, bottleneck=4, time_strides=(1, 0, 3), embedding_dim=8, prefinal_dim=16,
    prefinal_bottleneck=8,
)  # fmt: skip


@pytest.fixture
def nnet() -> Nnet3:
    torch.manual_seed(0)
    return nnet3_from_tdnnf(Tdnnf(CONFIG), None)


def test_dropout_comes_after_the_batch_norm_of_each_factored_layer(nnet: Nnet3, tmp_path: Path):
    write_nnet3(tmp_path / "net.raw", with_dropout(nnet))
    read = read_nnet3(tmp_path / "net.raw")
    assert is_own_wiring(tmp_path / "net.raw")
    assert [name for name in read.components if name.endswith("dropout")] == [
        "tdnnf2.dropout", "tdnnf3.dropout", "tdnnf4.dropout",
    ]  # fmt: skip
    fields = read.components["tdnnf2.dropout"].fields
    assert fields == {
        "Dim": 16, "BlockDim": 16, "TimePeriod": 0, "DropoutProportion": 0.0, "Continuous": True,
    }  # fmt: skip
    assert any("noop input=Sum(Scale(0.66, tdnn1.batchnorm), tdnnf2.dropout)" in line
               for line in read.config)  # fmt: skip
    plain = without_dropout(read)
    assert plain.config == nnet.config and plain.components.keys() == nnet.components.keys()


def test_a_network_trained_with_dropout_is_imported_without(nnet: Nnet3):
    ours, dropped = tdnnf_from_nnet3(nnet), tdnnf_from_nnet3(with_dropout(nnet))
    for (name, one), (_, other) in zip(
        ours.state_dict().items(), dropped.state_dict().items(), strict=True
    ):
        assert torch.equal(one, other), name


def test_ivectors_enter_the_first_layer_with_no_weight_at_first(nnet: Nnet3, tmp_path: Path):
    write_nnet3(tmp_path / "net.raw", with_ivectors(nnet, 5))
    read = read_nnet3(tmp_path / "net.raw")
    assert not is_own_wiring(tmp_path / "net.raw")
    assert read.config[0] == "input-node name=ivector dim=5"
    (spliced,) = (line for line in read.config if "name=tdnn1.affine " in line)
    assert spliced.endswith("Offset(batchnorm0, 1), ReplaceIndex(ivector, t, 0))")
    weight = read.components["tdnn1.affine"].fields["LinearParams"]
    assert weight.shape == (16, 3 * 40 + 5) and not weight[:, 120:].any()
    np.testing.assert_array_equal(
        weight[:, :120], nnet.components["tdnn1.affine"].fields["LinearParams"]
    )
