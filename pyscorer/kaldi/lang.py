"""Stage `kaldi_lang`: what the scripts of kaldi_recipes/ read beside Kaldi's own files.

Kaldi's prepare_lang.sh without position-dependent phones, and the recordings as Kaldi's programs
take them.
"""

import logging
import math
from collections import Counter
from pathlib import Path

import kaldifst
import numpy as np

from pyscorer.alignment.gmm_model import topology_text
from pyscorer.alignment.viterbi import SILENCE_PROBABILITY, report_unknown
from pyscorer.chain.fst import save_fst
from pyscorer.contract.audio import encoded
from pyscorer.contract.datadir import read_data_dir, read_wav
from pyscorer.contract.files import atomic_open, write_table
from pyscorer.contract.phones import PHONE_ID, PHONES, SILENCE, UNKNOWN_PHONE
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

UNKNOWN_WORD = "<UNK>"


def kaldi_lang(data: Path, lexicon: Path, out: Path, canonical: bool = False) -> None:
    """Prepare a data directory and its lexicon for Kaldi's programs.

    `canonical`: a word whose canonical phones the data directory gives is an entry of its own in
    the lexicon, spoken in this way alone.

    Writes `out/L.fst`, `words.txt`, `phones.txt`, `topo`, `topo.chain`, `disambig.int` (empty: L
    has no such symbols), `sets.int`, `roots.int` (each phone a root of its own), `text.int`,
    `utt2spk`, `spk2utt`, and `wav.scp` with `wav.ark`: every recording as 16-bit PCM, whatever
    format the corpus has. Streams.

    Raises InputError naming the utterance whose audio cannot be read.
    """
    directory = read_data_dir(data)
    if not directory.utterances:
        raise InputError(f"{data}/text: no utterances")
    entries = read_lexicon(lexicon)
    spoken = {key: list(u.words) for key, u in directory.utterances.items()}
    if canonical:
        for key, utterance in directory.utterances.items():
            for place, pronunciation in enumerate(utterance.canonical or ()):
                spoken[key][place] = "_".join((utterance.words[place], *pronunciation))
                entries[spoken[key][place]] = [pronunciation]
    words = ["<eps>", UNKNOWN_WORD, *sorted(entries), "#0", "<s>", "</s>"]
    word_id = {word: i for i, word in enumerate(words)}
    out.mkdir(parents=True, exist_ok=True)
    fst = lexicon_fst(entries, word_id)
    save_fst(fst, out / "L.fst")
    unknown: Counter[str] = Counter()
    texts, speakers = {}, {}
    for key, utterance in directory.utterances.items():
        unknown.update(word for word in spoken[key] if word not in word_id)
        ids = [word_id.get(word, word_id[UNKNOWN_WORD]) for word in spoken[key]]
        texts[key] = " ".join(map(str, ids))
        speakers[key] = utterance.speaker
    report_unknown(unknown, lexicon)
    of_speaker: dict[str, list[str]] = {}
    for key in sorted(speakers):
        of_speaker.setdefault(speakers[key], []).append(key)
    phones = range(1, len(PHONES))
    everything = {
        "words.txt": "".join(f"{word} {i}\n" for i, word in enumerate(words)),
        "phones.txt": "".join(f"{phone} {i}\n" for i, phone in enumerate(PHONES)),
        "topo": topology_text() + "\n",
        "topo.chain": chain_topology_text() + "\n",
        "disambig.int": "",
        "sets.int": "".join(f"{phone}\n" for phone in phones),
        "roots.int": "".join(f"shared split {phone}\n" for phone in phones),
    }
    for name, text in everything.items():
        with atomic_open(out / name) as stream:
            stream.write(text)
    write_table(out / "text.int", texts)
    write_table(out / "utt2spk", speakers)
    write_table(out / "spk2utt", {key: " ".join(keys) for key, keys in of_speaker.items()})
    index = {}
    with atomic_open(out / "wav.ark", "wb") as archive:
        for key in progress_bar(sorted(texts), desc=f"kaldi_lang {data}"):
            samples = np.round(read_wav(directory.utterances[key]) * 32768).clip(-32768, 32767)
            archive.write(f"{key} ".encode())
            index[key] = f"{out / 'wav.ark'}:{archive.tell()}"
            archive.write(encoded(samples.astype(np.int16), "WAV"))
    write_table(out / "wav.scp", index)
    log.info("%s: %d utterances, %d words", out, len(texts), len(entries))


def lexicon_fst(lexicon: Lexicon, word_id: dict[str, int]) -> kaldifst.StdVectorFst:
    """L: phones in, words out, optional silence (Kaldi's make_lexicon_fst.py --sil-prob=0.5)."""
    no_cost, pause_cost = -math.log(1 - SILENCE_PROBABILITY), -math.log(SILENCE_PROBABILITY)
    fst = kaldifst.StdVectorFst()
    start, loop, pause = (fst.add_state() for _ in range(3))
    fst.start = start
    fst.set_final(loop, 0)
    fst.add_arc(start, kaldifst.StdArc(0, 0, no_cost, loop))
    fst.add_arc(start, kaldifst.StdArc(0, 0, pause_cost, pause))
    fst.add_arc(pause, kaldifst.StdArc(PHONE_ID[SILENCE], 0, 0, loop))
    variants: list[tuple[str, tuple[str, ...]]] = [(UNKNOWN_WORD, (UNKNOWN_PHONE,))]
    variants += [(word, phones) for word in sorted(lexicon) for phones in lexicon[word]]
    for word, phones in variants:
        state, output = loop, word_id[word]
        for phone in phones[:-1]:
            following = fst.add_state()
            fst.add_arc(state, kaldifst.StdArc(PHONE_ID[phone], output, 0, following))
            state, output = following, 0
        last = PHONE_ID[phones[-1]]
        fst.add_arc(state, kaldifst.StdArc(last, output, no_cost, loop))
        fst.add_arc(state, kaldifst.StdArc(last, output, pause_cost, pause))
    kaldifst.arcsort(fst, "olabel")
    return fst


def chain_topology_text() -> str:
    """Kaldi's chain topology: one state, its forward and self-loop pdfs apart."""
    phones = " ".join(str(i) for i in range(1, len(PHONES)))
    return (
        f"<Topology>\n<TopologyEntry>\n<ForPhones>\n{phones}\n</ForPhones>\n"
        "<State> 0 <ForwardPdfClass> 0 <SelfLoopPdfClass> 1 <Transition> 0 0.5 "
        "<Transition> 1 0.5 </State>\n<State> 1 </State>\n</TopologyEntry>\n</Topology>"
    )
