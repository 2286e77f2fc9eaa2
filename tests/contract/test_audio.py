"""Reading audio: by the samples that are there, whatever headers say."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pyscorer.contract import audio
from pyscorer.contract.audio import decode, decode_span, read_audio
from pyscorer.errors import InputError

RATE = 16000
SPEECH = (0.3 * np.sin(np.arange(2 * RATE) ** 1.1 / 9) * np.hanning(2 * RATE)).astype(np.float32)


def made(samples: np.ndarray = SPEECH, form: str = "WAV", subtype: str | None = None) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, RATE, format=form, subtype=subtype)
    return stream.getvalue()


def wave(
    stated: int | None = None,
    riff: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    data: bytes | None = None,
) -> bytes:
    """A WAV of 16 bits whose sizes are as told."""
    if data is None:
        data = (SPEECH * 32767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    size = len(data) if stated is None else stated
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + before + b"data" + struct.pack("<I", size)
    body += data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


@pytest.fixture
def read(tmp_path):
    """Read bytes as a file would be."""

    def read(content: bytes, name: str = "a.wav", **options) -> audio.Recording:
        path = tmp_path / name
        path.write_bytes(content)
        return decode(path, **options)

    return read


LIST = b"LIST" + struct.pack("<I", 12) + b"INFOISFTabc\0"
WHOLE = {
    "right": wave(),
    "RIFF size 8 too large": wave(riff=len(wave())),
    "RIFF size 0": wave(riff=0),
    "RIFF size of a pipe": wave(riff=0xFFFFFFFF, stated=0xFFFFFFFF),
    "sizes of sox to a pipe": wave(riff=0x7FFFF024, stated=0x7FFFF000),
    "sizes 0, of a recorder that died": wave(riff=0, stated=0),
    "data size counts the header": wave(stated=2 * len(SPEECH) + 44),
    "data size from the first buffer": wave(stated=4096),
    "a chunk before the samples": wave(before=LIST),
    "an odd chunk without padding before": wave(before=b"note" + struct.pack("<I", 3) + b"abc"),
    "an odd chunk with padding before": wave(before=b"note" + struct.pack("<I", 3) + b"abc\0"),
    "a chunk behind the samples": wave(after=LIST),
    "a cut chunk behind the samples": wave(after=LIST[:-6]),
    "ID3v1 behind the samples": wave(after=b"TAG".ljust(128)),
    "junk behind the samples": wave(after=bytes(range(256))),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_wav_with_odd_sizes_is_read_to_its_end_and_no_further(read, case):
    recording = read(WHOLE[case])
    expected = (SPEECH * 32767).astype("<i2") / np.float32(32768)
    assert recording.faults == () and np.array_equal(recording.samples, expected)


@pytest.mark.parametrize("lacking", [1, 2, 100])
def test_less_than_a_frame_shift_that_lacks_does_not_make_a_file_cut(read, lacking):
    recording = read(wave()[:-lacking])
    assert recording.faults == () and len(recording.samples) == len(SPEECH) - -(-lacking // 2)


def test_a_wav_without_samples_but_with_chunks_is_empty(read):
    assert len(read(wave(stated=0, data=b"", after=LIST)).samples) == 0


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        *(("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "GSM610")),
        *(("WAV", s) for s in ("IMA_ADPCM", "MS_ADPCM")),
        *(("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("NIST", "PCM_16")),
        *(("AIFF", s) for s in ("PCM_16", "FLOAT", "ULAW")),
        *(("AU", s) for s in ("PCM_16", "ALAW", "FLOAT")),
        *(("CAF", s) for s in ("PCM_16", "PCM_24", "ULAW")),
        *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
    ],
)
def test_the_first_half_of_any_format_is_called_cut_and_the_whole_is_not(read, form, subtype):
    content = made(form=form, subtype=subtype)
    assert not read(content).faults
    half = content[: len(content) // 2]
    if form == "OGG":  # little of it is in the first half but headers
        with pytest.raises(InputError, match="cut short"):
            read(half)
    else:
        assert "cut short" in read(half).faults[0]


def test_a_cut_flac_is_called_damaged_or_cut(read):
    content = made(form="FLAC")
    with pytest.raises(InputError, match="damaged or cut short"):
        read(content[: len(content) // 2])
    assert read(content + b"TAG".ljust(128)).faults == ()


def unknown_size(form: str) -> bytes:
    content = bytearray(made(form=form, subtype="PCM_16"))
    at = content.find(b"data" if form != "AIFF" else b"SSND")
    if form == "W64":
        content[at + 16 : at + 24] = struct.pack("<Q", 0)
    elif form == "CAF":
        content[at + 4 : at + 12] = struct.pack(">q", -1)
    elif form == "AU":
        content[8:12] = b"\xff" * 4
    elif form == "AIFF":
        content[at + 4 : at + 8] = struct.pack(">I", 0)
        common = content.find(b"COMM")
        content[common + 10 : common + 14] = bytes(4)
    elif form == "NIST":
        content = content.replace(b"sample_count -i 32000", b"sample_count -i 00000")
    elif form == "FLAC":
        content[21:26] = bytes([content[21] & 0xF0]) + bytes(4)
    return bytes(content)


@pytest.mark.parametrize("form", ["W64", "CAF", "AU", "AIFF", "NIST", "FLAC"])
def test_a_stream_whose_header_has_no_size_is_read_to_its_end(read, form):
    recording = read(unknown_size(form))
    assert recording.faults == () and len(recording.samples) == len(SPEECH)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)],
)
def test_joined_files_are_read_one_after_the_other(read, form, subtype):
    one = made(form=form, subtype=subtype)
    alone, joined = read(one), read(one + one)
    assert joined.faults == ()
    assert np.allclose(joined.samples, np.tile(alone.samples, 2), atol=1e-6)


def test_joined_files_of_two_rates_are_refused(read):
    other = io.BytesIO()
    soundfile.write(other, SPEECH, 8000, format="WAV")
    with pytest.raises(InputError, match="16000 Hz and 8000 Hz, joined"):
        read(made() + other.getvalue())


def without_xing(content: bytes) -> bytes:
    first = content.find(b"\xff", 4)
    while content[first : first + 2] != content[:2]:
        first = content.find(b"\xff", first + 1)
    return content[first:]


ID3 = b"ID3\x03\0\0\0\0\x02\x00" + bytes(256)


def test_an_mp3_without_its_count_of_frames_is_read_to_its_end(read):
    content = made(form="MP3")
    assert b"Info" in content[:64] or b"Xing" in content[:64]
    bare = read(without_xing(content))
    # Nothing says how much of it is the encoder's delay and padding.
    assert bare.faults == () and len(SPEECH) < len(bare.samples) < len(SPEECH) + 2500


def test_tags_and_junk_around_an_mp3_are_passed_over(read):
    content = made(form="MP3")
    plain = read(content)
    for around in (ID3 + content, content + b"TAG".ljust(128, b"\0"), content + b"<html>"):
        found = read(around)
        assert found.faults == () and np.allclose(found.samples, plain.samples, atol=1e-6)
    assert np.allclose(read(ID3 + made(form="FLAC")).samples, read(made()).samples, atol=1e-4)


def test_channels_are_averaged_and_an_offset_is_taken_off(read):
    two = np.stack([SPEECH, 0.5 * SPEECH], axis=1)
    assert np.array_equal(read(made(two, subtype="FLOAT")).samples, two.mean(axis=1))
    assert np.array_equal(read(made(SPEECH + 0.004, subtype="FLOAT")).samples, SPEECH + 0.004)
    shifted = read(made(SPEECH + 0.1, subtype="FLOAT"))
    assert abs(shifted.samples.mean()) < 1e-6 and shifted.peak == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        (np.stack([SPEECH, -SPEECH], axis=1), "cancel"),
        (np.stack([SPEECH, -0.9 * SPEECH], axis=1), "cancel"),
        (np.stack([SPEECH + 0.1, 0.1 - SPEECH], axis=1), "cancel"),
        (SPEECH * 32768, "scale of integers"),
        (np.where(np.arange(len(SPEECH)) == 9, np.nan, SPEECH), "not numbers"),
        (np.where(np.arange(len(SPEECH)) == 9, np.inf, SPEECH), "not numbers"),
    ],
)
def test_what_models_would_hear_wrongly_is_named(read, tmp_path, samples, fault):
    recording = read(made(samples.astype(np.float32), subtype="FLOAT"))
    assert fault in recording.faults[0]
    with pytest.raises(InputError, match=f"a.wav: .*{fault}"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("other", [np.zeros_like(SPEECH), np.roll(SPEECH, 4000), 0.1 - SPEECH / 9])
def test_unlike_channels_do_not_cancel(read, other):
    two = np.stack([SPEECH, other], axis=1)
    assert read(made(two, subtype="FLOAT")).faults == ()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "ULAW", "ALAW", "FLOAT"])
def test_full_scale_is_that_of_the_code(read, subtype):
    clipped = np.clip(SPEECH * 8, -1, 1)
    assert read(made(clipped, subtype=subtype)).full_scale > 0.3
    assert read(made(SPEECH, subtype=subtype)).full_scale == 0


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b'{"error": "not found"}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\x1a\x45\xdf\xa3" + bytes(90), "WebM"),
        (b"\0\0\0\x20ftypM4A " + bytes(90), "MP4"),
        (b"#!AMR\n" + bytes(90), "AMR"),
        (b"PK\x03\x04" + bytes(90), "ZIP"),
        (b"hello there", "text"),
        (bytes(range(256)), "not readable as audio"),
        (wave()[:40], "not readable as audio"),
    ],
)
def test_what_is_no_audio_is_called_what_it_is(read, content, what):
    with pytest.raises(InputError, match=rf"a\.wav: .*{what}"):
        read(content)


def test_folders_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path, tmp_path / "pipe.wav", Path("/dev/zero"), tmp_path / "none.wav"):
        with pytest.raises(InputError):
            decode(path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(wave())
    (tmp_path / "a.wav").chmod(0)
    if os.access(tmp_path / "a.wav", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InputError, match="cannot be read"):
        decode(tmp_path / "a.wav")


def test_hours_of_silence_in_a_small_file_are_not_unfolded(read):
    content = made(np.zeros(600 * RATE, np.int16), form="FLAC")
    assert len(content) < 100_000
    with pytest.raises(InputError, match="600 s of audio"):
        read(content, longest=30)
    with pytest.raises(InputError, match="more than 30 s of audio"):
        read(content + content, longest=30)


@pytest.mark.parametrize("rate", [1, 100_000_000])
def test_a_rate_that_no_recording_has_is_refused(read, rate):
    content = bytearray(wave())
    content[24:28] = struct.pack("<I", rate)
    with pytest.raises(InputError, match=f"a rate of {rate} Hz"):
        read(bytes(content))


def test_a_wav_in_an_archive_is_read_by_its_byte(tmp_path):
    start = len(b"a " + wave() + b"b ")
    (tmp_path / "wav.ark").write_bytes(b"a " + wave() + b"b " + wave(data=b"\1\2" * 99) + b"c ")
    assert len(decode(Path(f"{tmp_path}/wav.ark:2")).samples) == len(SPEECH)
    assert len(decode(Path(f"{tmp_path}/wav.ark:{start}")).samples) == 99
    for place in (3, 99_999_999):
        with pytest.raises(InputError, match=f"no WAV at byte {place}"):
            decode(Path(f"{tmp_path}/wav.ark:{place}"))


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "GSM610"), ("FLAC", "PCM_16"), ("MP3", None), ("OGG", "VORBIS")],
)
def test_a_span_is_the_same_stretch_of_the_whole(tmp_path, form, subtype):
    path = tmp_path / "a"
    path.write_bytes(made(form=form, subtype=subtype))
    whole = decode(path).samples
    assert np.array_equal(decode_span(path, 0.5, 1.25).samples, whole[8000:20000])
    assert np.array_equal(decode_span(path, 1.75, -1).samples, whole[28000:])
    assert np.array_equal(decode_span(path, 1.75, 2.25).samples, whole[28000:36000])
    with pytest.raises(InputError, match=r"ends 0\.\d+ s before 2.8 s"):
        decode_span(path, 1.75, 2.8)
    with pytest.raises(InputError, match="behind its end"):
        decode_span(path, 2.5, 2.8)


def test_a_span_of_a_stream_without_a_length(tmp_path):
    (tmp_path / "a").write_bytes(unknown_size("FLAC"))
    assert len(decode_span(tmp_path / "a", 0.5, 1.25).samples) == 12000
    assert len(decode_span(tmp_path / "a", 1.5, -1).samples) == 8000


def test_a_header_that_begins_its_samples_at_itself_ends(read):
    content = made(form="AU")
    with pytest.raises(InputError, match="not readable as audio"):
        read(content[:4] + bytes(4) + content[8:])
