#!/usr/bin/env bash
# features.sh KIND WAV_SCP OUT_STEM: MFCC of one shard of recordings -> OUT_STEM.ark, .scp
set -euo pipefail
kind=$1 wav=$2 out=$3
compute-mfcc-feats --config="$(dirname "$0")/conf/$kind.conf" scp:"$wav" ark,scp:"$out.ark","$out.scp"
