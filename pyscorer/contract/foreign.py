"""What a file is that is called audio and is not, or not in a format that is read here."""

import re

_CONVERT = "; convert it to WAV or FLAC"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (rb"\x1a\x45\xdf\xa3", "WebM or Matroska" + _CONVERT),
    (rb"....ftyp", "MP4 (m4a, mov)" + _CONVERT),
    (rb"\x30\x26\xb2\x75", "Windows Media" + _CONVERT),
    (rb"#!AMR", "AMR" + _CONVERT),
    (rb"#!SILK|\x02#!SILK", "SILK, of a messenger" + _CONVERT),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "AAC" + _CONVERT),
    (rb"ajkg", "Shorten" + _CONVERT),
    (rb"FLV\x01", "Flash video" + _CONVERT),
    (rb"\x00\x05\x16[\x00\x07]", "what macOS keeps beside a file (AppleDouble); leave it out"),
    (rb"PK\x03\x04", "a ZIP archive; unpack it"),
    (rb"\x1f\x8b", "compressed with gzip; unpack it"),
    (rb"%PDF|\xd0\xcf\x11\xe0|\x89PNG|\xff\xd8\xff", "a document or a picture"),
    (rb"version https://git-lfs", "a pointer of Git LFS; run `git lfs pull`"),
    (rb"\s*<", "a web page or XML: the download went wrong"),
    (rb"\s*[{\[]\s*[\"{\[\]}]", "JSON: the download went wrong"),
)
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e]+")
_SPHERE_WITHIN = re.compile(rb"NIST_1A.*sample_coding[^\n]*shorten", re.DOTALL)


def what_it_is(head: bytes) -> str:
    """What the first bytes of a file tell of it, with what to do; "" if it may be audio."""
    for beginning, name in _BEGINNINGS:
        if re.match(beginning, head, re.DOTALL):
            return name
    if _SPHERE_WITHIN.match(head):
        return "SPHERE compressed with Shorten; convert it with sph2pipe"
    return "text" if _TEXT.fullmatch(head) and head[:4] != b"NIST" else ""
