"""Sounds that are no reading of a text, 16 kHz, in [-1, 1)."""

import numpy as np

RATE = 16000
SECONDS = 4.0


def _times(seconds: float = SECONDS) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def white() -> np.ndarray:
    """Noise with as much power at every frequency."""
    return 0.1 * np.random.default_rng(0).normal(size=len(_times()))


def pink() -> np.ndarray:
    """Noise with as much power in every octave."""
    spectrum = np.fft.rfft(white())
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    samples = np.fft.irfft(spectrum)
    return 0.1 * samples / samples.std()


def swelling() -> np.ndarray:
    """Pink noise that comes and goes four times a second, as syllables do."""
    return pink() * (1 + np.sin(2 * np.pi * 4 * _times())) / 2


def tone() -> np.ndarray:
    """440 Hz."""
    return 0.3 * np.sin(2 * np.pi * 440 * _times())


def mains_hum() -> np.ndarray:
    """50 Hz and its harmonics."""
    return 0.05 * sum(np.sin(2 * np.pi * 50 * k * _times()) / k for k in range(1, 8))


def dialling() -> np.ndarray:
    """Ten digits of a telephone's keys."""
    lows, highs = (697, 770, 852, 941), (1209, 1336, 1477)
    t, gap = _times(0.2), np.zeros(round(0.15 * RATE))
    pairs = [(lows[d % 4], highs[d % 3]) for d in range(10)]
    keys = [0.2 * (np.sin(2 * np.pi * a * t) + np.sin(2 * np.pi * b * t)) for a, b in pairs]
    return np.concatenate([part for key in keys for part in (key, gap)])


def music() -> np.ndarray:
    """Chords of four plucked strings, two a second."""
    t = _times(0.5)
    chords = [(220, 277, 330, 440), (196, 247, 294, 392), (175, 220, 262, 349)] * 3
    parts = [sum(np.sin(2 * np.pi * f * k * t) / k for f in c for k in (1, 2, 3)) for c in chords]
    return np.concatenate([0.05 * part * np.exp(-4 * t) for part in parts])


def humming() -> np.ndarray:
    """Someone humming a tune: a voice with its mouth closed."""
    notes = np.repeat([196, 220, 247, 262, 247, 220, 196, 165], round(0.5 * RATE))
    pitch = np.convolve(np.pad(notes, 800, "edge"), np.ones(1600) / 1600, "same")[800:-800]
    phase = 2 * np.pi * np.cumsum(pitch + 3 * np.sin(2 * np.pi * 5 * np.arange(len(pitch)) / RATE))
    voice = sum(np.sin(k * phase / RATE) / k**2 for k in range(1, 12))
    loudness = 0.15 + 0.85 * np.abs(np.sin(np.pi * np.arange(len(pitch)) / (0.5 * RATE)))
    return 0.2 * voice * loudness


def clicks() -> np.ndarray:
    """Eight clicks a second, as of a keyboard."""
    draw = np.random.default_rng(0)
    samples = 1e-4 * draw.normal(size=len(_times()))
    for at in draw.integers(0, len(samples) - 400, 32):
        samples[at : at + 400] += 0.4 * draw.normal(size=400) * np.exp(-np.arange(400) / 60)
    return samples


def silence() -> np.ndarray:
    """Nothing at all."""
    return np.zeros(len(_times()))


SOUNDS = {
    make.__name__: make
    for make in (
        *(silence, white, pink, swelling, tone, mains_hum, dialling, music, humming, clicks),
    )
}
