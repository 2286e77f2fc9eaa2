#!/usr/bin/env bash
# est_lda.sh OUT ACC...: LDA to 40 dimensions -> OUT
set -euo pipefail
out=$1
shift
est-lda --dim=40 "$out" "$@"
