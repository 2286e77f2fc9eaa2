# Sourced by the GMM scripts: what they see of a shard, and the options that they share.
# Needs $mfcc (folder with cmvn.scp) and $shard (feats.scp of the shard) and $data (folder with utt2spk).
deltas="ark,s,cs:apply-cmvn --utt2spk=ark:$data/utt2spk scp:$mfcc/cmvn.scp scp:$shard ark:- | add-deltas ark:- ark:- |"
scales="--transition-scale=1.0 --acoustic-scale=0.1 --self-loop-scale=0.1"
