"""Stage `kaldi_shards`: what the kaldi engine works on in parallel, and what it holds out."""

from pathlib import Path

from pyscorer.contract.files import atomic_directory, read_table, write_table
from pyscorer.errors import InputError


def kaldi_shards(lang: Path, out: Path, jobs: int = 4, heldout: float = 0) -> None:
    """Deal the speakers of a folder of `kaldi_lang` out to shards, copies with their originals.

    `jobs`: shards. `heldout`: fraction of the speakers (at least one, unless it is 0), taken evenly
    from the last shard, which no network is trained on: the trained one is measured on them.

    Writes `out/NNN.scp` and `NNN.louder` (recordings, at the network's volumes in the second) and
    `NNN.spk2utt` of every shard, `NNN.learn` with the utterances that it trains on, and
    `heldout.learn` with those held out (but for copies).

    Raises InputError where there are fewer speakers than shards, or the last shard has none left.
    """
    recordings, louder, speakers, originals = (
        read_table(lang / name) for name in ("wav.scp", "louder.scp", "spk2utt", "spk2uniq")
    )
    copies: dict[str, list[str]] = {}
    for name in speakers:
        copies.setdefault(originals[name], []).append(name)
    names = list(copies)
    if len(names) < jobs:
        raise InputError(
            f"{lang}/spk2utt: {len(names)} speakers for {jobs} shards; lower kaldi: jobs"
        )
    # Training sees one shard after the other: they must be alike, and names are often in an order.
    shards = [names[number::jobs] for number in range(jobs)]
    wanted = max(1, round(heldout * len(names))) if heldout else 0
    if wanted >= len(shards[-1]):
        raise InputError(
            f"{lang}/spk2utt: {wanted} speakers to hold out of the last shard's"
            f" {len(shards[-1])}; lower kaldi: heldout or jobs"
        )
    unseen = shards[-1][:: len(shards[-1]) // wanted][:wanted] if wanted else []
    with atomic_directory(out) as part:
        for number, shard in enumerate(shards):
            mine = {name: speakers[name] for one in shard for name in copies[one]}
            keys = [key for spoken in mine.values() for key in spoken.split()]
            learnt = [k for n in mine if originals[n] not in unseen for k in mine[n].split()]
            stem = part / f"{number:03d}"
            write_table(stem.with_suffix(".scp"), {key: recordings[key] for key in keys})
            write_table(stem.with_suffix(".louder"), {key: louder[key] for key in keys})
            write_table(stem.with_suffix(".spk2utt"), mine)
            write_table(stem.with_suffix(".learn"), dict.fromkeys(learnt, ""))
        held = [key for name in unseen for key in speakers.get(name, "").split()]
        write_table(part / "heldout.learn", dict.fromkeys(held, ""))
