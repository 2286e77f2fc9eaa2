#!/usr/bin/env bash
# acc_lda.sh DATA MFCC SHARD ALI MODEL OUT: statistics of spliced frames by pdf for est_lda.sh -> OUT
set -euo pipefail
data=$1 mfcc=$2 shard=$3 ali=$4 model=$5 out=$6
source "$(dirname "$0")/lib.sh"
ali-to-post "ark:gunzip -c $(quoted "$ali") |" ark:- |
  weight-silence-post 0.0 $silence "$model" ark:- ark:- |
  acc-lda --rand-prune=4.0 "$model" "$spliced" ark,s,cs:- "$out"
