#!/usr/bin/env bash
# chain_graphs.sh LANG LEAVES MODEL ALIGNMENTS OUT STATS...: tree, phone_lm.fst, den.fst, normalization.fst
set -euo pipefail
lang=$1 leaves=$2 model=$3 alignments=$4 out=$5
shift 5
context="--context-width=2 --central-position=1"
sum-tree-stats "$out/treeacc" "$@"
cluster-phones $context "$out/treeacc" "$lang/sets.int" "$out/questions.int"
cat "$lang/extra_questions.int" >> "$out/questions.int"
compile-questions $context "$lang/topo.chain" "$out/questions.int" "$out/questions.qst"
build-tree $context --thresh=0 --max-leaves="$leaves" --cluster-thresh=-1 "$out/treeacc" \
  "$lang/roots.int" "$out/questions.qst" "$lang/topo.chain" "$out/tree"
gmm-init-model "$out/tree" "$out/treeacc" "$lang/topo.chain" "$out/tree.mdl"
copy-transition-model "$out/tree.mdl" "$out/0.trans_mdl"
ali-to-phones "$model" "ark:gunzip -c $alignments |" ark:- |
  chain-est-phone-lm --num-extra-lm-states=2000 ark:- "$out/phone_lm.fst"
chain-make-den-fst "$out/tree" "$out/0.trans_mdl" "$out/phone_lm.fst" "$out/den.fst" \
  "$out/normalization.fst"
