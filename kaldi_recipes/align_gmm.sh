#!/usr/bin/env bash
# align_gmm.sh DATA SHARD GRAPHS MODEL BEAM RETRY OUT: alignment of one shard -> OUT (gzipped)
set -euo pipefail
data=$1 shard=$2 graphs=$3 model=$4 beam=$5 retry=$6 out=$7
source "$(dirname "$0")/lib.sh"
gmm-align-compiled $scales --beam="$beam" --retry-beam="$retry" \
  "gmm-boost-silence --boost=1.25 1 $(quoted "$model") - |" "ark:gunzip -c $(quoted "$graphs") |" "$feats" \
  "ark:| gzip -c > $(quoted "$out")"
