#!/usr/bin/env bash
# features.sh KIND WAV_SCP SPK2UTT OUT: MFCC of one shard -> OUT.{ark,scp}; CMVN of speakers -> OUT.cmvn.*, of utterances -> OUT.utterance.*
set -euo pipefail
kind=$1 wav=$2 spk2utt=$3 out=$4
compute-mfcc-feats --config="$(dirname "$0")/conf/$kind.conf" scp:"$wav" ark,scp:"$out.ark","$out.scp"
compute-cmvn-stats --spk2utt=ark:"$spk2utt" scp:"$out.scp" ark,scp:"$out.cmvn.ark","$out.cmvn.scp"
compute-cmvn-stats scp:"$out.scp" ark,scp:"$out.utterance.ark","$out.utterance.scp"
