"""The stage `ctc_gop`: goodness of pronunciation without segments, by a model of CTC.

Cao, Fan, Svendsen & Salvi, "Segmentation-free goodness of pronunciation", arXiv 2507.16838, 2025,
and "A framework for phoneme-level pronunciation assessment using CTC", Interspeech 2024.
"""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import PHONE_ID
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.recording import Recording
from pyscorer.contract.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    durations,
    read_frame_shift,
)
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.measures.corpus import Archive, read_recordings
from pyscorer.measures.ctc_paths import OTHER, alternatives, log_sum
from pyscorer.measures.phone_map import NAMES, PhoneMap, make_phone_map, write_phone_map
from pyscorer.pretrained.ctc_posteriors import read_tokens_of
from pyscorer.progress import progress_bar

CTC_MEASURES = ("ctc_gop", "ctc_gop_norm", "ctc_lpp", "log_rival")
"""Those of the columns that are goodness of pronunciation."""
RATIOS = ("lpr_deletion", *(f"lpr_{name}" for name in NAMES))
DELETED = "-"
"""What is shown as heard where nothing was."""
_MOST = 50.0
"""Largest log ratio: beyond it lies what no token writes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CtcGop:
    """Segmentation-free GOP, its features, and what was heard in the place of each phone.

    Reads the output `ctc`, T x tokens. With L the phones of the text and L' each sequence that has
    another sound, or none, in the place of one phone (substitutions and the deletion, the paper's
    SD), all by the sum over the paths that CTC collapses to them:

    ctc_gop: log p(L) - log (p(L) + sum of p(L')), equation 5, the paper's GOP-SF-SD, <= 0;
    ctc_gop_norm: the same by the expected number of frames of the phone, at least 1 (equation 6;
    expected given L, where the paper takes the mean over all L');
    ctc_lpp: log p(L) by the number of phones, one value an utterance;
    log_rival: log p(L) - log p(L') of the likeliest L', and `rival` its phone's id (0: none, SPN's
    for a sound that no phone is); ctc_frames: that number of frames;
    lpr_deletion, lpr_<PHONE>, lpr_other: log p(L) - log p(L') of each L' (equation 15).
    """

    phone_map: PhoneMap
    name: str = "ctc_gop"

    @property
    def columns(self) -> tuple[str, ...]:
        """CTC_MEASURES, rival, ctc_frames, DURATION_COLUMNS and RATIOS."""
        return (*CTC_MEASURES, "rival", "ctc_frames", *DURATION_COLUMNS, *RATIOS)

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x columns. Raises InputError for posteriors that do not fit the phone map."""
        output, phones = recording.output("ctc"), [s.phone for s in recording.segments]
        source, width = output.source or "ctc", len(self.phone_map.tokens)
        if output.matrix.shape[1] != width:
            raise InputError(
                f"{source}: {recording.key}: {output.matrix.shape[1]} columns, of {width} tokens; "
                "run ctc_posteriors again"
            )
        y = self.phone_map.posteriors(output.matrix)
        found = alternatives(y, phones, self.phone_map.units, NAMES)
        if not np.isfinite(found.canonical):
            raise InputError(
                f"utterance {recording.key}: {len(phones)} phones in {len(y)} frames of "
                f"{output.shift:g} s, which CTC cannot write: take a model of a shorter frame "
                "shift, or leave it out"
            )
        others = np.column_stack([found.deleted, found.substituted])
        all_of_them = np.column_stack([others, np.full(len(phones), found.canonical)])
        gop = found.canonical - log_sum(all_of_them, 1)
        ratios = np.clip(found.canonical - others, -_MOST, _MOST)
        rival = ratios.argmin(axis=1)
        least = ratios.min(axis=1)
        own = [1 + NAMES.index(phone) if phone in NAMES else 0 for phone in phones]
        known = [phone in NAMES for phone in phones]
        ratios[known, np.array(own)[known]] = 0.0
        frames = np.maximum(found.frames, 1.0)
        lpp = np.full(len(phones), found.canonical / len(phones))
        return np.column_stack(
            [
                *(gop, gop / frames, lpp, least),
                *(_RIVAL_IDS[rival], found.frames, durations(recording.segments), ratios),
            ]
        )

    def heard(self, row: np.ndarray) -> str:
        """What is likelier than the phone of a row, or the empty text where nothing is."""
        place = {name: i for i, name in enumerate(self.columns)}
        if row[place["log_rival"]] >= 0:
            return ""
        return _RIVALS[int(np.argmin(row[place[RATIOS[0]] :]))]


_RIVALS = (DELETED, *NAMES)
_RIVAL_IDS = np.array([PHONE_ID.get({OTHER: "SPN"}.get(name, name), 0) for name in _RIVALS])


def ctc_gop(data: Path, ali: Path, ctc: Path, out: Path, phone_map: Path | None = None) -> None:
    """Measure the goodness of pronunciation of every phone of data/text by CTC.

    Reads the phones of ali/phones.ctm and words.ctm (which phones, not when) and of `ctc`, an
    output of ctc_posteriors, post.scp, tokens.json and frame_shift. Tokens are taken for ARPAbet or
    IPA; lines `token PHONE ...` of the file `phone_map` go before (see
    `phone_map.read_phone_map`).

    Writes a pooled directory with the columns of CtcGop, `out/heard.csv` (utterance, phone_index,
    phone, ctc_gop, heard: what is likelier than the phone, `-` for nothing) and
    `out/phone_map.txt` (what every token was taken for). Streams.

    Raises InputError for tokens that are not sounds of speech, a line of the map of an unknown
    token or phone, and naming the utterance that is missing, of another length, or has more phones
    than CTC can write in its frames.
    """
    utterances, tokens = read_utterances(data), read_tokens_of(ctc)
    made = make_phone_map(tokens.names, tokens.blank, phone_map)
    write_phone_map(out / "phone_map.txt", made)
    measure = CtcGop(made)
    archives = {"ctc": Archive(ctc / "post.scp", read_frame_shift(ctc), "ctc_posteriors")}
    with atomic_open(out / "heard.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["utterance", "phone_index", "phone", "ctc_gop", "heard"])

        def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
            recordings = read_recordings(data, utterances, ali, archives)
            for recording in progress_bar(recordings, "ctc_gop", len(utterances), unit="utt"):
                matrix = measure(recording)
                for i, (s, row) in enumerate(zip(recording.segments, matrix, strict=True)):
                    line = [recording.key, i, s.phone, f"{row[0]:.5f}", measure.heard(row)]
                    table.writerow(line)
                yield recording.key, list(recording.segments), matrix

        write_pooled(out, measure.columns, rows())
    log.info("goodness of pronunciation by CTC of %d utterances in %s", len(utterances), out)
