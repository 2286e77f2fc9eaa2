"""Phones of a published model as the corpus's: names, shared pdfs, and what does not fit."""

from pathlib import Path

import numpy as np
import pytest
from made_published import transitions

from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.pdf_phones import pdf_columns, phone_log_posteriors, read_phone_map

ALL = ("SPN", *ARPABET)


def phones_txt(folder: Path, *symbols: str) -> Path:
    path = folder / "phones.txt"
    lines = ["<eps> 0", *(f"{s} {i}" for i, s in enumerate(symbols, 1)), f"#0 {len(symbols) + 1}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def own(count: int) -> list[tuple[int, int]]:
    return [(2 * i, 2 * i + 1) for i in range(count)]


def of_pdf(columns: np.ndarray, pdf: int) -> set[str]:
    return {PHONES[i + 1] for i in np.flatnonzero(columns[pdf])}


def test_arpabet_needs_no_map_whatever_stress_and_position(tmp_path: Path):
    symbols = ["sil", "SIL_B", "SPN", *(f"{p}_B" for p in ARPABET), "AH0_E", "AH1_I"]
    columns = pdf_columns(transitions(own(len(symbols))), phones_txt(tmp_path, *symbols))
    assert of_pdf(columns, 0) == of_pdf(columns, 3) == {"SIL"}
    ah = 2 * (3 + ARPABET.index("AH"))
    places = (ah, 2 * len(symbols) - 4, 2 * len(symbols) - 1)
    assert [of_pdf(columns, pdf) for pdf in places] == [{"AH"}] * 3
    assert columns.sum() == 2 * len(symbols)


def test_a_map_from_one_phone_to_several_and_from_several_to_one(tmp_path: Path):
    path = tmp_path / "map.yaml"
    path.write_text("sp: SIL\na: [AA, AH]\na_S: AE\n'no': []\ni1: IY\n")
    phone_map = read_phone_map(path)
    symbols = ["sp", "sp_B", "a_B", "a_S", "no_I", "i1", "i2", "q"]
    phones = phones_txt(tmp_path, *symbols)
    rest = [p for p in PHONES[1:] if p not in ("SIL", "AA", "AH", "AE", "IY")]
    columns = pdf_columns(transitions(own(8)), phones, phone_map, rest)
    found = [of_pdf(columns, 2 * i) for i in range(8)]
    # a_S has an entry of its own; i2 is another phone than i1, q has none
    assert found == [{"SIL"}, {"SIL"}, {"AA", "AH"}, {"AE"}, set(), {"IY"}, set(), set()]


def test_a_pdf_that_phones_share_counts_for_all_of_them(tmp_path: Path):
    symbols = ["SIL", "S", "Z"]
    phones = phones_txt(tmp_path, *symbols)
    columns = pdf_columns(transitions([(0, 0), (1, 2), (1, 3)]), phones, None, ALL)
    assert [of_pdf(columns, pdf) for pdf in range(4)] == [{"SIL"}, {"S", "Z"}, {"S"}, {"Z"}]
    # log-posteriors .1 .4 .2 .3: S has .4 + .2, Z .4 + .3, and they need not sum to 1
    said = phone_log_posteriors(np.log([[0.1, 0.4, 0.2, 0.3]]).astype(np.float32), columns)
    expected = {"SIL": 0.1, "S": 0.6, "Z": 0.7, "AA": 1e-20}
    for phone, probability in expected.items():
        assert said[0, PHONE_ID[phone] - 1] == pytest.approx(np.log(probability), abs=1e-5)
    assert said.dtype == np.float32 and said.max() <= 0


def test_scores_that_are_no_log_posteriors_are_normalised(tmp_path: Path):
    columns = np.eye(3, 41, dtype=np.float32)
    scores = np.array([[500.0, 500.0, 499.0]])
    said = np.exp(phone_log_posteriors(scores, columns)[0, :3])
    np.testing.assert_allclose(said, np.exp(scores[0] - 500) / (2 + np.exp(-1)), rtol=1e-5)


def test_phones_that_nothing_stands_for_are_named_or_left_out_by_name(tmp_path: Path, caplog):
    symbols = ["SIL", *(p for p in ARPABET if p not in ("TH", "ZH")), "x_B", "x_E"]
    phones, model = phones_txt(tmp_path, *symbols), transitions(own(len(symbols)))
    message = r"no phone of the model stands for TH, ZH: name some .*\(left_out\).* x$"
    with pytest.raises(InputError, match=message):
        pdf_columns(model, phones)
    with pytest.raises(InputError, match="stands for ZH:"):
        pdf_columns(model, phones, None, ["TH"])
    with caplog.at_level("INFO"):
        columns = pdf_columns(model, phones, None, ["TH", "ZH"])
    assert not columns[:, [PHONE_ID["TH"] - 1, PHONE_ID["ZH"] - 1]].any()
    assert "stand for none here: x\n" in caplog.text
    assert "has nothing for: SPN TH ZH" in caplog.text
    with pytest.raises(InputError, match="left out: no phone Q; there are SIL SPN AA"):
        pdf_columns(model, phones, None, ["Q"])


@pytest.mark.parametrize(
    ("symbols", "example"),
    [
        (["SIL"], r"1 phones, where the model has 2 \(none has id 2\)"),
        (["SIL", "AA", "B"], r"3 phones, where the model has 2 \(B is none of them\)"),
    ],
)
def test_the_phones_txt_of_another_model_is_refused(
    tmp_path: Path, symbols: list[str], example: str
):
    phones = phones_txt(tmp_path, *symbols)
    with pytest.raises(InputError, match=rf"phones\.txt: {example}: it is another model's"):
        pdf_columns(transitions(own(2)), phones, None, ALL)


def test_the_published_models_own_phones_txt_is_another_models(korean: Path):
    from pyscorer.kaldi.nnet3 import read_nnet3

    model = read_nnet3(korean / "am" / "final.mdl").transition_model
    with pytest.raises(InputError, match=r"166 phones, where the model has 194 \(none has id 167"):
        pdf_columns(model, korean / "graph" / "phones.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a phone of the model and its phone"),
        ("a: QQ\n", "a: no phone QQ; there are SIL SPN AA"),
        ("a: {b: C}\n", "expected a phone, or a list of phones"),
        ("a: [AA, 1]\n", "expected a phone, or a list of phones"),
        ("a: AA\na: AE\n", "map.yaml: not YAML"),
    ],
)
def test_a_map_that_cannot_be_read(tmp_path: Path, text: str, message: str):
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_phone_map(tmp_path / "map.yaml")


def test_an_entry_for_no_phone_of_the_model(tmp_path: Path):
    phones = phones_txt(tmp_path, "SIL", "aa_B")
    with pytest.raises(InputError, match=r"phones\.txt has no phone aab; did you mean aa\?"):
        pdf_columns(transitions(own(2)), phones, {"SIL": ("SIL",), "aab": ("AA",)}, ALL)
