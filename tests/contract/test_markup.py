"""XML is decoded by what it declares, and nothing in it is followed or unfolded."""

from pathlib import Path

import pytest

from pyscorer.contract.markup import read_xml
from pyscorer.errors import InputError

BODY = "<g><p>Frag: für</p></g>"


def declared(encoding: str, body: str = BODY) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{body}'


@pytest.mark.parametrize(
    "content",
    [
        BODY.encode(),
        BODY.encode("utf-8-sig"),
        declared("UTF-8").encode(),
        declared("iso-8859-1").encode("latin-1"),
        declared("windows-1252").encode("cp1252"),
        declared("UTF-16").encode("utf-16"),
        declared("UTF-16").encode("utf-16-be"),
        BODY.encode("utf-16-le"),
        declared("UTF-8").encode("utf-16"),
        declared("GBK").encode("gb18030"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "g.xml"
    path.write_bytes(content)
    assert read_xml(path).findtext("p") == "Frag: für"


def test_apostrophes_of_windows_in_what_calls_itself_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "g.xml"
    path.write_bytes(declared("iso-8859-1", "<g>don\x92t</g>").encode("latin-1"))
    assert read_xml(path).text == "don’t"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (declared("utf-99").encode(), "declares the encoding utf-99, which is not known"),
        (declared("hex").encode(), "declares the encoding hex, which is not known"),
        (declared("unicode_escape").encode(), "unicode_escape, which is not known"),
        (declared("latin-1").encode(), "declaration says latin-1, but its bytes are UTF-8"),
        (declared("ascii").encode(), ":2: its declaration says ascii, but its bytes are not"),
        (declared("UTF-8").encode("latin-1"), ":2: not UTF-8 text, perhaps cp1252"),
        (b"<!DOCTYPE g>" + BODY.encode(), "DTD in XML is not read"),
        (b'<!DOCTYPE g SYSTEM "http://a/b">' + BODY.encode(), "DTD in XML is not read"),
        (b'<!DOCTYPE g [<!ENTITY a "aa">]><g>&a;</g>', "take the <!DOCTYPE"),
        (b"<g>\n<p></g>", ":2: not well-formed XML"),
        (b"<g>&nbsp;</g>", ":1: not well-formed XML"),
        (b"", "not well-formed XML"),
    ],
)
def test_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "g.xml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_xml(path)
