"""A file named after an utterance lies in the folder it is meant for, and is its own."""

import string
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscorer.contract.names import LONGEST, file_name
from pyscorer.errors import InputError


@pytest.mark.parametrize("key", ["u1", "s00-u", "LJ001-0001", "a.b~c,d e(2)", "日本語", "José"])
def test_ordinary_ids_are_their_own_names(key: str) -> None:
    assert file_name(key) == key


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("spk/u", "spk%2Fu"),
        ("../../../out/outside", "%2E.%2F..%2F..%2Fout%2Foutside"),
        (".", "%2E"),
        ("..", "%2E."),
        ("/etc/passwd", "%2Fetc%2Fpasswd"),
        ("C:\\u", "C%3A%5Cu"),
        ("a%2Fb", "a%252Fb"),
        ("a\0b\nc", "a%00b%0Ac"),
        ("\u202egnp", "%E2%80%AEgnp"),
        ("Jose\u0301", "Jose%CC%81"),
        ("caf\udce9", "caf%E9"),
    ],
)
def test_what_a_path_must_not_hold_is_escaped(key: str, name: str) -> None:
    assert file_name(key) == name


@pytest.mark.parametrize("key", ["", "x" * 201, "語" * 70, "/" * 70])
def test_ids_that_no_file_can_be_named_after_are_refused(key: str) -> None:
    with pytest.raises(InputError, match=r"no file can be named after it \(\d+ bytes; 1 to 200"):
        file_name(key)


@given(st.text(st.sampled_from("./\\%~\0\n\u0301" + "éA2F" + string.digits), min_size=1))
def test_every_name_is_one_component_of_a_path_and_leads_back_to_its_id(key: str) -> None:
    name = file_name(key[:20])
    assert Path("out", name).name == name and Path("out", name).parent == Path("out")
    assert not name.startswith(".") and len(name.encode()) <= LONGEST
    assert unquote(name) == key[:20]
