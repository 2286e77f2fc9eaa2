"""Training speed of TDNN-F with LF-MMI, in input frames (10 ms) a second.

    python benchmarks/lfmmi_speed.py [--network medium] [--threads 1]
        [--data DATA --feats MFCC40 --ali ALI --graphs GRAPHS]

Without directories of a run, data are synthetic: phone sequences drawn from a random bigram,
features around a mean for each phone, and graphs made from them.

Kaldi's nnet3-chain-train does 4,870 frames a CPU second with the network `medium` (2.41 M
parameters), 64 chunks of up to 150 frames a minibatch and a denominator graph of 3,035 states and
19,114 arcs.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from pyscorer.acoustic.augment import Augmentation
from pyscorer.acoustic.denominator import GraphOptions, chain_graphs
from pyscorer.acoustic.egs import EgsSource, Utterance, plan_epoch, prepare, read_utterances
from pyscorer.acoustic.lfmmi import DenominatorGraph, lfmmi_loss
from pyscorer.acoustic.schedule import TrainingOptions
from pyscorer.acoustic.supervision import batch_numerators
from pyscorer.acoustic.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.acoustic.tree import read_tree
from pyscorer.alignment import Segment, write_ctm
from pyscorer.archives import write_archive
from pyscorer.datadir import PHONES


class Stopwatch:
    """CPU seconds (all threads) by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[name] += time.process_time() - start


def synthetic_corpus(root: Path, utterances: int) -> list[Utterance]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(PHONES), 40)) * 5
    follows = rng.dirichlet(np.full(len(PHONES) - 1, 0.25), size=len(PHONES))
    corpus, feats = [], []
    for number in range(utterances):
        phones = [1]
        while len(phones) < 40:
            phones.append(1 + int(rng.choice(len(PHONES) - 1, p=follows[phones[-1]])))
        lengths = rng.integers(4, 14, size=len(phones))
        starts = np.cumsum(lengths) - lengths
        segments = tuple(
            Segment(PHONES[p], int(s), int(n))
            for p, s, n in zip(phones, starts, lengths, strict=True)
        )
        frames = np.repeat(centres[phones], lengths, axis=0)
        feats.append((f"u{number:04}", frames + rng.normal(size=frames.shape)))
        corpus.append(Utterance(f"u{number:04}", "s", root / "feats" / "feats.scp", segments))
    write_archive(root / "feats" / "feats.scp", ((k, f.astype(np.float32)) for k, f in feats))
    write_ctm(root / "ali" / "phones.ctm", ((u.key, list(u.segments)) for u in corpus))
    return corpus


def measure(
    corpus: list[Utterance], graphs: Path, network: str, minibatch: int, width: int, steps: int
) -> tuple[Tdnnf, DenominatorGraph, int, float, dict[str, float]]:
    options = TrainingOptions()
    tree = read_tree(graphs / "tree.json")
    config = TdnnfConfig(num_pdfs=tree.num_pdfs, **SIZES[network])  # type: ignore[arg-type]
    model = Tdnnf(config).train()
    model.set_dropout(0.1)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    augment: Callable[[torch.Tensor], torch.Tensor] = Augmentation(
        options.warp, options.frequency_mask, options.time_mask
    )
    denominator = DenominatorGraph.from_fst(graphs / "den.fst", tree.num_pdfs)
    source = EgsSource(graphs, model.context)
    plan = [
        batch
        for batch in plan_epoch(corpus, width, minibatch, np.random.default_rng(0))
        if len(batch) == minibatch
    ]
    watch, frames, began = Stopwatch(), 0, 0.0
    warm_up = 3
    for step in range(warm_up + steps):
        if step == warm_up:
            watch.seconds.clear()
            frames, began = 0, time.monotonic()
        with watch("read features, build numerators"):
            examples = prepare((plan[step % len(plan)], source))
            numerators = batch_numerators(examples.numerators)
            features = torch.from_numpy(examples.features)
        with watch("forward"):
            chain, xent = model(features, augment=augment)
        with watch("LF-MMI loss and its gradient"):
            result = lfmmi_loss(chain, numerators, denominator, 0.1, 5e-5)
        with watch("backward"):
            xent_objective = (result.posterior * xent).sum()
            (-(result.objective + 0.1 * xent_objective) / result.frames).backward()
        with watch("optimiser"):
            optimiser.step()
            optimiser.zero_grad()
        frames += examples.input_frames
    return model, denominator, frames, time.monotonic() - began, watch.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("data", "feats", "ali", "graphs"):
        parser.add_argument(f"--{name}", type=Path, help="directory of a run; give all four")
    parser.add_argument("--network", choices=list(SIZES), default="medium")
    parser.add_argument("--minibatch", type=int, default=64)
    parser.add_argument("--width", type=int, default=150, help="longest chunk, 10 ms frames")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.graphs is None:
            corpus = synthetic_corpus(root, 200)
            graphs = root / "graphs"
            chain_graphs([root / "ali"], [root / "feats"], graphs, GraphOptions())
        else:
            corpus = read_utterances([arguments.data], [arguments.feats], [arguments.ali])
            graphs = arguments.graphs
        model, denominator, frames, wall, seconds = measure(
            corpus,
            graphs,
            arguments.network,
            arguments.minibatch,
            arguments.width,
            arguments.steps,
        )
    total = sum(seconds.values())
    print(f"network {arguments.network}: {model.num_parameters():,} parameters")
    print(f"denominator graph: {denominator.num_states:,} states")
    print(f"{arguments.minibatch} chunks of up to {arguments.width} frames a minibatch")
    print(f"{arguments.threads} threads of {os.cpu_count()} cores, torch {torch.__version__}")
    for name, value in seconds.items():
        print(f"{name:32} {value / arguments.steps:7.3f} CPU s a step  {value / total:6.1%}")
    print(f"{frames / total:,.0f} frames a CPU second; {frames / wall:,.0f} frames a second")


if __name__ == "__main__":
    main()
