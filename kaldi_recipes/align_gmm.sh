#!/usr/bin/env bash
# align_gmm.sh DATA MFCC SHARD GRAPHS MODEL BEAM RETRY OUT: alignment of one shard -> OUT (gzipped)
set -euo pipefail
data=$1 mfcc=$2 shard=$3 graphs=$4 model=$5 beam=$6 retry=$7 out=$8
source "$(dirname "$0")/lib.sh"
gmm-align-compiled $scales --beam="$beam" --retry-beam="$retry" \
  "gmm-boost-silence --boost=1.25 1 $(quoted "$model") - |" "ark:gunzip -c $(quoted "$graphs") |" "$feats" \
  "ark:| gzip -c > $(quoted "$out")"
