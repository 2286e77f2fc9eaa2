#!/usr/bin/env bash
# ivectors.sh DIR FEATS OUT_STEM: i-vectors of one shard's utterances, one every ten frames -> OUT_STEM.ark, .scp
set -euo pipefail
source "$(dirname "$0")/quote.sh"
dir=$1 feats=$2 out=$3
# Each utterance begins anew, as the stages that score a recording hear it.
ivector-extract-online2 --cmvn-config="$dir/online_cmvn.conf" --splice-config="$dir/splice.conf" \
  --lda-matrix="$dir/final.mat" --global-cmvn-stats="$dir/global_cmvn.stats" --diag-ubm="$dir/final.dubm" \
  --ivector-extractor="$dir/final.ie" --ivector-period=10 --num-gselect=5 --min-post=0.025 \
  --posterior-scale=0.1 --max-remembered-frames=1000 --max-count=0 \
  "ark:awk '{print \$1, \$1}' $(quoted "$feats") |" scp:"$feats" ark,scp:"$out.ark","$out.scp"
