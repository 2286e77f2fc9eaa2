"""Spoilt audio files: samples, or an InputError; never a crash, a hang, or memory without bound."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mutations import fresh, fuzz, mutated, survives

from pyscorer.contract.audio import decode, decode_span, read_audio
from pyscorer.contract.datadir import format_span, read_segments

TONE = 0.3 * np.sin(np.arange(6000) ** 1.1 / 9)
FORMATS = [
    *(("WAV", s) for s in ("PCM_16", "PCM_U8", "FLOAT", "ULAW", "GSM610", "IMA_ADPCM", "MS_ADPCM")),
    *(("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("NIST", "PCM_16")),
    *(
        ("AIFF", "PCM_16"),
        ("AIFF", "ALAW"),
        ("AU", "PCM_16"),
        ("CAF", "PCM_16"),
        ("CAF", "ALAC_16"),
    ),
    *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
]


def made(form: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, TONE, 16000, format=form, subtype=subtype)
    return stream.getvalue()


VALID = {f"{form}-{subtype}": made(form, subtype) for form, subtype in FORMATS}


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A file of any format: faults anywhere, and in its header in particular; sometimes joined."""
    content = VALID[draw(st.sampled_from(sorted(VALID)))]
    if draw(st.booleans()):
        head = draw(st.integers(12, 128))
        content = draw(mutated(content[:head])) + content[head:]
    else:
        content = draw(mutated(content))
    if draw(st.integers(0, 4)) == 0:
        content += VALID[draw(st.sampled_from(sorted(VALID)))]
    return content


@fuzz
@given(spoilt())
def test_a_spoilt_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = fresh(tmp_path_factory) / "spoilt"
    path.write_bytes(content)
    whole = survives(lambda: decode(path, 30))
    if not isinstance(whole, Exception):
        assert whole.samples.dtype == np.float32 and len(whole.samples) <= 30 * whole.rate
    samples = survives(lambda: read_audio(path))
    if not isinstance(samples, Exception):
        assert np.isfinite(samples).all() and len(samples) > 0
    survives(lambda: decode_span(path, 0.1, 0.25))


@fuzz
@given(mutated(b"a rec 0 1.25\nb rec 1.25 -1\nc tape 0.5 2.75\n"))
def test_spoilt_segments_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    path = fresh(tmp_path_factory) / "segments"
    path.write_bytes(content)
    spans = survives(lambda: read_segments(path))
    if not isinstance(spans, Exception):
        assert all(0 <= s.start < s.end < 1e9 or s.end == -1 for s in spans.values())
        lines = [f"{key} {format_span(span)}" for key, span in spans.items()]
        path.write_text("".join(f"{line}\n" for line in lines))
        assert list(read_segments(path)) == list(spans)
