# Sourced by the scripts of the i-vector extractor: what they see of $feats (a scp file of MFCC-40) below $dir, the extractor's folder.
source "$(dirname "$0")/quote.sh"
projected="splice-feats --left-context=3 --right-context=3 ark:- ark:- | transform-feats $(quoted "$dir/final.mat") ark:- ark:- |"
normalised="ark,s,cs:apply-cmvn-online --config=$(quoted "$dir/online_cmvn.conf") $(quoted "$dir/global_cmvn.stats") scp:$(quoted "$feats") ark:- |"
cmvn="$normalised $projected subsample-feats --n=2 ark:- ark:- |"
plain="ark,s,cs:copy-feats scp:$(quoted "$feats") ark:- | $projected subsample-feats --n=2 ark:- ark:- |"
