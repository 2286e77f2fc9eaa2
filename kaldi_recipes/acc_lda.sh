#!/usr/bin/env bash
# acc_lda.sh DATA SHARD ALI MODEL OUT: statistics of spliced frames by pdf for est_lda.sh -> OUT
set -euo pipefail
data=$1 shard=$2 ali=$3 model=$4 out=$5
source "$(dirname "$0")/lib.sh"
ali-to-post "ark:gunzip -c $(quoted "$ali") |" ark:- |
  weight-silence-post 0.0 $silence "$model" ark:- ark:- |
  acc-lda --rand-prune=4.0 "$model" "$spliced" ark,s,cs:- "$out"
