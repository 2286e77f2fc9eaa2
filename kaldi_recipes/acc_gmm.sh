#!/usr/bin/env bash
# acc_gmm.sh DATA MFCC SHARD ALI MODEL OUT: statistics of one shard for gmm-est -> OUT
set -euo pipefail
data=$1 mfcc=$2 shard=$3 ali=$4 model=$5 out=$6
source "$(dirname "$0")/lib.sh"
gmm-acc-stats-ali "$model" "$feats" "ark:gunzip -c $(quoted "$ali") |" "$out"
