"""Training speed of TDNN-F with LF-MMI, in input frames (10 ms) a second.

    python benchmarks/lfmmi_speed.py [--network medium] [--threads 1]
        [--data DATA --feats MFCC40 --ali ALI --graphs GRAPHS | --kaldi W/kaldi/chain]

Without directories of a run, data are synthetic: phone sequences drawn from a random bigram,
features around a mean for each phone, and graphs made from them. With the chain folder of a run on
the kaldi engine, nnet3-chain-train goes over the egs of its first shard as well: the same network,
graph and examples. Neither augments then, and Kaldi's time is that of the whole program, from
reading merged egs to writing the network.
"""

import argparse
import os
import re
import resource
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from pyscorer.chain.augment import Augmentation
from pyscorer.chain.chain_graphs import GraphOptions, chain_graphs
from pyscorer.chain.egs import Aligned, EgsSource, Examples, plan_epoch, prepare, read_aligned
from pyscorer.chain.lfmmi import DenominatorGraph, lfmmi_loss
from pyscorer.chain.orthonormal import constrain_orthonormal, orthonormal_weights
from pyscorer.chain.schedule import TrainingOptions
from pyscorer.chain.supervision import NumeratorGraph, batch_numerators
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.chain.training import ORTHONORMAL_EVERY
from pyscorer.chain.tree import read_tree
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.phones import PHONES
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.nnet3_tdnnf import tdnnf_from_nnet3


class Stopwatch:
    """CPU seconds (all threads) by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[name] += time.process_time() - start


def synthetic_corpus(root: Path, utterances: int) -> list[Aligned]:
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
        corpus.append(Aligned(f"u{number:04}", "s", root / "feats" / "feats.scp", segments))
    write_archive(root / "feats" / "feats.scp", ((k, f.astype(np.float32)) for k, f in feats))
    write_ctm(root / "ali" / "phones.ctm", ((u.key, list(u.segments)) for u in corpus))
    return corpus


def measure(
    model: Tdnnf,
    denominator: DenominatorGraph,
    batches: Callable[[int], Examples],
    steps: int,
    augment: Callable[[torch.Tensor], torch.Tensor] | None,
) -> tuple[int, float, dict[str, float]]:
    """Input frames, seconds and CPU seconds by part of `steps` steps after three that warm up."""
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    watch, frames, began = Stopwatch(), 0, 0.0
    warm_up = 3
    for step in range(warm_up + steps):
        if step == warm_up:
            watch.seconds.clear()
            frames, began = 0, time.monotonic()
        with watch("read features, build numerators"):
            examples = batches(step)
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
            if step % ORTHONORMAL_EVERY == 0:
                with torch.no_grad():
                    for weight in orthonormal_weights(model):
                        constrain_orthonormal(weight)
        frames += examples.input_frames
    return frames, time.monotonic() - began, watch.seconds


def planned(
    corpus: list[Aligned], graphs: Path, context: int, minibatch: int, width: int
) -> Callable[[int], Examples]:
    source = EgsSource.read(graphs, corpus, context)
    plan = [
        batch
        for batch in plan_epoch(corpus, width, minibatch, np.random.default_rng(0))
        if len(batch) == minibatch
    ]
    return lambda step: prepare(source, plan[step % len(plan)])


def cycle(examples: list[Examples]) -> Callable[[int], Examples]:
    return lambda step: examples[step % len(examples)]


def kaldi_examples(egs: Path, context: int, minibatch: int) -> list[Examples]:
    """Kaldi's egs as ours, in full minibatches of one width."""
    waiting: dict[int, list[tuple[np.ndarray, NumeratorGraph]]] = defaultdict(list)
    batches = []
    command = ["nnet3-chain-copy-egs", f"ark:{egs}", "ark,t:-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for example in text.split("<Nnet3ChainEg>")[1:]:
        head, _, rest = example.partition("[")
        matrix, _, rest = rest.partition("]")
        first = int(head.split("<I1>")[1].split()[1])
        rows = np.array([line.split() for line in matrix.strip().splitlines()], dtype=np.float32)
        frames = int(rest.partition("<FramesPerSeq>")[2].split()[0])
        last = 3 * (frames - 1) + context
        graph = rest.partition("<End2End>")[2].partition("\n")[2].partition("\n\n")[0]
        features = rows[-context - first : last + 1 - first]
        group = waiting[frames]
        group.append((features, _numerator(graph, frames)))
        if len(group) == minibatch:
            inputs, graphs = zip(*group, strict=True)
            batches.append(Examples(np.stack(inputs), list(graphs), 3 * frames))
            group.clear()
    return batches


def _numerator(text: str, frames: int) -> NumeratorGraph:
    arcs, final = [], {}
    for fields in map(str.split, text.splitlines()):
        if len(fields) > 2:  # from, to, label twice, cost unless it is 0
            cost = float(fields[4]) if len(fields) > 4 else 0.0
            arcs.append((int(fields[0]), int(fields[1]), int(fields[2]) - 1, -cost))
        else:
            final[int(fields[0])] = -float(fields[1]) if len(fields) == 2 else 0.0
    time_of = {0: 0}
    for source, destination, _, _ in arcs:
        time_of[destination] = time_of[source] + 1
    arcs.sort(key=lambda arc: time_of[arc[0]])
    table = np.array(arcs)
    sources, destinations, pdfs = (table[:, column].astype(np.int64) for column in range(3))
    ends = np.full(len(time_of), -np.inf)
    ends[list(final)] = list(final.values())
    frame = np.array([time_of[state] for state in sources])
    return NumeratorGraph(frames, frame, sources, destinations, pdfs, table[:, 3], ends)


def kaldi_seconds(chain: Path, egs: Path, minibatch: int, threads: int) -> tuple[int, float, float]:
    """Input frames, CPU seconds and seconds of nnet3-chain-train on a shard's egs."""
    with tempfile.TemporaryDirectory() as folder:
        merged = f"ark:{folder}/merged"
        subprocess.run(
            ["nnet3-chain-merge-egs", f"--minibatch-size={minibatch}",
             "--discard-partial-minibatches=true", f"ark:{egs}", merged],
            check=True, capture_output=True,
        )  # fmt: skip
        environment = os.environ | dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
        )
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            ["nnet3-chain-train", "--use-gpu=no", "--apply-deriv-weights=false",
             "--l2-regularize=0.00005", "--leaky-hmm-coefficient=0.1", "--xent-regularize=0.1",
             "--max-param-change=2.0", chain / "0.raw", chain / "den.fst", merged,
             f"{folder}/1.raw"],
            check=True, capture_output=True, text=True, env=environment,
        )  # fmt: skip
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    counted = re.findall(r"for 'output' is .* over (\S+) frames", done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 3 * int(float(counted[-1])), cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("data", "feats", "ali", "graphs"):
        parser.add_argument(f"--{name}", type=Path, help="directory of a run; give all four")
    parser.add_argument("--kaldi", type=Path, help="chain folder of a run on the kaldi engine")
    parser.add_argument("--network", choices=list(SIZES), default="medium")
    parser.add_argument("--minibatch", type=int, default=64)
    parser.add_argument("--width", type=int, default=150, help="longest chunk, 10 ms frames")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    options, minibatch, steps = TrainingOptions(), arguments.minibatch, arguments.steps
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.kaldi is not None:
            graphs, egs = arguments.kaldi, arguments.kaldi / "egs" / "000.cegs"
            model = tdnnf_from_nnet3(read_nnet3(graphs / "0.raw")).train()
            examples = kaldi_examples(egs, model.context, minibatch)
            steps = len(examples)
            batches = cycle(examples)
            frames, cpu, wall = kaldi_seconds(graphs, egs, minibatch, arguments.threads)
            print(f"nnet3-chain-train: {frames:,} frames in {cpu:.1f} CPU s, {wall:.1f} s")
            print(f"{frames / cpu:,.0f} frames a CPU second; {frames / wall:,.0f} frames a second")
        else:
            if arguments.graphs is None:
                corpus = synthetic_corpus(root, 200)
                graphs = root / "graphs"
                chain_graphs(graphs, GraphOptions(), [root / "ali"], [root / "feats"])
            else:
                corpus = read_aligned([arguments.data], [arguments.feats], [arguments.ali])
                graphs = arguments.graphs
            pdfs = read_tree(graphs / "tree.json").num_pdfs
            model = Tdnnf(TdnnfConfig(pdfs, **SIZES[arguments.network])).train()  # type: ignore[arg-type]
            model.set_dropout(0.1)
            augment = Augmentation(options.warp, options.frequency_mask, options.time_mask)
            batches = planned(corpus, graphs, model.context, minibatch, arguments.width)
        denominator = DenominatorGraph.from_fst(graphs / "den.fst", model.config.num_pdfs)
        frames, wall, seconds = measure(model, denominator, batches, steps, augment)
    total = sum(seconds.values())
    print(f"network: {model.num_parameters():,} parameters")
    print(f"denominator graph: {denominator.num_states:,} states")
    print(f"{minibatch} chunks of up to {arguments.width} frames a minibatch, {steps} minibatches")
    print(f"{arguments.threads} threads of {os.cpu_count()} cores, torch {torch.__version__}")
    for name, value in seconds.items():
        print(f"{name:32} {value / steps:7.3f} CPU s a step  {value / total:6.1%}")
    print(f"{frames / total:,.0f} frames a CPU second; {frames / wall:,.0f} frames a second")


if __name__ == "__main__":
    main()
