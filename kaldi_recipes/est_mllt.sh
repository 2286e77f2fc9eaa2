#!/usr/bin/env bash
# est_mllt.sh MODEL MATRIX OUT_MODEL OUT_MATRIX ACC...: MLLT on top of MATRIX; the means of MODEL turned
set -euo pipefail
model=$1 matrix=$2 turned=$3 out=$4
shift 4
est-mllt "$out.mllt" "$@"
gmm-transform-means "$out.mllt" "$model" "$turned"
compose-transforms "$out.mllt" "$matrix" "$out"
rm "$out.mllt"
