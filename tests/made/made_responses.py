"""Files of responses in the layout of the Spoken CALL task's training data."""

import csv
from pathlib import Path

from pyscorer.corpora.spoken_call import LABEL_VALUES, Response


def write_responses(path: Path, responses: list[Response]) -> None:
    """Write responses, without names of audio files and human transcripts."""
    with path.open("w", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["Id", "Prompt", "RecResult", "language", "meaning"])
        for r in responses:
            language, meaning = LABEL_VALUES[r.label // 2], LABEL_VALUES[r.label % 2]
            writer.writerow([r.id, r.prompt, r.recognised, language, meaning])
