"""Stage `kaldi_shards`: what the kaldi engine works on in parallel, and what it holds out."""

from pathlib import Path

from pyscorer.contract.files import read_table, write_table
from pyscorer.errors import InputError


def kaldi_shards(lang: Path, out: Path, jobs: int = 4, heldout: float = 0) -> None:
    """Deal the speakers of a folder of `kaldi_lang` out to shards.

    `jobs`: shards. `heldout`: fraction of the speakers (at least one, unless it is 0), taken evenly
    from the last shard, which no network is trained on: the trained one is measured on them.

    Writes `out/NNN.scp` (recordings) and `NNN.spk2utt` of every shard, `NNN.learn` with the
    utterances that it trains on, and `heldout.learn` with those held out.

    Raises InputError where there are fewer speakers than shards, or the last shard has none left.
    """
    recordings, speakers = read_table(lang / "wav.scp"), read_table(lang / "spk2utt")
    names = list(speakers)
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
    out.mkdir(parents=True, exist_ok=True)
    for number, shard in enumerate(shards):
        of_speaker = {name: speakers[name].split() for name in shard}
        keys = [key for mine in of_speaker.values() for key in mine]
        learnt = [key for name in shard if name not in unseen for key in of_speaker[name]]
        write_table(out / f"{number:03d}.scp", {key: recordings[key] for key in sorted(keys)})
        write_table(out / f"{number:03d}.spk2utt", {name: speakers[name] for name in shard})
        write_table(out / f"{number:03d}.learn", dict.fromkeys(learnt, ""))
    held = [key for name in unseen for key in speakers[name].split()]
    write_table(out / "heldout.learn", dict.fromkeys(held, ""))
