#!/usr/bin/env bash
# ubm_est.sh UBM REMOVE OUT ACC...: the next UBM -> OUT; REMOVE: whether Gaussians of few frames go
set -euo pipefail
source "$(dirname "$0")/quote.sh"
ubm=$1 remove=$2 out=$3
shift 3
gmm-global-est --remove-low-count-gaussians="$remove" --min-gaussian-weight=0.0001 "$ubm" \
  "gmm-global-sum-accs - $(quoted "$@") |" "$out"
