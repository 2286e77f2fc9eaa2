#!/usr/bin/env bash
# ubm_acc.sh DIR FEATS UBM OUT: statistics of one shard for ubm_est.sh -> OUT
set -euo pipefail
dir=$1 feats=$2 ubm=$3 out=$4
source "$(dirname "$0")/online.sh"
gmm-global-acc-stats "$ubm" "$cmvn" "$out"
