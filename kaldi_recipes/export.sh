#!/usr/bin/env bash
# export.sh MODEL FEATS_SCP CMVN_SCP NODE GPU OUT_STEM: output of a node at every third frame -> OUT_STEM.ark, .scp
set -euo pipefail
source "$(dirname "$0")/quote.sh"
model=$1 feats=$2 cmvn=$3 node=$4 gpu=$5 out=$6
input="ark,s,cs:apply-cmvn --norm-vars=false scp:$(quoted "$cmvn") scp:$(quoted "$feats") ark:- |"
if [ "$node" = output-xent ]; then
  edit="--edits='remove-output-nodes name=output;rename-node old-name=output-xent new-name=output'"
else
  edit="--nnet-config='echo output-node name=output input=$node |'"
fi
nnet3-compute --use-gpu="$gpu" --frame-subsampling-factor=3 \
  "nnet3-am-copy --raw=true $(quoted "$model") - | nnet3-copy $edit - - |" "$input" ark,scp:"$out.ark","$out.scp"
