#!/usr/bin/env bash
# ivector_init.sh DIR DIM OUT: an untrained i-vector extractor of DIR/final.dubm -> OUT
set -euo pipefail
source "$(dirname "$0")/quote.sh"
dir=$1 dim=$2 out=$3
# Weights that do not depend on the i-vector: else it could not be estimated online.
ivector-extractor-init --ivector-dim="$dim" --use-weights=false \
  "gmm-global-to-fgmm $(quoted "$dir/final.dubm") - |" "$out"
