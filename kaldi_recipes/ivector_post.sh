#!/usr/bin/env bash
# ivector_post.sh DIR FEATS OUT: posteriors of Gaussians of one shard -> OUT (gzipped); half of the frames, so twice the scale 0.1
set -euo pipefail
dir=$1 feats=$2 out=$3
source "$(dirname "$0")/online.sh"
gmm-global-get-post --n=5 --min-post=0.025 "$dir/final.dubm" "$cmvn" ark:- |
  scale-post ark:- 0.2 "ark:| gzip -c > $(quoted "$out")"
