#!/usr/bin/env bash
# acc_mllt.sh DATA SHARD ALI MODEL OUT: statistics of one shard for est_mllt.sh -> OUT
set -euo pipefail
data=$1 shard=$2 ali=$3 model=$4 out=$5
source "$(dirname "$0")/lib.sh"
ali-to-post "ark:gunzip -c $(quoted "$ali") |" ark:- |
  weight-silence-post 0.0 $silence "$model" ark:- ark:- |
  gmm-acc-mllt --rand-prune=4.0 "$model" "$feats" ark,s,cs:- "$out"
