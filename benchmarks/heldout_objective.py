"""LF-MMI objective per frame of a trained network on speakers that it has not heard.

    R=work/RUN; D=speechocean762; python benchmarks/heldout_objective.py --model $R/tdnnf/final.pt
        --tree $R/graphs/tree.json --data $R/data/$D/test --feats $R/mfcc40/$D/test
        --ali $R/ali/$D/test --texts $R/ali/$D/train $R/ali/$D/test

Without dropout or regularisers, as nnet3-chain-compute-prob computes it. The phone LM has no
smoothing and holds no other phone sequences than those of `--texts`: Kaldi's recipe estimates it
from the texts of training and validation utterances alike. Chunks that it lacks are left out and
counted.
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import torch
from tqdm import tqdm

from pyscorer.chain.acoustic_model import load_model
from pyscorer.chain.chain_graphs import denominator_fst, write_graphs
from pyscorer.chain.chain_statistics import phone_counts
from pyscorer.chain.egs import EgsSource, plan_epoch, prepare, read_aligned
from pyscorer.chain.lfmmi import DenominatorGraph, lfmmi_loss
from pyscorer.chain.phone_lm import phone_lm
from pyscorer.chain.supervision import batch_numerators
from pyscorer.chain.tree import read_tree
from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.nnet3_tdnnf import tdnnf_from_nnet3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("model", "tree", "data", "feats", "ali"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True, nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take one utterance of so many")
    arguments = parser.parse_args()
    if arguments.model.suffix == ".mdl":
        network = tdnnf_from_nnet3(read_nnet3(arguments.model))
    else:
        network = load_model(arguments.model).network.eval()
    tree = read_tree(arguments.tree)
    utterances = read_aligned([arguments.data], [arguments.feats], [arguments.ali])
    objective: dict[str, float] = defaultdict(float)
    frames: dict[str, int] = defaultdict(int)
    left_out = 0
    with tempfile.TemporaryDirectory() as folder:
        graphs = Path(folder)
        lm = phone_lm(phone_counts(arguments.texts, 4), 3, 2000).acceptor
        write_graphs(graphs, tree, lm, denominator_fst(lm, tree))
        denominator = DenominatorGraph.from_fst(graphs / "den.fst", tree.num_pdfs)
        source = EgsSource.read(graphs, utterances, network.context)
        for (chunk,) in tqdm(plan_epoch(utterances[:: arguments.every], 150, 1, None)):
            try:
                example = prepare(source, [chunk])
            except InputError:
                left_out += 1
                continue
            with torch.no_grad():
                chain, _ = network(torch.from_numpy(example.features))
                result = lfmmi_loss(chain, batch_numerators(example.numerators), denominator, 0.1)
            objective[chunk.utterance.speaker] += float(result.per_sequence.sum())
            frames[chunk.utterance.speaker] += result.frames
    means = torch.tensor([objective[speaker] / frames[speaker] for speaker in frames])
    error = means.std() / len(means) ** 0.5
    print(
        f"{sum(objective.values()) / sum(frames.values()):.4f} per frame over "
        f"{sum(frames.values())} frames; {len(means)} speakers, mean {means.mean():.4f} +- "
        f"{error:.4f} (standard error); {left_out} chunks left out"
    )


if __name__ == "__main__":
    main()
