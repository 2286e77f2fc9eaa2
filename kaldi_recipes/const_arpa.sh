#!/usr/bin/env bash
# const_arpa.sh ARPA START END UNKNOWN OUT: an ARPA file of numbers of words as lattices are rescored with it -> OUT; UNKNOWN -1: it has none
set -euo pipefail
arpa=$1 start=$2 end=$3 unknown=$4 out=$5
arpa-to-const-arpa --bos-symbol="$start" --eos-symbol="$end" --unk-symbol="$unknown" "$arpa" "$out"
