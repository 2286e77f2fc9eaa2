#!/usr/bin/env bash
# align_equal.sh DATA MFCC SHARD GRAPHS OUT: the alignment that mono training starts from
set -euo pipefail
data=$1 mfcc=$2 shard=$3 graphs=$4 out=$5
source "$(dirname "$0")/lib.sh"
align-equal-compiled "ark:gunzip -c $(quoted "$graphs") |" "$feats" "ark:| gzip -c > $(quoted "$out")"
