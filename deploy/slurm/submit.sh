#!/bin/bash
# Submits the shards and, behind them, the merge.
#
#   POOL=experts.toml DATA=cifar10/test OUT=$SCRATCH/maxmin.tsv deploy/slurm/submit.sh 8 --method maxmin
set -euo pipefail
: "${POOL:?}" "${DATA:?}" "${OUT:?}"
shards=$1
shift
here=$(dirname "$(realpath "$0")")
export POOL DATA OUT DRS_ARGS="$*"
# One seed for all shards, and the same when they are submitted again.
[ -s "$OUT.seed" ] || echo "${DRS_SEED:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}" >"$OUT.seed"
DRS_SEED=$(cat "$OUT.seed")
export DRS_SEED
export DRS_SHARDS=$shards
job=$(sbatch --parsable --array=0-$((shards - 1)) "$here/certify.sbatch")
sbatch --dependency=afterok:"${job%%;*}" "$here/merge.sbatch"
