#!/usr/bin/env bash
# train_chain.sh DEN_FST IN OUT RATE SIZES CHANGE L2 SEED GPU EDITS SHIFT EGS [SHIFT EGS ...]: one job of an iteration of LF-MMI training
set -euo pipefail
source "$(dirname "$0")/quote.sh"
den=$1 in=$2 out=$3 rate=$4 sizes=$5 change=$6 l2=$7 seed=$8 gpu=$9 edits=${10}
shift 10
# GPU is yes, no, optional or wait; L2 what l2-regularize of the components is scaled by: 1 / jobs of the iteration.
shifted=
while [ $# -gt 0 ]; do
  shifted+="nnet3-chain-copy-egs --frame-shift=$1 ark:$(quoted "$2") ark:-; "
  shift 2
done
network="nnet3-copy --learning-rate=$rate $(quoted "$in") - |"
[ -z "$edits" ] || network+=" nnet3-copy --edits=$(quoted "$edits") - - |"
nnet3-chain-train --use-gpu="$gpu" --apply-deriv-weights=false --l2-regularize=0.00005 \
  --leaky-hmm-coefficient=0.1 --xent-regularize=0.1 --max-param-change="$change" \
  --l2-regularize-factor="$l2" --srand="$seed" "$network" "$den" \
  "ark:{ $shifted} | nnet3-chain-shuffle-egs --buffer-size=5000 --srand=$seed ark:- ark:- | nnet3-chain-merge-egs --minibatch-size=$sizes ark:- ark:- |" \
  "$out"
