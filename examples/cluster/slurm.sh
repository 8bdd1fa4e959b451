#!/usr/bin/env bash
#SBATCH --job-name=tipping
#SBATCH --array=1-100
#SBATCH --cpus-per-task=2
#SBATCH --time=04:00:00
#SBATCH --requeue
# A sweep as a Slurm array, one shard for each task. Then join the shards, which proves that none is missing:
#
#   job=$(sbatch --parsable examples/cluster/slurm.sh parts my.toml --vary 'load=100..900 req/s:100000')
#   sbatch --dependency=afterok:"$job" --wrap 'tipping merge parts/*.csv --out all.csv'
#
# A task that is preempted and queued again goes on behind its last row. Submit the same array again for tasks that failed.
set -euo pipefail
tipping=${TIPPING:-tipping}
parts=$1
shift
mkdir -p "$parts"
"$tipping" sweep "$@" --threads "${SLURM_CPUS_PER_TASK:-1}" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --out "$parts/$SLURM_ARRAY_TASK_ID.csv" --resume
