#!/usr/bin/env bash
# align_equal.sh DATA SHARD GRAPHS OUT: the alignment that mono training starts from
set -euo pipefail
data=$1 shard=$2 graphs=$3 out=$4
source "$(dirname "$0")/lib.sh"
align-equal-compiled "ark:gunzip -c $(quoted "$graphs") |" "$feats" "ark:| gzip -c > $(quoted "$out")"
