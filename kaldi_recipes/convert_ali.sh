#!/usr/bin/env bash
# convert_ali.sh OLD_MODEL NEW_MODEL NEW_TREE ALI OUT: an alignment in the terms of a new tree
set -euo pipefail
source "$(dirname "$0")/quote.sh"
old=$1 new=$2 tree=$3 ali=$4 out=$5
convert-ali "$old" "$new" "$tree" "ark:gunzip -c $(quoted "$ali") |" "ark:| gzip -c > $(quoted "$out")"
