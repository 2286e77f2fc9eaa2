#!/usr/bin/env bash
# phones.sh MODEL OUT ALI...: phone of every frame (OUT.frames) and phones with lengths (OUT.lengths), as text
set -euo pipefail
source "$(dirname "$0")/quote.sh"
model=$1 out=$2
shift 2
ali-to-phones --per-frame=true "$model" "ark:gunzip -c $(quoted "$@") |" ark,t:"$out.frames"
ali-to-phones --write-lengths=true "$model" "ark:gunzip -c $(quoted "$@") |" ark,t:"$out.lengths"
