#!/usr/bin/env bash
# ubm_init.sh DIR FEATS CMVN_SCP GAUSSIANS THREADS OUT: PCA on spliced frames, global CMVN -> DIR; a diagonal UBM -> OUT
set -euo pipefail
dir=$1 feats=$2 cmvn_scp=$3 gaussians=$4 threads=$5 out=$6
matrix-sum --binary=false scp:"$cmvn_scp" "$dir/global_cmvn.stats"
source "$(dirname "$0")/online.sh"
est-pca --dim=40 --normalize-variance=true --normalize-mean=true \
  "$normalised splice-feats --left-context=3 --right-context=3 ark:- ark:- | subsample-feats --n=5 ark:- ark:- |" \
  "$dir/final.mat"
gmm-global-init-from-feats --num-threads="$threads" --num-frames=500000 --min-gaussian-weight=0.0001 \
  --num-gauss="$gaussians" --num-gauss-init=$(((gaussians + 1) / 2)) --num-iters=20 "$normalised $projected" "$out"
