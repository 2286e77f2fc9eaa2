#!/usr/bin/env bash
# convert_ali.sh OLD_MODEL NEW_MODEL NEW_TREE ALI OUT: an alignment in the terms of a new tree
set -euo pipefail
old=$1 new=$2 tree=$3 ali=$4 out=$5
convert-ali "$old" "$new" "$tree" "ark:gunzip -c ${ali@Q} |" "ark:| gzip -c > ${out@Q}"
