"""Audio files as recorders, browsers and uploads leave them, and Kaldi's ways to name audio."""

import csv
import io
import os
import struct
from pathlib import Path

import numpy as np
import soundfile
from bad_input import command, tried

from pyscorer.contract.datadir import read_data_dir, read_wav
from pyscorer.errors import InputError
from pyscorer.feedback.quality import read_recording

RATE = 16000
_TIME = np.arange(2 * RATE) / RATE
SPEECH = (0.3 * np.sin(900 * _TIME**1.5) * np.abs(np.sin(7 * _TIME)) ** 3).astype(np.float32)
"""Two seconds that are as lively as speech."""
D, E, H = "D. audio containers", "E. levels", "H. Kaldi's forms"


def made(samples: np.ndarray = SPEECH, form: str = "WAV", subtype: str | None = None) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, RATE, format=form, subtype=subtype)
    return stream.getvalue()


def validated(*options: str) -> str:
    """Seconds of each utterance of the data directory `data`, as `validate` writes them."""
    paths = ["--data", "data", "--lexicon", "data/lexicon.txt", "--out", "valid"]
    command("validate", *paths, "--report", "faults.csv", *options)
    read = {key: read_wav(u) for key, u in read_data_dir(Path("valid")).utterances.items()}
    told = Path("valid/utt2dur").read_text(encoding="utf-8").split()
    assert [f"{len(samples) / RATE:.3f}" for samples in read.values()] == told[1::2]
    return ", ".join(
        f"{key} of {seconds} s" for key, seconds in zip(told[::2], told[1::2], strict=True)
    )


def data_directory(scp: str, segments: str = "", utterances: str = "me") -> None:
    folder = Path("data")
    folder.mkdir(exist_ok=True)
    keys = utterances.split()
    files = {
        "text": "".join(f"{key} GO\n" for key in keys),
        "utt2spk": "".join(f"{key} {key}\n" for key in keys),
        "spk2utt": "".join(f"{key} {key}\n" for key in keys),
        "lexicon.txt": "GO G OW\n",
        "wav.scp": scp,
        **({"segments": segments} if segments else {}),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


def heard(content: bytes, name: str = "me.wav") -> str:
    """What `validate` and `score` make of a file, which must be the same."""
    Path(name).write_bytes(content)
    data_directory(f"me {name}\n")
    try:
        samples, warnings = read_recording(Path(name))
    except InputError as error:
        refused = str(error).partition(": ")[2]
        try:
            validated()
        except InputError as fault:
            with Path("faults.csv").open(encoding="utf-8", newline="") as stream:
                (row,) = csv.DictReader(stream)
            told = refused.removeprefix("not readable as audio").removeprefix("empty audio: ")
            assert told in row["fault"] or (told[:7] == "silence" and "empty" in row["fault"])
            raise fault from None
        raise AssertionError(f"validate takes what score refuses: {error}") from None
    said = validated()
    assert said == f"me of {len(samples) / RATE:.3f} s"
    return " / ".join([said, *warnings])


def as_whole(content: bytes, name: str = "me.wav", parts: int = 1) -> str:
    said = heard(content, name)
    assert said == f"me of {2 * parts:.3f} s"
    return said


def patched(place: int, number: int, content: bytes | None = None) -> bytes:
    content = content or made()
    return content[:place] + struct.pack("<I", number) + content[place + 4 :]


@tried(D, "a WAV whose RIFF size is 8 too large")
def riff_size(folder: Path) -> str:
    return as_whole(patched(4, len(made())))


@tried(D, "a WAV of a recorder that died: sizes 0")
def sizes_zero(folder: Path) -> str:
    return as_whole(patched(4, 0, patched(40, 0)))


@tried(D, "a WAV written to a pipe: sizes 0xFFFFFFFF")
def sizes_of_a_pipe(folder: Path) -> str:
    return as_whole(patched(4, 0xFFFFFFFF, patched(40, 0xFFFFFFFF)))


@tried(D, "a WAV whose data size counts the header")
def size_with_header(folder: Path) -> str:
    return as_whole(patched(40, len(made())))


@tried(D, "a WAV whose data size is that of its first second")
def size_of_first_second(folder: Path) -> str:
    return as_whole(patched(40, 2 * RATE))


@tried(D, "a WAV with a LIST chunk of odd size before the samples, not padded")
def odd_chunk(folder: Path) -> str:
    content = made()
    return as_whole(content[:36] + b"LIST" + struct.pack("<I", 5) + b"INFO\0" + content[36:])


@tried(D, "an upload cut in half: WAV")
def half_wav(folder: Path) -> str:
    return heard(made()[: len(made()) // 2])


@tried(D, "an upload cut in half: FLAC")
def half_flac(folder: Path) -> str:
    content = made(form="FLAC")
    return heard(content[: len(content) // 2], "me.flac")


@tried(D, "an upload cut in half: MP3")
def half_mp3(folder: Path) -> str:
    content = made(form="MP3")
    return heard(content[: len(content) // 2], "me.mp3")


@tried(D, "a download cut in half: Ogg")
def half_ogg(folder: Path) -> str:
    content = made(np.tile(SPEECH, 4), form="OGG")
    return heard(content[: len(content) // 2], "me.ogg")


@tried(D, "a VBR MP3 without Xing header")
def without_xing(folder: Path) -> str:
    content = made(form="MP3")
    said = heard(content[content.index(content[:2], 4) :], "me.mp3")
    assert 2.0 < float(said.split()[2]) < 2.2  # with the encoder's padding
    return said


@tried(D, "an MP3 behind an ID3 tag")
def id3(folder: Path) -> str:
    return as_whole(b"ID3\3\0\0\0\0\2\0" + bytes(256) + made(form="MP3"), "me.mp3")


@tried(D, "two MP3s joined")
def two_mp3s(folder: Path) -> str:
    return as_whole(made(form="MP3") * 2, "me.mp3", 2)


@tried(D, "two Ogg files joined")
def two_oggs(folder: Path) -> str:
    return as_whole(made(form="OGG") * 2, "me.ogg", 2)


@tried(D, "two WAVs joined")
def two_wavs(folder: Path) -> str:
    return as_whole(made() * 2, parts=2)


@tried(D, "a FLAC written to a pipe: length unknown")
def streamed_flac(folder: Path) -> str:
    content = made(form="FLAC")
    return as_whole(content[:21] + bytes([content[21] & 0xF0]) + bytes(4) + content[26:], "me.flac")


@tried(D, "a GSM WAV")
def gsm(folder: Path) -> str:
    return as_whole(made(subtype="GSM610"))


@tried(D, "an mu-law SPHERE file")
def sphere(folder: Path) -> str:
    return as_whole(made(form="NIST", subtype="ULAW"), "me.sph")


@tried(D, "an AIFF that is called .wav")
def aiff(folder: Path) -> str:
    return as_whole(made(form="AIFF"))


@tried(D, "a web page saved as .wav")
def web_page(folder: Path) -> str:
    return heard(b"<!DOCTYPE html><html><body>404 Not Found</body></html>")


@tried(D, "a WebM recording called .wav")
def webm(folder: Path) -> str:
    return heard(b"\x1a\x45\xdf\xa3" + bytes(100))


@tried(D, "an empty file")
def empty(folder: Path) -> str:
    return heard(b"")


@tried(D, "a WAV without samples")
def no_samples(folder: Path) -> str:
    return heard(made(np.zeros(0)))


@tried(D, "a pipe that nobody writes to, in place of a WAV")
def pipe(folder: Path) -> str:
    os.mkfifo("me.wav")
    data_directory("me me.wav\n")
    return validated()


@tried(D, "two hours of silence in a FLAC of a few kB")
def two_hours(folder: Path) -> str:
    one = made(np.zeros(3600 * RATE // 4, np.int16), form="FLAC")
    Path("me.flac").write_bytes(one * 8)
    data_directory("me me.flac\n")
    return validated()


@tried(E, "stereo in opposite phase")
def opposite(folder: Path) -> str:
    return heard(made(np.stack([SPEECH, -SPEECH], axis=1)))


@tried(E, "stereo with one silent channel")
def one_channel(folder: Path) -> str:
    return as_whole(made(np.stack([SPEECH, 0 * SPEECH], axis=1)))


@tried(E, "an offset of a tenth of full scale")
def offset(folder: Path) -> str:
    return as_whole(made(SPEECH + 0.1))


@tried(E, "silence with an offset")
def silent_offset(folder: Path) -> str:
    return heard(made(np.full(2 * RATE, 0.1)))


@tried(E, "float samples on the scale of 16 bits")
def scale(folder: Path) -> str:
    return heard(made(SPEECH * 32768, subtype="FLOAT"))


@tried(E, "a float sample that is not a number")
def not_a_number(folder: Path) -> str:
    samples = SPEECH.copy()
    samples[5] = np.nan
    return heard(made(samples, subtype="FLOAT"))


def segmented(segments: str) -> str:
    Path("rec.wav").write_bytes(made())
    data_directory("rec rec.wav\n", segments, "me you")
    return validated()


@tried(H, "`segments` beside wav.scp")
def segments(folder: Path) -> str:
    return segmented("me rec 0.0 1.25\nyou rec 1.25 -1\n")


@tried(H, "a segment that ends a little behind its recording")
def overshoot(folder: Path) -> str:
    return segmented("me rec 0.0 1.25\nyou rec 1.25 2.3\n")


@tried(H, "a segment that ends long after its recording")
def beyond(folder: Path) -> str:
    return segmented("me rec 0.0 1.25\nyou rec 1.25 3\n")


@tried(H, "a segment that ends before it begins")
def backwards(folder: Path) -> str:
    return segmented("me rec 0.0 1.25\nyou rec 1.25 0.5\n")


@tried(H, "a segment of a recording that wav.scp lacks")
def unknown_recording(folder: Path) -> str:
    return segmented("me rec 0.0 1.25\nyou tape 1.25 2\n")


@tried(H, "a command in wav.scp")
def a_command(folder: Path) -> str:
    data_directory("me cat me.wav |\n")
    return validated()


@tried(H, "a command in wav.scp, with --allow-commands")
def allowed_command(folder: Path) -> str:
    Path("me.wav").write_bytes(made())
    data_directory("me cat me.wav |\n")
    return validated("--allow-commands")


@tried(H, "a command that fails, with --allow-commands")
def failing_command(folder: Path) -> str:
    data_directory("me cat missing.wav | cat |\n")
    return validated("--allow-commands")


@tried(H, "an archive of waves in wav.scp")
def wave_archive(folder: Path) -> str:
    Path("wav.ark").write_bytes(b"me " + made())
    data_directory("me wav.ark:3\n")
    return validated()
