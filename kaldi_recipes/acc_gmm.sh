#!/usr/bin/env bash
# acc_gmm.sh DATA SHARD ALI MODEL OUT: statistics of one shard for gmm-est -> OUT
set -euo pipefail
data=$1 shard=$2 ali=$3 model=$4 out=$5
source "$(dirname "$0")/lib.sh"
gmm-acc-stats-ali "$model" "$feats" "ark:gunzip -c $(quoted "$ali") |" "$out"
