"""Boundaries of the torch engine's monophone alignment against real Kaldi's, on speechocean762.

    python benchmarks/alignment_vs_kaldi.py --conformance CONFORMANCE --ali W/ali/speechocean762
    python benchmarks/alignment_vs_kaldi.py --conformance CONFORMANCE --root CORPORA --work DIR

The first compares the alignments of a run with Kaldi's mono and tri3 ones. The second makes its
own: trains on the 2,500 train utterances with the lexicon that Kaldi had, aligns train and test.
Stages that DIR already holds are not run again.
"""

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path

from boundaries import boundary_differences, read_kaldi_table, read_word_phones

from pyscorer.alignment.align import AlignOptions, align
from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.alignment.train_gmm import GmmOptions, train_gmm
from pyscorer.corpora.prepare import PrepareOptions, prepare


def once(done: Path, stage: str, run: Callable[[], None]) -> None:
    if done.exists():
        return
    began = time.monotonic()
    run()
    print(f"{stage}: {time.monotonic() - began:.0f} s", flush=True)


def compare(ali: Path, golden: Path) -> None:
    """Print how phone starts differ between `ali`/{train,test} and Kaldi's."""
    for split, names in (
        ("test", ("mono_test", "tri3_test")),
        ("train", ("mono_train500", "tri3_train500")),
    ):
        ours = dict(read_word_phones(ali / split))
        tables = {name: read_kaldi_table(golden / f"{name}.txt.gz") for name in names}
        for name, table in tables.items():
            print(f"ours against {name}: {boundary_differences(ours, table)}")
        mono, tri3 = tables.values()
        print(f"{names[0]} against {names[1]}: {boundary_differences(mono, tri3)}")


def make_alignments(work: Path, root: Path, lexicon: Path, options: GmmOptions) -> Path:
    """Train and align in `work`; returns the directory of the alignments."""
    jobs = options.jobs
    for split in ("train", "test"):
        data, feats = work / "data" / split, work / "mfcc13" / split
        once(
            data / "text",
            f"prepare {split}",
            lambda data=data, split=split: prepare(
                "speechocean762", split, data, PrepareOptions(), root
            ),
        )
        once(
            feats / "feats.scp",
            f"features {split}",
            lambda data=data, feats=feats: features(data, feats, FeatureOptions(jobs=jobs)),
        )
    model = work / "gmm"
    once(
        model / "final.npz",
        "train_gmm",
        lambda: train_gmm(work / "data/train", work / "mfcc13/train", lexicon, model, options),
    )
    for split in ("train", "test"):
        once(
            work / "ali" / split / "ali.scp",
            f"align {split}",
            lambda split=split: align(
                work / "data" / split,
                work / "mfcc13" / split,
                lexicon,
                model,
                work / "ali" / split,
                AlignOptions(jobs=jobs),
            ),
        )
    return work / "ali"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--conformance", type=Path, required=True, help="Kaldi's golden data")
    parser.add_argument("--ali", type=Path, help="alignments of a run; none: make some")
    parser.add_argument("--root", type=Path, help="folder with speechocean762/")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--gaussians", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    golden = arguments.conformance / "b_gmm_ali"
    ali = arguments.ali
    if ali is None:
        if arguments.root is None or arguments.work is None:
            parser.error("give either --ali, or --root and --work")
        options = GmmOptions(
            gaussians=arguments.gaussians, seed=arguments.seed, jobs=arguments.jobs
        )
        lexicon = golden / "lexicon_used.txt"
        ali = make_alignments(arguments.work.resolve(), arguments.root, lexicon, options)
    compare(ali, golden)


if __name__ == "__main__":
    main()
