# Sourced by the GMM scripts: what they see of a shard, and the options that they share.
# Needs $shard (a scp file NNN.scp of MFCC, beside which features.sh puts NNN.cmvn.scp) and $data (a folder of kaldi_lang).
# Environment: LDA, a matrix on nine spliced frames in the place of deltas; FMLLR, transforms of speakers.
source "$(dirname "$0")/quote.sh"
normalised="ark,s,cs:apply-cmvn --utt2spk=ark:$(quoted "$data")/utt2spk scp:$(quoted "${shard%.scp}.cmvn.scp") scp:$(quoted "$shard") ark:- |"
spliced="$normalised splice-feats ark:- ark:- |"
if [ -n "${LDA:-}" ]; then
  feats="$spliced transform-feats $(quoted "$LDA") ark:- ark:- |"
else
  feats="$normalised add-deltas ark:- ark:- |"
fi
if [ -n "${FMLLR:-}" ]; then
  feats="$feats transform-feats --utt2spk=ark:$(quoted "$data")/utt2spk ark:$(quoted "$FMLLR") ark:- ark:- |"
fi
scales="--transition-scale=1.0 --acoustic-scale=0.1 --self-loop-scale=0.1"
silence=$(cat "$data/silence.csl")
