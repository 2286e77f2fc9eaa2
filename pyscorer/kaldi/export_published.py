"""Stage `export_published`: deep features and phone posteriors of a published Kaldi model."""

from pathlib import Path

from pyscorer.chain.export import Exported, write_outputs
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.import_published import PublishedAcoustics, load_acoustics
from pyscorer.parallel import one_thread, shared_map


def export_published(data: Path, model: Path, out: Path, jobs: int = 0) -> None:
    """Compute of the recordings of `data` what `export` does, by a published Kaldi model.

    `model` is a directory of import_published. Writes `out/embed.scp` (T' x D: deep features),
    `out/post.scp` (T' x 41: log-posteriors of phone ids 1..41, of a pdf for every phone that it is
    of) and `out/frame_shift` (seconds). Streams, on `jobs` processes (0: as many as there are
    cores).

    Raises InputError, naming the utterance, for a recording that cannot be read or is shorter than
    a frame.
    """
    utterances = read_utterances(data)
    if not utterances:
        raise InputError(f"{data}: no utterances")
    source = load_acoustics(model)
    results = shared_map(_heard, source, utterances.values(), jobs)
    write_outputs(out, results, len(utterances), source.model.frame_shift, "export_published")


@one_thread()
def _heard(source: PublishedAcoustics, utterance: Utterance) -> Exported:
    samples = read_wav(utterance)
    with naming(f"utterance {utterance.key}"):
        return Exported(utterance.key, len(samples) / SAMPLE_RATE, *source(samples))
