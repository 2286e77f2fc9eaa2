# Sourced by the scripts that feed the network: $input, what it takes of $feats (a scp file NNN.scp of MFCC-40),
# where $learn is set only of the utterances in that file.
# Less the mean of the utterance; raw, as in Kaldi's recipes, where IVECTORS (environment: a scp file) go in beside it.
source "$(dirname "$0")/quote.sh"
ivectors=() input="ark,s,cs:copy-feats scp:$(quoted "$feats") ark:- |"
[ -z "${learn:-}" ] || input="ark,s,cs:subset-feats --include=$(quoted "$learn") scp:$(quoted "$feats") ark:- |"
if [ -n "${IVECTORS:-}" ]; then
  ivectors=(--online-ivectors=scp:"$IVECTORS" --online-ivector-period=10)
else
  input="$input apply-cmvn --norm-vars=false scp:$(quoted "${feats%.scp}.utterance.scp") ark:- ark:- |"
fi
