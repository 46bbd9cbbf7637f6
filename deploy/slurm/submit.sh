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
export DRS_SEED=${DRS_SEED:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}
export DRS_SHARDS=$shards
job=$(sbatch --parsable --array=0-$((shards - 1)) "$here/certify.sbatch")
sbatch --dependency=afterok:"${job%%;*}" "$here/merge.sbatch"
