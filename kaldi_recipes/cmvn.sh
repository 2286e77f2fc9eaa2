#!/usr/bin/env bash
# cmvn.sh FEATS_SCP SPK2UTT OUT_STEM: CMVN statistics of every speaker -> OUT_STEM.ark, .scp
set -euo pipefail
feats=$1 spk2utt=$2 out=$3
compute-cmvn-stats --spk2utt=ark:"$spk2utt" scp:"$feats" ark,scp:"$out.ark","$out.scp"
