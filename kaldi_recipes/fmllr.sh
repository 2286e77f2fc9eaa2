#!/usr/bin/env bash
# fmllr.sh DATA SHARD SPK2UTT ALI MODEL OUT: transforms of a shard's speakers, those of FMLLR included -> OUT
set -euo pipefail
data=$1 shard=$2 spk2utt=$3 ali=$4 model=$5 out=$6
source "$(dirname "$0")/lib.sh"
# Recordings are read speaker by speaker: where that is not the order of their names, all are held in memory.
order=ark,s,cs
awk '{for (i = 2; i <= NF; i++) print $i}' "$spk2utt" | LC_ALL=C sort -c 2> /dev/null || order=ark
made=ark:$out
[ -z "${FMLLR:-}" ] || made="ark:| compose-transforms --b-is-affine=true ark:- ark:$(quoted "$FMLLR") ark:$(quoted "$out")"
ali-to-post "ark:gunzip -c $(quoted "$ali") |" ark:- |
  weight-silence-post 0.0 $silence "$model" ark:- ark:- |
  gmm-est-fmllr --fmllr-update-type=full --spk2utt=ark:"$spk2utt" "$model" "${feats/#ark,s,cs/$order}" "$order":- "$made"
