#!/usr/bin/env bash
# combine_chain.sh DEN_FST EGS TRANSITIONS GPU OUT RAW...: average of the last networks that fits EGS best -> OUT
set -euo pipefail
den=$1 egs=$2 transitions=$3 gpu=$4 out=$5
shift 5
nnet3-chain-combine --use-gpu="$gpu" --leaky-hmm-coefficient=0.1 "$den" "$@" \
  "ark:nnet3-chain-merge-egs --minibatch-size=1:64 ark:$egs ark:- |" "$out.raw"
nnet3-am-init "$transitions" "$out.raw" "$out"
rm "$out.raw"
