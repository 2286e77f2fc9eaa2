"""Stage `kaldi_lang`: what the scripts of kaldi_recipes/ read beside Kaldi's own files.

Kaldi's prepare_lang.sh, with word-position phones where they are asked for, and the recordings as
Kaldi's programs take them.
"""

import hashlib
import logging
import shlex
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import kaldifst
import numpy as np

from pyscorer.alignment.gmm_model import topology_text
from pyscorer.alignment.lexicon_fst import lexicon_fst
from pyscorer.alignment.viterbi import report_unknown
from pyscorer.chain.fst import save_fst
from pyscorer.contract.audio import encoded
from pyscorer.contract.datadir import Utterance, read_data_dir, read_wav
from pyscorer.contract.files import atomic_open, read_table, write_table
from pyscorer.contract.phones import ARPABET, SILENCE, UNKNOWN_PHONE, UNKNOWN_WORD
from pyscorer.errors import InputError
from pyscorer.kaldi.lang_phones import PLAIN, LangPhones, lang_phones
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


def kaldi_lang(
    data: list[Path],
    lexicon: list[Path],
    out: Path,
    canonical: bool = False,
    volumes: bool = False,
    word_positions: bool = False,
) -> None:
    """Prepare data directories and their lexicons for Kaldi's programs, as one.

    `canonical`: a word whose canonical phones the data directory gives is an entry of its own in
    the lexicon, spoken in this way alone. `volumes`: the network hears each recording louder or
    softer (perturb_data_dir_volume.sh), at a factor from 1/8 to 2 that its name gives.
    `word_positions`: phones are told apart by their place in their word, see `lang_phones`.

    Writes `out/L.fst`, `words.txt`, `phones.txt`, `topo`, `topo.chain`, `disambig.int` (empty: L
    has no such symbols), `silence.csl`, `sets.int`, `roots.int` (each phone a root of its own, for
    all its places), `extra_questions.int`, `word_boundary.int` (both empty without places),
    `text.int`, `utt2spk`, `spk2utt`, `spk2uniq` (of a copy's speaker the original), `wav.scp` with
    `wav.ark`: every recording as 16-bit PCM, whatever format the corpus has, and `louder.scp`,
    which gives them at the network's volumes. Streams.

    Raises InputError naming the utterance whose audio cannot be read, or that two directories have.
    """
    joined = _joined(data)
    if not joined.utterances:
        raise InputError(f"{data[0]}/text: no utterances")
    entries: Lexicon = {}
    for path in lexicon:
        for word, variants in read_lexicon(path).items():
            entries[word] = list(dict.fromkeys([*entries.get(word, ()), *variants]))
    spoken = {key: list(u.words) for key, u in joined.utterances.items()}
    if canonical:
        for key, utterance in joined.utterances.items():
            for place, pronunciation in enumerate(utterance.canonical or ()):
                spoken[key][place] = "_".join((utterance.words[place], *pronunciation))
                entries[spoken[key][place]] = [pronunciation]
    words = ["<eps>", UNKNOWN_WORD, *sorted(entries), "#0", "<s>", "</s>"]
    word_id = {word: i for i, word in enumerate(words)}
    out.mkdir(parents=True, exist_ok=True)
    phones = lang_phones(word_positions)
    save_fst(_lexicon_fst(entries, word_id, phones), out / "L.fst")
    unknown: Counter[str] = Counter()
    texts = {}
    for key, said in spoken.items():
        unknown.update(word for word in said if word not in word_id)
        texts[key] = " ".join(str(word_id.get(word, word_id[UNKNOWN_WORD])) for word in said)
    report_unknown(unknown, lexicon[0])
    with atomic_open(out / "words.txt") as stream:
        stream.writelines(f"{word} {i}\n" for i, word in enumerate(words))
    _write_phones(phones, out)
    write_table(out / "text.int", texts)
    of_speaker: dict[str, list[str]] = {}
    for key in sorted(joined.speakers):
        of_speaker.setdefault(joined.speakers[key], []).append(key)
    write_table(out / "utt2spk", joined.speakers)
    write_table(out / "spk2utt", {key: " ".join(keys) for key, keys in of_speaker.items()})
    write_table(out / "spk2uniq", {key: joined.originals.get(key, key) for key in of_speaker})
    index = _write_recordings(joined.utterances, out)
    write_table(out / "wav.scp", index)
    if volumes:
        index = {key: _louder(key, place) for key, place in index.items()}
    write_table(out / "louder.scp", index)
    log.info("%s: %d utterances, %d words", out, len(texts), len(entries))


def _write_phones(phones: LangPhones, out: Path) -> None:
    sets = [" ".join(map(str, versions)) for versions in phones.sets()]
    speech = list(chain.from_iterable(phones.sets(ARPABET)))
    everything = {
        "phones.txt": [f"{phone} {i}" for i, phone in enumerate(phones.symbols)],
        "topo": [topology_text(speech, phones.silence)],
        "topo.chain": [chain_topology_text(phones)],
        "disambig.int": [],
        "silence.csl": [":".join(map(str, phones.silence))],
        "sets.int": sets,
        "roots.int": [f"shared split {versions}" for versions in sets],
        "extra_questions.int": [" ".join(map(str, asked)) for asked in phones.questions],
        "word_boundary.int": [f"{phone} {place}" for phone, place in phones.boundaries],
    }
    for name, lines in everything.items():
        with atomic_open(out / name) as stream:
            stream.writelines(f"{line}\n" for line in lines)


@dataclass
class _Joined:
    """Utterances of all directories, by key."""

    utterances: dict[str, Utterance] = field(default_factory=dict)
    speakers: dict[str, str] = field(default_factory=dict)
    """Key -> speaker; one whose name another corpus has as well is called after its own, too."""
    originals: dict[str, str] = field(default_factory=dict)
    """Speaker of copies -> speaker."""


def _joined(data: list[Path]) -> _Joined:
    joined, owners = _Joined(), dict[str, Path]()
    places: dict[str, Path] = {}
    for folder in data:
        copied = read_table(folder / "utt2uniq") if (folder / "utt2uniq").is_file() else {}
        for key, utterance in read_data_dir(folder).utterances.items():
            if key in places:
                raise InputError(
                    f"{folder}/text: {key}: {places[key]} has an utterance of this name as well: "
                    "acoustic_data wants datasets whose utterances have names of their own"
                )
            speaker = utterance.speaker
            if owners.setdefault(speaker, folder) != folder:
                speaker = f"{folder.parent.name}-{folder.name}-{speaker}"
            places[key], joined.utterances[key] = folder, utterance
            joined.speakers[key] = speaker
            if original := joined.speakers.get(copied.get(key, "")):
                joined.originals[speaker] = original
    return joined


def _write_recordings(utterances: dict[str, Utterance], out: Path) -> dict[str, str]:
    """Write `out/wav.ark`; key -> where in it."""
    index = {}
    with atomic_open(out / "wav.ark", "wb") as archive:
        for key in progress_bar(sorted(utterances), desc=f"kaldi_lang {out}"):
            samples = np.round(read_wav(utterances[key]) * 32768).clip(-32768, 32767)
            archive.write(f"{key} ".encode())
            index[key] = f"{out / 'wav.ark'}:{archive.tell()}"
            archive.write(encoded(samples.astype(np.int16), "WAV"))
    return index


def _louder(key: str, place: str) -> str:
    """Entry of a scp file: a recording at another volume."""
    digest = hashlib.sha256(f"volume {key}".encode()).digest()
    factor = 0.125 + int.from_bytes(digest[:8], "big") / 2**64 * (2 - 0.125)
    return f"wav-reverberate --volume={factor:.4f} {shlex.quote(place)} - |"


def _lexicon_fst(
    lexicon: Lexicon, word_id: dict[str, int], phones: LangPhones
) -> kaldifst.StdVectorFst:
    variants: list[tuple[str, tuple[str, ...]]] = [(UNKNOWN_WORD, (UNKNOWN_PHONE,))]
    variants += [(word, spoken) for word in sorted(lexicon) for spoken in lexicon[word]]
    entries = [(word_id[word], phones.of_word(spoken)) for word, spoken in variants]
    fst = lexicon_fst(entries, [phones.number[SILENCE]])
    kaldifst.arcsort(fst, "olabel")
    return fst


def chain_topology_text(phones: LangPhones = PLAIN) -> str:
    """Kaldi's chain topology: one state, its forward and self-loop pdfs apart."""
    numbers = " ".join(str(i) for i in range(1, len(phones.symbols)))
    return (
        f"<Topology>\n<TopologyEntry>\n<ForPhones>\n{numbers}\n</ForPhones>\n"
        "<State> 0 <ForwardPdfClass> 0 <SelfLoopPdfClass> 1 <Transition> 0 0.5 "
        "<Transition> 1 0.5 </State>\n<State> 1 </State>\n</TopologyEntry>\n</Topology>"
    )
