"""Speech from ARPAbet phones: espeak-ng through its C interface."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import espeakng_loader
import numpy as np
import soxr

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError

_MNEMONICS = {
    "AA": "A:", "AE": "a", "AH": "V", "AO": "O:", "AW": "aU", "AY": "aI", "B": "b", "CH": "tS",
    "D": "d", "DH": "D", "EH": "E", "ER": "3:", "EY": "eI", "F": "f", "G": "g", "HH": "h",
    "IH": "I", "IY": "i:", "JH": "dZ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "N",
    "OW": "oU", "OY": "OI", "P": "p", "R": "r", "S": "s", "SH": "S", "T": "t", "TH": "T",
    "UH": "U", "UW": "u:", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "Z",
}  # fmt: skip
_REDUCED = {"AH": "@", "ER": "3", "IY": "i"}
"""Phones that espeak-ng's English spells otherwise where unstressed."""

# Values of espeak-ng's public header, speak_lib.h.
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_CHARS_UTF8, _PHONEMES = 1, 0x100
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Voice:
    """How a speaker sounds."""

    name: str
    """espeak-ng voice and variant, as `en-us+f3`."""
    pitch: int
    """0..100, 50 being the variant's own."""
    warp: float
    """Factor on all frequencies: above 1, a shorter vocal tract."""


def mnemonics(phones: Sequence[str], stressed: int | None) -> str:
    """One word in espeak-ng's phoneme notation; `stressed` is the index of the stressed vowel.

    The bar keeps neighbours such as T SH from being read as one phoneme.
    """
    symbols = [
        f"'{_MNEMONICS[phone]}" if index == stressed else _REDUCED.get(phone, _MNEMONICS[phone])
        for index, phone in enumerate(phones)
    ]
    return "|".join(symbols)


@cache
def _library() -> tuple[Any, Any, list[np.ndarray], int]:
    """The initialised library, its callback, the list that fills, and its sample rate."""
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise InputError(
            f"espeak-ng: its library does not load ({error}): reinstall espeakng-loader"
        ) from None
    library.espeak_Initialize.argtypes = [
        ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int,
    ]  # fmt: skip
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
        ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.espeak_TextToPhonemes.argtypes = [
        ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int,
    ]  # fmt: skip
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    data = str(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
    if rate <= 0:
        raise InputError(f"espeak-ng: cannot read its data in {data.decode()}")
    chunks: list[np.ndarray] = []

    def collect(samples: Any, number: int, _events: Any) -> int:
        if samples and number > 0:
            chunks.append(np.ctypeslib.as_array(samples, (number,)).copy())
        return 0

    callback = _CALLBACK(collect)
    library.espeak_SetSynthCallback(callback)
    # The callback is returned to stay alive: the library holds a bare pointer to it.
    return library, callback, chunks, rate


def read_aloud(text: str, voice: str) -> list[str]:
    """How espeak-ng would say `text`: its phoneme names, stress marks included, in order."""
    library, *_ = _library()
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise InputError(f"espeak-ng: no voice {voice}")
    buffer = ctypes.create_string_buffer(text.encode())
    place = ctypes.c_void_p(ctypes.addressof(buffer))
    names: list[str] = []
    while place.value:  # a call a clause; at the end of the text the place becomes null
        said = library.espeak_TextToPhonemes(ctypes.byref(place), _CHARS_UTF8, ord("|") << 8)
        names += said.decode().replace(" ", "|").split("|")
    return [name for name in names if name]


def synthesise(voice: Voice, words: Sequence[str], tempo: float, melody: int) -> np.ndarray:
    """Speak words in phoneme notation: float32 samples at 16 kHz, silence at both ends cut.

    `tempo` is in words a minute (espeak-ng's own default is 175), `melody` the pitch range 0..100.

    espeak-ng keeps state between calls: only the same sequence of calls in a new process gives
    the same samples again.
    """
    library, _, chunks, rate = _library()
    if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise InputError(f"espeak-ng: no voice {voice.name}")
    # Warping by resampling also shortens: espeak-ng speaks slower by the same factor.
    library.espeak_SetParameter(_RATE, max(80, round(tempo / voice.warp)), 0)
    library.espeak_SetParameter(_PITCH, voice.pitch, 0)
    library.espeak_SetParameter(_RANGE, melody, 0)
    library.espeak_SetParameter(_VOLUME, 80, 0)
    chunks.clear()
    text = f"[[{' '.join(words)}]]".encode()
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _CHARS_UTF8 | _PHONEMES, None, None)
    samples = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    loud = np.flatnonzero(np.abs(samples) > 30)
    if len(loud) == 0:
        raise InputError(f"espeak-ng: voice {voice.name} said nothing for {text.decode()}")
    speech = samples[loud[0] : loud[-1] + 1].astype(np.float32) / 32768
    return np.asarray(soxr.resample(speech, rate * voice.warp, SAMPLE_RATE), dtype=np.float32)
