"""Stages `kaldi_alignment` and `kaldi_posteriors`: what Kaldi's programs wrote, as the contract.

After these no stage knows which engine ran (docs/contract.md).
"""

import heapq
import logging
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np

from pyscorer.alignment.viterbi import pronunciations, word_segments
from pyscorer.contract.archives import archive_writer, read_matrices, write_archive
from pyscorer.contract.ctm import FRAME_SHIFT, Segment, write_ctm
from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.files import atomic_open, read_table
from pyscorer.contract.phones import PHONES
from pyscorer.contract.segments import write_frame_shift
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi import pdf_owners, read_phones
from pyscorer.kaldi.lang_phones import lang_phones
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


def kaldi_alignment(
    data: Path,
    lexicon: Path,
    lengths: list[Path],
    out: Path,
    canonical: bool = False,
    word_positions: bool = False,
) -> None:
    """Write an alignment of Kaldi as the stage `align` writes its own: in the corpus's phones.

    `canonical` and `word_positions` as in kaldi_lang. `lengths` are texts of ali-to-phones
    --write-lengths=true (`utterance phone frames ; phone frames ; ...`). Writes `out/ali.scp`,
    `phones.ctm`, `words.ctm`, `phones.txt` and `failed`.

    Raises InputError for a phone number that is none of a phone, and for phones that are no
    pronunciation of the utterance's words. Utterances that Kaldi left out are listed in `failed`.
    """
    entries, base = read_lexicon(lexicon), lang_phones(word_positions).base
    aligned: dict[str, str] = {}
    for path in lengths:
        aligned |= read_table(path)
    utterances = read_data_dir(data).utterances
    phones: dict[str, list[Segment]] = {}
    words: dict[str, list[Segment]] = {}

    def stream() -> Iterator[tuple[str, np.ndarray]]:
        for key, utterance in progress_bar(utterances.items(), desc="kaldi_alignment"):
            if key not in aligned:
                continue
            segments, frames = _segments(key, aligned[key], base)
            spoken, _ = pronunciations(utterance, entries, canonical)
            try:
                words[key] = word_segments(segments, spoken, utterance.words)
            except ValueError as error:
                raise InputError(f"{key}: {error}: another lexicon than Kaldi's?") from None
            phones[key] = segments
            yield key, frames
        failed = [key for key in utterances if key not in aligned]
        write_ctm(out / "phones.ctm", phones.items())
        write_ctm(out / "words.ctm", words.items())
        with atomic_open(out / "phones.txt") as file:
            file.writelines(f"{phone} {index}\n" for index, phone in enumerate(PHONES))
        with atomic_open(out / "failed") as file:
            file.writelines(f"{key} not aligned by gmm-align-compiled\n" for key in failed)
        if failed:
            log.warning("%d utterances not aligned: %s", len(failed), " ".join(failed[:10]))

    write_archive(out / "ali.scp", stream())


def _segments(key: str, text: str, base: Sequence[int]) -> tuple[list[Segment], np.ndarray]:
    segments: list[Segment] = []
    ids: list[int] = []
    start = 0
    for part in text.split(";"):
        fields = part.split()
        if len(fields) != 2 or not all(re.fullmatch("[0-9]{1,7}", field) for field in fields):
            raise InputError(f"{key}: expected `phone frames ; ...`, found {part.strip()[:40]!r}")
        number, length = map(int, fields)
        if not 0 < number < len(base):
            raise InputError(f"{key}: phone {number}; phones go from 1 to {len(base) - 1}")
        phone = base[number]
        segments.append(Segment(PHONES[phone], start, length))
        ids += [phone] * length
        start += length
    return segments, np.array(ids, dtype=np.int32)


def kaldi_posteriors(
    model: Path, posteriors: list[Path], embeddings: list[Path], out: Path
) -> None:
    """Write what nnet3-compute gave as the stage `export` writes its own.

    `model` has its phones.txt beside it, unless its phones are the corpus's by number. `posteriors`
    are sorted scp files of log-posteriors over pdfs (node output-xent), `embeddings`
    of node prefinal-l, both at every third frame. Writes `out/embed.scp`, `out/post.scp`
    (log-posteriors of phone ids 1..41: pdfs of a phone summed) and `out/frame_shift`. Streams.
    """
    transitions = read_nnet3(model).transition_model
    if transitions is None:
        raise InputError(f"{model}: a raw network: the phones of its pdfs are not known")
    owners = pdf_owners(model, transitions, read_phones(model.with_name("phones.txt"))) - 1
    with archive_writer(out / "embed.scp") as write:
        for key, matrix in _merged(embeddings):
            write(key, matrix)
    with archive_writer(out / "post.scp") as write:
        for key, matrix in _merged(posteriors):
            if matrix.shape[1] != len(owners):
                raise InputError(
                    f"{posteriors[0].parent}: {key}: {matrix.shape[1]} columns; {model} has "
                    f"{len(owners)} pdfs"
                )
            phones = np.zeros((len(matrix), len(PHONES) - 1))
            np.add.at(phones.T, owners, np.exp(matrix.astype(np.float64)).T)
            write(key, np.log(np.maximum(phones, 1e-20)).astype(np.float32))
    write_frame_shift(out, 3 * FRAME_SHIFT)


def _merged(archives: list[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """The utterances of all shards, sorted."""
    return heapq.merge(*map(read_matrices, archives), key=itemgetter(0))
