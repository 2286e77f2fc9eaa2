#!/usr/bin/env bash
# ivector_est.sh EXTRACTOR THREADS OUT ACC...: the next i-vector extractor -> OUT
set -euo pipefail
extractor=$1 threads=$2 out=$3
shift 3
trap 'rm -f "$out.acc"' EXIT
ivector-extractor-sum-accs "$@" "$out.acc"
ivector-extractor-est --num-threads="$threads" "$extractor" "$out.acc" "$out"
