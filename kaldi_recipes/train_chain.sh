#!/usr/bin/env bash
# train_chain.sh DEN_FST EGS SHIFT LEARNING_RATE MINIBATCH SEED GPU IN OUT: one iteration of LF-MMI training
set -euo pipefail
source "$(dirname "$0")/quote.sh"
den=$1 egs=$2 shift=$3 rate=$4 minibatch=$5 seed=$6 gpu=$7 in=$8 out=$9
# GPU is yes, no, optional or wait. What does not fill MINIBATCH makes one of half its size, or is left out.
sizes=$minibatch,$(((minibatch + 1) / 2))
nnet3-chain-train --use-gpu="$gpu" --apply-deriv-weights=false --l2-regularize=0.00005 \
  --leaky-hmm-coefficient=0.1 --xent-regularize=0.1 --max-param-change=2.0 --srand="$seed" \
  "nnet3-copy --learning-rate=$rate $(quoted "$in") - |" "$den" \
  "ark:nnet3-chain-copy-egs --frame-shift=$shift ark:$(quoted "$egs") ark:- | nnet3-chain-shuffle-egs --buffer-size=5000 --srand=$seed ark:- ark:- | nnet3-chain-merge-egs --minibatch-size=$sizes ark:- ark:- |" \
  "$out"
