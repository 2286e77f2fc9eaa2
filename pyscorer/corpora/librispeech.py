"""Reader of LibriSpeech (Panayotov et al., ICASSP 2015), in its official layout.

`<folder>/SPEAKERS.TXT` and `<folder>/<split>/<speaker>/<chapter>/`, which holds
`<speaker>-<chapter>.trans.txt` and one FLAC file an utterance. The lexicon
`librispeech-lexicon.txt` lies in the folder or beside it.
"""

from pathlib import Path

from pyscorer.contract.datadir import DataDir, Utterance
from pyscorer.contract.files import read_lines, read_table
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.normalise import english_words, lexicon_spelling
from pyscorer.lexicon.syllables import read_stresses

LEXICON = "librispeech-lexicon.txt"


def read(folder: Path, split: str) -> CorpusPart:
    """Read `split`, for instance train-clean-100; it has no labels and no canonical phones.

    The lexicon is cut to the words of the split. Words that it lacks are left to the validator.

    Raises InputError naming what is missing.
    """
    source = folder / split
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; is {split} a split that was downloaded?")
    genders = _read_speakers(folder / "SPEAKERS.TXT")
    file = _lexicon(folder)
    whole = read_lexicon(file)
    spelling = lexicon_spelling(whole)
    data = DataDir()
    for transcript in sorted(source.glob("*/*/*.trans.txt")):
        speaker = transcript.parent.parent.name
        if speaker not in genders:
            raise InputError(f"{folder}/SPEAKERS.TXT: lacks speaker {speaker}, who is in {source}")
        data.speakers[speaker] = {"gender": genders[speaker]}
        for key, text in read_table(transcript).items():
            audio = (transcript.parent / f"{key}.flac").absolute()
            with naming(f"{transcript}: {key}"):
                words = tuple(english_words(text, spelling))
            data.utterances[key] = Utterance(key, speaker, audio, words)
    if not data.utterances:
        raise InputError(f"{source}: no speaker/chapter/*.trans.txt below it")
    said = {word for u in data.utterances.values() for word in u.words}
    lexicon = {word: variants for word, variants in whole.items() if word in said}
    stresses = {word: v for word, v in read_stresses(file).items() if word in said}
    return CorpusPart(data, lexicon, stresses=stresses)


def _lexicon(folder: Path) -> Path:
    for place in (folder, folder.parent):
        if (place / LEXICON).exists():
            return place / LEXICON
    raise InputError(
        f"{folder / LEXICON}: no such file, here or one folder up; the manifest names its source"
    )


def _read_speakers(path: Path) -> dict[str, str]:
    """Speaker -> m or f."""
    genders = {}
    for number, line in read_lines(path):
        if line.startswith(";") or not line.strip():
            continue
        fields = [f.strip() for f in line.split("|")]
        if len(fields) < 5 or fields[1] not in ("M", "F"):
            raise InputError(f"{path}:{number}: not `speaker | M or F | subset | minutes | name`")
        genders[fields[0]] = fields[1].lower()
    return genders
