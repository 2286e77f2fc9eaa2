#!/usr/bin/env bash
# graphs.sh LANG DATA SHARD MODEL TREE OUT: training graphs of one shard -> OUT (gzipped archive)
set -euo pipefail
source "$(dirname "$0")/quote.sh"
lang=$1 data=$2 shard=$3 model=$4 tree=$5 out=$6
compile-train-graphs --read-disambig-syms="$lang/disambig.int" "$tree" "$model" "$lang/L.fst" \
  "ark:awk 'NR == FNR {wanted[\$1]; next} \$1 in wanted' $(quoted "$shard") $(quoted "$data")/text.int |" "ark:| gzip -c > $(quoted "$out")"
