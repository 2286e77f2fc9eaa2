#!/usr/bin/env bash
# egs.sh GRAPHS MODEL LATTICES FEATS_SCP LEARN CONTEXT SEED OUT: shuffled examples of the utterances in LEARN
set -euo pipefail
graphs=$1 model=$2 lattices=$3 feats=$4 learn=$5 context=$6 seed=$7 out=$8
source "$(dirname "$0")/input.sh"
trap 'rm -f "$out.supervision"' EXIT
# A file and no pipe: lattices may lack some of these utterances, and the reader of a pipe then stops early.
lattice-align-phones --replace-output-symbols=true "$model" "ark:gunzip -c $(quoted "$lattices") |" ark:- |
  chain-get-supervision --lattice-input=true --frame-subsampling-factor=3 --right-tolerance=5 \
    --left-tolerance=5 "$graphs/tree" "$graphs/0.trans_mdl" ark:- ark:"$out.supervision"
# With a buffer, however large: without one the shuffling goes by no seed (std::random_device).
nnet3-chain-get-egs "${ivectors[@]}" --srand="$seed" --left-context="$context" --right-context="$context" \
  --num-frames=150,111,102 --frame-subsampling-factor=3 --compress=true \
  "$graphs/normalization.fst" "$input" \
  ark,s,cs:"$out.supervision" ark:- |
  nnet3-chain-shuffle-egs --buffer-size=20000 --srand="$seed" ark:- ark:"$out"
