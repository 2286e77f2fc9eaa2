"""XML in: decoded by its own declaration, and without what makes XML dangerous."""

import codecs
import re
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from pyscorer.contract.files import opened, read_text, shown
from pyscorer.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DECLARED = re.compile(rb"""\s*<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"'>]*)["']""")
_WIDER = {"iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}
"""What files that declare these mean, as browsers take it (WHATWG Encoding, section 4.2)."""
_NO_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
"""Python's own encodings, which no file is in."""


def read_xml(path: Path) -> "Element":
    """The root of an XML file.

    Its encoding is that of its byte-order mark, else the one that it declares, else UTF-8. Raises
    InputError for encodings that are not known or that the bytes contradict, for what is not
    well-formed, by line, and for document types, entities and references to other files.
    """
    try:
        root: Element = fromstring(_decoded(path), forbid_dtd=True)
    except DefusedXmlException as error:
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Forbidden"))
        raise InputError(
            f"{path}: {kind} in XML is not read, as it can name other files and grow without "
            "bounds: take the <!DOCTYPE ...> and the <!ENTITY ...> out"
        ) from None
    except ParseError as error:
        line = error.position[0]
        raise InputError(f"{path}:{line}: not well-formed XML ({shown(str(error))})") from None
    return root


def _decoded(path: Path) -> str:
    with opened(path) as stream:
        content: bytes = stream.read()
    wide = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}.get(content[:2])
    declared = _DECLARED.match(content)
    name = wide or (declared[1].decode("latin-1") if declared else "utf-8")
    marked = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if content.startswith(marked) or name.lower() in ("utf-8", "utf8"):
        return read_text(path)
    try:
        encoding = codecs.lookup(name).name
        if encoding.replace("-", "_") in _NO_TEXT:
            raise LookupError
        text = content.decode(_WIDER.get(encoding, encoding))
    except (LookupError, ValueError) as error:
        if isinstance(error, UnicodeError):
            line = content[: getattr(error, "start", 0)].count(b"\n") + 1
            fault = f":{line}: its declaration says {shown(name)}, but its bytes are not"
        else:
            fault = f": declares the encoding {shown(name)}, which is not known"
        raise InputError(f"{path}{fault}: save it as UTF-8 and declare that") from None
    if encoding != "utf-8" and not wide and not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError:
            return text
        raise InputError(
            f"{path}: its declaration says {shown(name)}, but its bytes are UTF-8: declare that"
        )
    return text
