#!/usr/bin/env bash
# ivector_acc.sh DIR FEATS POST EXTRACTOR OUT: statistics of one shard for ivector_est.sh -> OUT
set -euo pipefail
dir=$1 feats=$2 post=$3 extractor=$4 out=$5
source "$(dirname "$0")/online.sh"
ivector-extractor-acc-stats --num-threads=1 "$extractor" "$plain" "ark,s,cs:gunzip -c $(quoted "$post") |" "$out"
