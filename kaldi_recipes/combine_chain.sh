#!/usr/bin/env bash
# combine_chain.sh DEN_FST "EGS..." HELDOUT_EGS TRANSITIONS GPU SEED OUT RAW...: average of the last networks that fits EGS best -> OUT
set -euo pipefail
source "$(dirname "$0")/quote.sh"
den=$1 egs=$2 heldout=$3 transitions=$4 gpu=$5 seed=$6 out=$7
shift 7
# Training egs, as in Kaldi's recipes: batch norm takes its statistics from them, and few held-out speakers would shift them.
nnet3-chain-combine --use-gpu="$gpu" --leaky-hmm-coefficient=0.1 "$den" "$@" \
  "ark:cat $egs | nnet3-chain-subset-egs --n=800 --srand=$seed ark:- ark:- | nnet3-chain-merge-egs --minibatch-size=1:64 ark:- ark:- |" \
  "$out.raw"
# Only told: the log has it.
nnet3-chain-compute-prob --leaky-hmm-coefficient=0.1 "$out.raw" "$den" \
  "ark:nnet3-chain-merge-egs --minibatch-size=1:64 ark:$(quoted "$heldout") ark:- |"
nnet3-am-init "$transitions" "$out.raw" "$out"
rm "$out.raw"
