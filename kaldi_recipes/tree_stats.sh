#!/usr/bin/env bash
# tree_stats.sh DATA MFCC SHARD ALI MODEL OUT: triphone statistics of one shard -> OUT
set -euo pipefail
data=$1 mfcc=$2 shard=$3 ali=$4 model=$5 out=$6
source "$(dirname "$0")/lib.sh"
acc-tree-stats --ci-phones=$silence "$model" "$feats" "ark:gunzip -c $(quoted "$ali") |" "$out"
