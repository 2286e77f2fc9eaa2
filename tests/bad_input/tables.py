"""Bytes, tables and people's own data: kinds B, C, H (lexicons) and I."""

import json
import math
import struct
import wave
from pathlib import Path

from bad_input import command, tried

from pyscorer.contract.datadir import read_labels
from pyscorer.lexicon.dictionary import read_lexicon

TEXT = {"s0-u": "THE DOG RAN", "s1-u": "THE DOG"}
LEXICON = "DOG D AO G\nRAN R AE N\nTHE DH AH\nTHE DH IY\n"
ASPECTS = "accuracy,completeness,fluency,prosodic,total"
SCORES = f"utterance,{ASPECTS}\ns0-u,5,10,6,7,5\ns1-u,5,10,6,7,7.5\n"
VALID = "data: 2 utterances are valid"


def tone(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        samples = (int(9000 * math.sin(i / 7)) for i in range(16000))
        file.writeframes(b"".join(struct.pack("<h", s) for s in samples))


def data_directory(folder: Path, **files: str | bytes) -> None:
    """A valid data directory `data`, with some of its files replaced."""
    tone(folder / "wav/s.wav")
    contents: dict[str, str | bytes] = {
        "text": "".join(f"{key} {text}\n" for key, text in TEXT.items()),
        "wav.scp": "".join(f"{key} wav/s.wav\n" for key in TEXT),
        "utt2spk": "s0-u s0\ns1-u s1\n",
        "spk2utt": "s0 s0-u\ns1 s1-u\n",
        "lexicon.txt": LEXICON,
    }
    contents |= {name.replace("__", "."): content for name, content in files.items()}
    (folder / "data").mkdir()
    for name, content in contents.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / "data" / name).write_bytes(raw)


def validate(*options: str) -> str:
    said = command(
        *("validate", "--data", "data", "--lexicon", "data/lexicon.txt", "--out", "valid"),
        *("--report", "report.csv", *options),
    )
    return "\n".join(line for line in said.splitlines() if "audio:" not in line)


def scored(folder: Path, scores: str | bytes) -> str:
    data_directory(folder, utterance_scores__csv=scores)
    said = validate()
    assert read_labels(folder / "valid", "utterance")["total"].tolist() == [5, 7.5]
    return said


# B. bytes


@tried("B. bytes", "a Kaldi text with a byte-order mark, as Notepad saves it")
def marked(folder: Path) -> str:
    data_directory(folder, text="\ufeffs0-u THE DOG RAN\ns1-u THE DOG\n")
    said = validate()
    assert said.startswith(VALID)
    return said


@tried("B. bytes", "a Kaldi text in UTF-16 with Windows line ends")
def utf16(folder: Path) -> str:
    data_directory(folder, text="s0-u THE DOG RAN\r\ns1-u THE DOG\r\n".encode("utf-16"))
    said = validate()
    assert said.startswith(VALID)
    return said


@tried("B. bytes", "two marked files put together by cat")
def joined(folder: Path) -> str:
    data_directory(folder, text="\ufeffs0-u THE DOG RAN\n\ufeffs1-u THE DOG\n")
    return validate()


@tried("B. bytes", "a Kaldi text in UTF-16 without a byte-order mark")
def unmarked(folder: Path) -> str:
    data_directory(folder, text="s0-u THE DOG RAN\ns1-u THE DOG\n".encode("utf-16-le"))
    return validate()


@tried("B. bytes", "a lexicon in Windows-1252")
def windows(folder: Path) -> str:
    data_directory(folder, lexicon__txt=LEXICON.encode() + "CAFÉ K AE F EY\n".encode("cp1252"))
    return validate()


@tried("B. bytes", "a folder in the place of a text")
def a_folder(folder: Path) -> str:
    data_directory(folder)
    (folder / "data/text").unlink()
    (folder / "data/text").mkdir()
    return validate()


@tried("B. bytes", "an id with a zero-width space in it")
def invisible(folder: Path) -> str:
    data_directory(folder, text="s0-u THE DOG RAN\ns1\u200b-u THE DOG\n")
    return validate()


@tried("B. bytes", "an id that names another folder: ../../s0")
def slashes(folder: Path) -> str:
    data_directory(
        folder,
        text="../../s0 THE DOG RAN\n",
        wav__scp="../../s0 wav/s.wav\n",
        utt2spk="../../s0 s0\n",
        spk2utt="s0 ../../s0\n",
    )
    said = validate()
    assert said.startswith("data: 1 utterances are valid")
    return said


def prepared(folder: Path, grammar: bytes) -> str:
    rows = "Id\tPrompt\tRecResult\tlanguage\tmeaning\n"
    rows += "".join(f"a{i}\tFrag: für\tyes {i}\tcorrect\tcorrect\n" for i in range(8))
    (folder / "train.csv").write_text(rows, encoding="utf-8")
    (folder / "test.csv").write_text(rows.replace("\na", "\nb"), encoding="utf-8")
    (folder / "grammar.xml").write_bytes(grammar)
    files = [x for n in ("train.csv", "test.csv", "grammar.xml") for x in (f"--{n[:-4]}", n)]
    command("prepare_responses", "--out", "out", *files)
    written = (folder / "out/grammar.xml").read_text(encoding="utf-8")
    assert "für" in written
    return "the prompt is Frag: für"


def grammar_of(declaration: str, head: str = "") -> str:
    return (
        f"{declaration}{head}<grammar><prompt_unit><prompt>Frag: für</prompt>"
        "<translated_prompt>ask</translated_prompt><response>yes</response></prompt_unit></grammar>"
    )


def declared(encoding: str) -> str:
    return grammar_of(f'<?xml version="1.0" encoding="{encoding}"?>')


@tried("B. bytes", "a grammar that declares Latin-1, and is in it")
def latin1(folder: Path) -> str:
    return prepared(folder, declared("ISO-8859-1").encode("latin-1"))


@tried("B. bytes", "a grammar that declares GB18030, and is in it")
def chinese(folder: Path) -> str:
    return prepared(folder, declared("gb18030").encode("gb18030"))


@tried("B. bytes", "a grammar in UTF-16")
def wide(folder: Path) -> str:
    return prepared(folder, declared("UTF-16").encode("utf-16"))


@tried("B. bytes", "a grammar that declares Latin-1, and is in UTF-8")
def contradicted(folder: Path) -> str:
    return prepared(folder, declared("ISO-8859-1").encode())


@tried("B. bytes", "a grammar that declares UTF-8, and is in Latin-1")
def contradicted_too(folder: Path) -> str:
    return prepared(folder, declared("UTF-8").encode("latin-1"))


@tried("B. bytes", "a grammar that declares the encoding utf-99")
def nonsense(folder: Path) -> str:
    return prepared(folder, declared("utf-99").encode())


@tried("B. bytes", "a grammar with entities that grow, a billion laughs")
def laughs(folder: Path) -> str:
    entities = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">'
    return prepared(folder, grammar_of("", f"<!DOCTYPE g [{entities}]>").encode())


@tried("B. bytes", "a grammar that names another file as entity")
def external(folder: Path) -> str:
    entity = '<!ENTITY a SYSTEM "file:///etc/hostname">'
    return prepared(folder, grammar_of("", f"<!DOCTYPE g [{entity}]>").encode())


# C. tables


@tried("C. tables", "scores as a spreadsheet saves them: a byte-order mark, quotes, Windows lines")
def spreadsheet(folder: Path) -> str:
    quoted = "\r\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in SCORES.splitlines()
    )
    return scored(folder, ("\ufeff" + quoted + "\r\n").encode())


@tried("C. tables", "scores with semicolons and decimal commas, after Excel's line sep=;")
def semicolons(folder: Path) -> str:
    return scored(folder, "sep=;\n" + SCORES.replace(",", ";").replace(".", ","))


@tried("C. tables", "scores with tabs, in UTF-16: Excel's Unicode text")
def tabs(folder: Path) -> str:
    return scored(folder, SCORES.replace(",", "\t").encode("utf-16"))


@tried("C. tables", "scores with blanks in cells, hundreds of empty columns and empty lines")
def blanks(folder: Path) -> str:
    lines = [line.replace(",", " ,  ") + "," * 300 for line in SCORES.splitlines()]
    return scored(folder, "\n".join([*lines, "," * 305, "", ""]))


@tried("C. tables", "scores with a comma too many at the end of every row")
def surplus(folder: Path) -> str:
    header, *rows = SCORES.splitlines()
    return scored(folder, "\n".join([header, *(row + "," for row in rows)]))


@tried("C. tables", "the same in one row, with --drop-faulty")
def surplus_dropped(folder: Path) -> str:
    data_directory(folder, utterance_scores__csv=SCORES.replace("s1-u,5", "s1-u,5,"))
    said = validate("--drop-faulty")
    assert list(read_labels(folder / "valid", "utterance")["utterance"]) == ["s0-u"]
    return said


@tried("C. tables", "a spreadsheet's #N/A among the scores")
def not_available(folder: Path) -> str:
    return scored(folder, SCORES.replace("7.5", "#N/A"))


@tried("C. tables", "a score of inf")
def infinite(folder: Path) -> str:
    return scored(folder, SCORES.replace("7.5", "inf"))


@tried("C. tables", "scores out of 100")
def hundreds(folder: Path) -> str:
    return scored(folder, SCORES.replace("7.5", "75"))


@tried("C. tables", "a quote that is not closed")
def open_quote(folder: Path) -> str:
    return scored(folder, SCORES.replace("s1-u", '"s1-u'))


@tried("C. tables", "a misspelled column")
def misspelled(folder: Path) -> str:
    return scored(folder, SCORES.replace("fluency", "fluence"))


@tried("C. tables", "an Excel workbook renamed to .csv")
def workbook(folder: Path) -> str:
    return scored(folder, b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" + bytes(64))


@tried("C. tables", "an age of -3 and a gender of `not said`")
def attributes(folder: Path) -> str:
    data_directory(folder, spk2age="s0 -3\ns1 12\n", spk2gender="s0 not said\ns1 m\n")
    return validate()


@tried("C. tables", "a manifest with a key twice")
def key_twice(folder: Path) -> str:
    (folder / "mine.yaml").write_text("name: mine\nfolder: a\nfolder: b\n")
    return command(
        *("prepare", "--corpus", "mine", "--split", "a", "--out", "out", "--manifests", ".")
    )


@tried("C. tables", "a manifest of a corpus with a split named `no`")
def norway(folder: Path) -> str:
    (folder / "mine.yaml").write_text("name: mine\nsplits:\n  no: {utterances: 1}\n")
    return command(
        *("prepare", "--corpus", "mine", "--split", "no", "--out", "out", "--manifests", ".")
    )


@tried("C. tables", "a manifest with a Python object in it")
def python_object(folder: Path) -> str:
    (folder / "mine.yaml").write_text("name: !!python/object/apply:os.system [id]\n")
    return command(
        *("prepare", "--corpus", "mine", "--split", "a", "--out", "out", "--manifests", ".")
    )


# H. Kaldi's forms


@tried("H. Kaldi's forms", "Kaldi's entries of silence and noise in a lexicon: !SIL SIL, <UNK> SPN")
def noises(folder: Path) -> str:
    data_directory(folder, lexicon__txt="!SIL SIL\n<UNK> SPN\n[noise] NSN\n" + LEXICON)
    said = validate()
    assert set(read_lexicon(folder / "valid/lexicon.txt")) == {"DOG", "RAN", "THE"}
    return said


@tried("H. Kaldi's forms", "!SIL in a text")
def silence_in_text(folder: Path) -> str:
    text = "s0-u !SIL THE DOG RAN\ns1-u THE DOG\n"
    data_directory(folder, lexicon__txt="!SIL SIL\n" + LEXICON, text=text)
    return validate("--unknown-words")


@tried("H. Kaldi's forms", "a word whose phone is <eps>")
def epsilon(folder: Path) -> str:
    data_directory(folder, lexicon__txt=LEXICON.replace("D AO G", "<eps>"))
    return validate()


@tried("H. Kaldi's forms", "a word with silence in its middle")
def inner_silence(folder: Path) -> str:
    data_directory(folder, lexicon__txt=LEXICON.replace("D AO G", "D SIL AO G"))
    return validate()


@tried("H. Kaldi's forms", "lexiconp.txt, with probabilities")
def probabilities(folder: Path) -> str:
    lines = [line.replace(" ", " 0.5 ", 1) for line in LEXICON.splitlines()]
    data_directory(folder, lexicon__txt="\n".join(lines) + "\n")
    said = validate()
    assert read_lexicon(folder / "valid/lexicon.txt")["THE"] == [("DH", "AH"), ("DH", "IY")]
    return said


# I. own data


@tried("I. own data", "the CMU dictionary's variants THE(2), comments, stress and small letters")
def cmudict(folder: Path) -> str:
    variants = LEXICON.replace("THE DH IY", "THE(2) dh iy0 # the end\n\n;;; comment")
    data_directory(folder, lexicon__txt=variants)
    said = validate()
    assert read_lexicon(folder / "valid/lexicon.txt")["THE"] == [("DH", "AH"), ("DH", "IY")]
    return said


@tried("I. own data", "a lexicon in small letters for a text in capitals")
def small_letters(folder: Path) -> str:
    data_directory(folder, lexicon__txt=LEXICON.replace("DOG", "dog"))
    return validate()


@tried("I. own data", "a lexicon with phones of another inventory")
def other_phones(folder: Path) -> str:
    data_directory(folder, lexicon__txt=LEXICON.replace("D AO G", "d ɒ ɡ"))
    return validate()


def own_corpus(folder: Path, scores: str) -> str:
    """A corpus of one utterance in speechocean762's layout."""
    root = folder / "speechocean762"
    tone(root / "WAVE/s.wav")
    files = {
        "resource/lexicon.txt": LEXICON,
        "resource/text-phone": "u.0 DH_B AH0_E\nu.1 D_B AO1_I G_E\n",
        "resource/scores.json": scores,
    }
    for split in ("train", "test"):
        files |= {f"{split}/text": "u THE DOG\n", f"{split}/wav.scp": "u WAVE/s.wav\n"}
        files |= {f"{split}/utt2spk": "u s\n", f"{split}/spk2utt": "s u\n"}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    manifests = Path(__file__).resolve().parents[2] / "data_manifests"
    said = command(
        *("prepare", "--corpus", "speechocean762", "--split", "train", "--out", "out"),
        *("--root", ".", "--manifests", str(manifests)),
    )
    unscored = [line for line in said.splitlines() if "without a score" in line]
    assert all(table.exists() for table in (folder / "out").glob("*_scores.csv"))
    return "; ".join(unscored) or "all is scored"


WORDS = [
    {"text": "THE", "accuracy": 5, "stress": 10, "total": 5, "phones-accuracy": [1, 2]},
    {"text": "DOG", "accuracy": 5, "stress": 10, "total": 5, "phones-accuracy": [1, 2, 2]},
]
ENTRY = dict(zip(ASPECTS.split(","), (5, 10, 6, 7, 5), strict=True)) | {"words": WORDS}


def without(*keys: str) -> str:
    entry = {k: v for k, v in ENTRY.items() if k not in keys}
    if "words" not in keys:
        entry["words"] = [{k: v for k, v in w.items() if k not in keys} for w in WORDS]
    return json.dumps({"u": entry})


@tried("I. own data", "scores.json without words")
def no_words(folder: Path) -> str:
    return own_corpus(folder, without("words"))


@tried("I. own data", "scores.json without scores of phones and of stress")
def no_phones(folder: Path) -> str:
    return own_corpus(folder, without("phones-accuracy", "stress"))


@tried("I. own data", "scores.json with a score as text, another null")
def text_score(folder: Path) -> str:
    return own_corpus(folder, json.dumps({"u": ENTRY | {"fluency": "6,5", "prosodic": None}}))


@tried("I. own data", "scores.json with NaN")
def nan_score(folder: Path) -> str:
    return own_corpus(folder, json.dumps({"u": ENTRY | {"fluency": math.nan}}))


@tried("I. own data", "scores.json with an utterance twice")
def twice(folder: Path) -> str:
    return own_corpus(folder, f'{{"u": {json.dumps(ENTRY)}, "u": {json.dumps(ENTRY)}}}')


@tried("I. own data", "scores.json with a word that the text does not have")
def other_word(folder: Path) -> str:
    return own_corpus(folder, without().replace("DOG", "CAT"))


@tried("I. own data", "scores.json with too many scores of a word's phones")
def too_many(folder: Path) -> str:
    return own_corpus(folder, without().replace("[1, 2]", "[1, 2, 2]"))


@tried("I. own data", "scores.json that is cut short")
def cut_short(folder: Path) -> str:
    return own_corpus(folder, without()[:-5])


@tried("I. own data", "scores.json nested ten thousand times")
def nested(folder: Path) -> str:
    return own_corpus(folder, "[" * 10000)
