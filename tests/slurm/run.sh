#!/bin/bash
# A Slurm of one node, for the time of one test: an array of 8 shards by deploy/slurm, one task
# told that its time is up, which requeues itself, then the merge. The caller compares the result.
#
#   tests/slurm/run.sh WORK      # a folder with experts.toml and data; drs is in $PATH
#
# Exit code 77: Slurm (Debian: slurmctld, slurmd, slurm-client, munge) is not installed.
set -euo pipefail
work=$(realpath "$1")
deploy=$(realpath "$(dirname "$0")/../../deploy/slurm")
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch srun scontrol squeue; do
    command -v $program >/dev/null || { echo "$program is not installed"; exit 77; }
done

state=$work/slurm
mkdir -p "$state"/{munge,spool,save}
chmod 711 "$state" && chmod 700 "$state/munge"
host=$(hostname -s)
user=$(id -un)
port=$((20000 + RANDOM % 10000))
cat >"$state/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$state/munge/socket
CredType=cred/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$state/save
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,requeue_setup_env_fail
ReturnToService=2
MpiDefault=none
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=32 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$state/slurm.conf

dd if=/dev/urandom of="$state/munge/key" bs=1024 count=1 status=none
chmod 400 "$state/munge/key"
stop() {
    scancel --user="$user" 2>/dev/null || true
    for daemon in slurmd slurmctld munge/munged; do
        [ -f "$state/$daemon.pid" ] && kill "$(cat "$state/$daemon.pid")" 2>/dev/null
    done
    return 0
}
trap stop EXIT
munged --force --key-file="$state/munge/key" --socket="$state/munge/socket" \
    --pid-file="$state/munge/munged.pid" --log-file="$state/munge/log" --seed-file="$state/munge/seed"
slurmctld
slurmd -N "$host"
up() { sinfo --noheader --format=%T 2>/dev/null | grep -Eq 'idle|mixed|alloc'; }
for _ in $(seq 60); do up && break; sleep 0.5; done
up || { cat "$state"/*.log; echo "the node does not come up"; exit 1; }

cd "$work"
export POOL=$work/experts.toml DATA=$work/data OUT=$work/slurm.tsv DRS_SEED=4
# shellcheck disable=SC2086  # options are words
"$deploy/submit.sh" 8 $DRS_TEST_ARGS
array=$(squeue --noheader --array --format=%F --name=drs-certify | head -n 1)
# One task is told that its time is up, as Slurm does. It must run by then: a signal that comes
# before the script of the task has set its traps kills the script, and the task has failed.
begun() { grep --files-with-matches '^shard ' "slurm-${array}_"*.out 2>/dev/null; }
for _ in $(seq 600); do begun >/dev/null && break; sleep 0.02; done
begun >/dev/null || { cat "$state"/*.log; echo "no task began"; exit 1; }
task=$(begun | head -n 1 | sed 's/.*_\([0-9]*\)\.out/\1/')
scancel --batch --signal=USR1 "${array}_$task" && echo "task $task: the time is up"
for _ in $(seq 600); do
    [ -z "$(squeue --noheader --format=%i)" ] && break
    sleep 0.5
done
scontrol show job "$array" | grep -E 'ArrayTaskId|JobState|Restarts' || true
[ -f "$OUT" ] || { cat "$work"/slurm-*.out "$state"/*.log; echo "the merge wrote nothing"; exit 1; }
