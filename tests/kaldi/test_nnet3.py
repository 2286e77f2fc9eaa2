from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import pdf_owners, read_phones
from pyscorer.kaldi.nnet3 import read_nnet3, write_nnet3
from pyscorer.kaldi.nnet3_tdnnf import nnet3_from_tdnnf, tdnnf_from_nnet3

TEXT = """<Nnet3>
input-node name=input dim=2
component-node name=affine component=affine input=input
output-node name=output input=affine objective=linear

<NumComponents> 1
<ComponentName> affine <NaturalGradientAffineComponent> <MaxChange> 0.75 <L2Regularize> 0.01 \
<LearningRate> 0.0002 <LinearParams>  [
  1 2
  3 4
  5 6 ]
<BiasParams>  [ 7 8 9 ]
<RankIn> 20 <RankOut> 80 <UpdatePeriod> 4 <NumSamplesHistory> 2000 <Alpha> 4 \
</NaturalGradientAffineComponent>
</Nnet3> """


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_text_network(tmp_path: Path):
    nnet = read_nnet3(write(tmp_path / "net.raw", TEXT))
    assert nnet.config[1] == "component-node name=affine component=affine input=input"
    component = nnet.components["affine"]
    assert component.type == "NaturalGradientAffineComponent"
    np.testing.assert_array_equal(component.fields["LinearParams"], [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(component.fields["BiasParams"], [7, 8, 9])
    assert component.fields["RankOut"] == 80
    assert nnet.transition_model is None


def test_text_and_binary_of_one_model_agree(conformance: Path):
    binary = tdnnf_from_nnet3(read_nnet3(conformance / "e_tdnnf" / "final.mdl"))
    text = tdnnf_from_nnet3(read_nnet3(conformance / "e_tdnnf" / "final.raw.txt.gz"))
    for (name, one), other in zip(
        binary.state_dict().items(), text.state_dict().values(), strict=True
    ):
        # text keeps 7 digits
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5, msg=name)


def test_every_field_of_the_binary_is_read_as_the_text_says(conformance: Path):
    binary = read_nnet3(conformance / "e_tdnnf" / "final.mdl")
    text = read_nnet3(conformance / "e_tdnnf" / "final.raw.txt.gz")
    assert binary.config == text.config
    for name, component in text.components.items():
        other = binary.components[name]
        assert (other.type, list(other.fields)) == (component.type, list(component.fields))
        for field, value in component.fields.items():
            np.testing.assert_allclose(other.fields[field], value, rtol=1e-5, atol=1e-6)


def test_pdf_to_phone_of_the_transition_model(conformance: Path):
    path = conformance / "e_tdnnf" / "final.mdl"
    phones = read_phones(conformance / "c_gop" / "phones.txt")
    expected = [
        line.split()[1]
        for line in (conformance / "c_gop" / "pdf_to_phone.txt").read_text().splitlines()
    ]
    owners = pdf_owners(path, read_nnet3(path).transition_model, phones)
    assert [PHONES[phone] for phone in owners] == expected


def test_shared_pdf_is_refused(conformance: Path):
    path = conformance / "e_tdnnf" / "final.mdl"
    model = read_nnet3(path).transition_model
    model.tuples[-1, 3] = 0
    with pytest.raises(InputError, match="pdf 0 is shared by phones SIL and ZH"):
        pdf_owners(path, model, PHONES)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("NaturalGradientAffineComponent", "ConvolutionComponent", "node affine.*Convolution"),
        ("<MaxChange>", "<Newfangled>", "node affine.*<Newfangled>"),
        ("3 4", "3", "node affine.*malformed"),
        ("<RankIn> 20", "<RankIn> x", "node affine"),
        ("<Nnet3>", "<Nnet2>", "expected <Nnet3>"),
    ],
)
def test_what_is_not_known_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str):
    path = write(tmp_path / "net.raw", TEXT.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_nnet3(path)


def test_cut_files_are_refused(tmp_path: Path, conformance: Path):
    whole = (conformance / "e_tdnnf" / "final.mdl").read_bytes()
    cut = tmp_path / "cut.mdl"
    for size in (10, 3000, 200_000, len(whole) // 2):
        cut.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.mdl"):
            read_nnet3(cut)
    for size in range(0, len(TEXT) - 12, 13):
        with pytest.raises(InputError, match=r"cut\.raw"):
            read_nnet3(write(tmp_path / "cut.raw", TEXT[:size]))


def test_unknown_precision_names_the_node(tmp_path: Path, conformance: Path):
    whole = (conformance / "e_tdnnf" / "final.mdl").read_bytes()
    at = whole.index(b"FM ", whole.index(b"tdnnf2.linear <TdnnComponent>"))
    broken = tmp_path / "half.mdl"
    broken.write_bytes(whole[:at] + b"HM " + whole[at + 3 :])
    with pytest.raises(InputError, match=r"node tdnnf2\.linear.*'HM'"):
        read_nnet3(broken)


def test_a_network_that_is_not_a_tdnnf_is_refused(tmp_path: Path, conformance: Path):
    with pytest.raises(InputError, match="not a TDNN-F"):
        tdnnf_from_nnet3(read_nnet3(write(tmp_path / "net.raw", TEXT)))
    whole = (conformance / "e_tdnnf" / "final.mdl").read_bytes()
    rewired = tmp_path / "rewired.mdl"
    rewired.write_bytes(
        whole.replace(b"component=tdnnf5.relu input=tdnnf5.affine",
                      b"component=tdnnf5.relu input=tdnnf4.affine")
    )  # fmt: skip
    with pytest.raises(InputError, match=r"name=tdnnf5\.relu"):
        tdnnf_from_nnet3(read_nnet3(rewired))


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.mdl: no such file"):
        read_nnet3(tmp_path / "none.mdl")


def test_a_model_read_and_written_is_byte_for_byte_kaldis(tmp_path: Path, conformance: Path):
    original = conformance / "e_tdnnf" / "final.mdl"
    write_nnet3(tmp_path / "final.mdl", read_nnet3(original))
    assert (tmp_path / "final.mdl").read_bytes() == original.read_bytes()


def test_a_network_written_for_kaldi_has_the_structure_and_values_of_kaldis_own(conformance: Path):
    nnet = read_nnet3(conformance / "e_tdnnf" / "final.mdl")
    made = nnet3_from_tdnnf(tdnnf_from_nnet3(nnet), nnet.transition_model)
    assert (made.config, list(made.components)) == (nnet.config, list(nnet.components))
    assert (made.left_context, made.right_context) == (24, 24)
    # What training leaves behind: gathered statistics, and how many frames they are from.
    statistics = {"ValueAvg", "DerivAvg", "OderivRms", "Count"}
    for name, component in nnet.components.items():
        other = made.components[name]
        assert (other.type, list(other.fields)) == (component.type, list(component.fields)), name
        for field in component.fields.keys() - statistics:
            value, found = component.fields[field], other.fields[field]
            np.testing.assert_allclose(found, value, rtol=1e-6, err_msg=f"{name} {field}")


@pytest.mark.parametrize("strides", [(0,), (1, 0, 3)])
def test_a_network_survives_the_way_through_a_kaldi_file_bit_for_bit(tmp_path: Path, strides):
    config = TdnnfConfig(
        num_pdfs=5, input_dim=4, dim=6, bottleneck=3, time_strides=strides,
        bypass_scale=0.75, embedding_dim=2, prefinal_dim=7, prefinal_bottleneck=3,
    )  # fmt: skip
    network = Tdnnf(config).eval()
    network.batchnorm0.running_mean.normal_()
    write_nnet3(tmp_path / "net.raw", nnet3_from_tdnnf(network, None))
    again = tdnnf_from_nnet3(read_nnet3(tmp_path / "net.raw"))
    assert again.config == config
    for (name, value), other in zip(
        network.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name


def test_a_network_and_the_tree_of_another_are_refused(conformance: Path):
    nnet = read_nnet3(conformance / "e_tdnnf" / "final.mdl")
    with pytest.raises(InputError, match="the network has 7 pdfs, its tree 248"):
        nnet3_from_tdnnf(Tdnnf(TdnnfConfig(num_pdfs=7)), nnet.transition_model)
