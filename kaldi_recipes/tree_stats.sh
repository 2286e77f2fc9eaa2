#!/usr/bin/env bash
# tree_stats.sh DATA SHARD ALI MODEL OUT: triphone statistics of one shard -> OUT
set -euo pipefail
data=$1 shard=$2 ali=$3 model=$4 out=$5
source "$(dirname "$0")/lib.sh"
acc-tree-stats --ci-phones=$silence "$model" "$feats" "ark:gunzip -c $(quoted "$ali") |" "$out"
