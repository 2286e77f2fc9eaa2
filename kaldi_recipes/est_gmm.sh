#!/usr/bin/env bash
# est_gmm.sh MODEL GAUSSIANS MIN_OCCUPANCY OUT ACC...: the next model -> OUT, OUT.occs
set -euo pipefail
source "$(dirname "$0")/quote.sh"
model=$1 gaussians=$2 occupancy=$3 out=$4
shift 4
gmm-est --mix-up="$gaussians" --power=0.25 --min-gaussian-occupancy="$occupancy" \
  --write-occs="$out.occs" "$model" "gmm-sum-accs - $(quoted "$@") |" "$out"
