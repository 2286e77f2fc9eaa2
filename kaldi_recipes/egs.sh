#!/usr/bin/env bash
# egs.sh GRAPHS MODEL LATTICES FEATS_SCP LEARN CMVN_SCP CONTEXT SEED OUT: shuffled examples of the utterances in LEARN
set -euo pipefail
source "$(dirname "$0")/quote.sh"
graphs=$1 model=$2 lattices=$3 feats=$4 learn=$5 cmvn=$6 context=$7 seed=$8 out=$9
trap 'rm -f "$out.supervision"' EXIT
# A file and no pipe: of the lattices' utterances LEARN may lack some, and its reader then stops early.
lattice-align-phones --replace-output-symbols=true "$model" "ark:gunzip -c $(quoted "$lattices") |" ark:- |
  chain-get-supervision --lattice-input=true --frame-subsampling-factor=3 --right-tolerance=5 \
    --left-tolerance=5 "$graphs/tree" "$graphs/0.trans_mdl" ark:- ark:"$out.supervision"
# cmvn.scp has one entry an utterance: the network takes MFCC-40 minus the mean of the utterance.
nnet3-chain-get-egs --srand="$seed" --left-context="$context" --right-context="$context" \
  --num-frames=150,111,102 --frame-subsampling-factor=3 --compress=true \
  "$graphs/normalization.fst" \
  "ark,s,cs:subset-feats --include=$(quoted "$learn") scp:$(quoted "$feats") ark:- | apply-cmvn --norm-vars=false scp:$(quoted "$cmvn") ark:- ark:- |" \
  ark,s,cs:"$out.supervision" ark:- |
  nnet3-chain-shuffle-egs --srand="$seed" ark:- ark:"$out"
