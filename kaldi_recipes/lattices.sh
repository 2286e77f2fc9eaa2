#!/usr/bin/env bash
# lattices.sh LANG DATA SHARD LEARN MODEL TREE OUT: numerator lattices of the utterances in LEARN -> OUT (gzipped)
set -euo pipefail
lang=$1 data=$2 shard=$3 learn=$4 model=$5 tree=$6 out=$7
source "$(dirname "$0")/lib.sh"
# gmm-latgen-faster cannot add transition probabilities: the graphs must hold them.
compile-train-graphs --read-disambig-syms="$lang/disambig.int" --transition-scale=1.0 \
  --self-loop-scale=0.1 "$tree" "$model" "$lang/L.fst" \
  "ark:awk 'NR == FNR {wanted[\$1]; next} \$1 in wanted' $(quoted "$learn") $(quoted "$data")/text.int |" ark:- |
  gmm-latgen-faster --acoustic-scale=0.1 --beam=20 --lattice-beam=20 --allow-partial=false \
    --word-determinize=false "$model" ark:- "$feats" "ark:| gzip -c > $(quoted "$out")"
