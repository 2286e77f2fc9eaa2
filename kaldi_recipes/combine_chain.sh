#!/usr/bin/env bash
# combine_chain.sh DEN_FST EGS TRANSITIONS OUT RAW...: average of the last networks that fits EGS best -> OUT
set -euo pipefail
den=$1 egs=$2 transitions=$3 out=$4
shift 4
nnet3-chain-combine --leaky-hmm-coefficient=0.1 "$den" "$@" \
  "ark:nnet3-chain-merge-egs --minibatch-size=64 ark:$egs ark:- |" "$out.raw"
nnet3-am-init "$transitions" "$out.raw" "$out"
