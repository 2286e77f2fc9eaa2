#!/usr/bin/env bash
# phones.sh MODEL OUT ALI...: phones with their lengths in frames -> OUT, as text
set -euo pipefail
source "$(dirname "$0")/quote.sh"
model=$1 out=$2
shift 2
ali-to-phones --write-lengths=true "$model" "ark:gunzip -c $(quoted "$@") |" ark,t:"$out"
