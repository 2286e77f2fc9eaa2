#!/usr/bin/env bash
# export.sh MODEL FEATS_SCP NODE GPU OUT_STEM: output of a node at every third frame -> OUT_STEM.ark, .scp
set -euo pipefail
model=$1 feats=$2 node=$3 gpu=$4 out=$5
source "$(dirname "$0")/input.sh"
if [ "$node" = output-xent ]; then
  edit="--edits='remove-output-nodes name=output;rename-node old-name=output-xent new-name=output'"
else
  edit="--nnet-config='echo output-node name=output input=$node |'"
fi
nnet3-compute "${ivectors[@]}" --use-gpu="$gpu" --frame-subsampling-factor=3 \
  "nnet3-am-copy --raw=true $(quoted "$model") - | nnet3-copy $edit - - |" "$input" ark,scp:"$out.ark","$out.scp"
