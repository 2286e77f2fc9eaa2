#!/usr/bin/env bash
# mono_init.sh LANG DATA SHARD OUT: a flat monophone model -> OUT/0.mdl, OUT/tree
set -euo pipefail
lang=$1 data=$2 shard=$3 out=$4
source "$(dirname "$0")/lib.sh"
gmm-init-mono --shared-phones="$lang/sets.int" --train-feats="$feats subset-feats --n=10 ark:- ark:- |" \
  "$lang/topo" 39 "$out/0.mdl" "$out/tree"
