#!/usr/bin/env bash
# chain_tree_stats.sh LANG DATA SHARD MODEL ALI OUT: left-biphone statistics at a third of the frames
set -euo pipefail
lang=$1 data=$2 shard=$3 model=$4 ali=$5 out=$6
source "$(dirname "$0")/lib.sh"
thirds="$feats subsample-feats --n=3 ark:- ark:- |"
trap 'rm -f "$out.mono" "$out.tree"' EXIT
gmm-init-mono --shared-phones="$lang/sets.int" "$lang/topo.chain" 39 "$out.mono" "$out.tree"
convert-ali --frame-subsampling-factor=3 "$model" "$out.mono" "$out.tree" \
  "ark:gunzip -c $(quoted "$ali") |" ark:- |
  acc-tree-stats --context-width=2 --central-position=1 --ci-phones=$silence "$out.mono" "$thirds" \
    ark:- "$out"
