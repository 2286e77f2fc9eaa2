#!/usr/bin/env bash
# average_chain.sh DEN_FST HELDOUT_EGS ITERATION OUT RAW...: the network of an iteration, of those of its jobs; the objective on held-out speakers
set -euo pipefail
source "$(dirname "$0")/quote.sh"
den=$1 heldout=$2 iteration=$3 out=$4
shift 4
probe() {
  nnet3-chain-compute-prob --leaky-hmm-coefficient=0.1 --xent-regularize=0.1 "$1" "$den" \
    "ark:nnet3-chain-merge-egs --minibatch-size=1:64 ark:$(quoted "$heldout") ark:- |" 2>&1
}
objective() { sed -n "s/.*log-probability for 'output' is \([^ ]*\) .*/\1/p" "$1"; }
trap 'rm -f "$out.told" "$out.said"' EXIT
if [ "$iteration" -gt 1 ] || [ $# = 1 ]; then
  if [ $# = 1 ]; then cp "$1" "$out"; else nnet3-average "$@" "$out"; fi
  probe "$out" | tee "$out.told" >&2
else
  # An average of networks that change fast may be worse than each: the best, as in train_one_iteration.
  for network; do
    probe "$network" | tee "$out.said" >&2
    if [ ! -s "$out" ] || awk -v one="$(objective "$out.said")" -v best="$(objective "$out.told")" 'BEGIN {exit !(one > best)}'; then
      cp "$network" "$out"
      cp "$out.said" "$out.told"
    fi
  done
fi
echo "iteration $iteration: $# jobs, objective of speakers held out: $(objective "$out.told")" >&2
