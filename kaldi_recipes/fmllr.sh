#!/usr/bin/env bash
# fmllr.sh DATA MFCC SHARD SPK2UTT ALI MODEL OUT: transforms of a shard's speakers, those of FMLLR included -> OUT
set -euo pipefail
data=$1 mfcc=$2 shard=$3 spk2utt=$4 ali=$5 model=$6 out=$7
source "$(dirname "$0")/lib.sh"
made=ark:$out
[ -z "${FMLLR:-}" ] || made="ark:| compose-transforms --b-is-affine=true ark:- ark:$(quoted "$FMLLR") ark:$(quoted "$out")"
ali-to-post "ark:gunzip -c $(quoted "$ali") |" ark:- |
  weight-silence-post 0.0 $silence "$model" ark:- ark:- |
  gmm-est-fmllr --fmllr-update-type=full --spk2utt=ark:"$spk2utt" "$model" "$feats" ark,s,cs:- "$made"
