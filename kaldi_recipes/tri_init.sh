#!/usr/bin/env bash
# tri_init.sh LANG LEAVES OUT STATS...: triphone tree and first model -> OUT/tree, OUT/1.mdl
set -euo pipefail
lang=$1 leaves=$2 out=$3
shift 3
sum-tree-stats "$out/treeacc" "$@"
cluster-phones "$out/treeacc" "$lang/sets.int" "$out/questions.int"
cat "$lang/extra_questions.int" >> "$out/questions.int"
compile-questions "$lang/topo" "$out/questions.int" "$out/questions.qst"
build-tree --max-leaves="$leaves" "$out/treeacc" "$lang/roots.int" "$out/questions.qst" \
  "$lang/topo" "$out/tree"
gmm-init-model --write-occs="$out/1.occs" "$out/tree" "$out/treeacc" "$lang/topo" "$out/1.mdl"
