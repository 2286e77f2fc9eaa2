#!/usr/bin/env bash
# latgen.sh MODEL GRAPH FEATS_SCP BEAM MAX_ACTIVE LATTICE_BEAM SCALE OUT [OLD NEW]: lattices of one shard -> OUT (gzipped text)
set -euo pipefail
model=$1 graph=$2 feats=$3 beam=$4 active=$5 lattice_beam=$6 scale=$7 out=$8
shift 8
source "$(dirname "$0")/input.sh"
# Acoustic costs stay scaled: of the paths of a transcript the one is kept that is best in the search.
written="ark:| lattice-scale --acoustic-scale=$scale ark:- ark"
# OLD, NEW: language models of const_arpa.sh. That of the graph is taken out, the other put in (lmrescore_const_arpa.sh).
[ $# -lt 2 ] || written+=":- | lattice-lmrescore-const-arpa --lm-scale=-1.0 ark:- $(quoted "$1") ark:- | lattice-lmrescore-const-arpa ark:- $(quoted "$2") ark"
nnet3-latgen-faster "${ivectors[@]}" --frame-subsampling-factor=3 --beam="$beam" --max-active="$active" \
  --lattice-beam="$lattice_beam" --acoustic-scale="$scale" "$model" "$graph" "$input" \
  "$written,t:- | gzip -c > $(quoted "$out")"
