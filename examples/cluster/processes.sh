#!/usr/bin/env bash
# The shards of a sweep as processes of this machine, joined at the end:
#
#   examples/cluster/processes.sh SHARDS OUT MODEL --vary ... [more of `tipping sweep`]
#
# TIPPING is the program, JOBS how many run at a time (one for each core). Run it again after a crash: shards that are complete
# are left alone, others go on behind their last row.
set -euo pipefail
tipping=${TIPPING:-tipping}
jobs=${JOBS:-$(nproc)}
shards=$1
out=$2
shift 2
parts=$out.shards
ending=${out##*.}
mkdir -p "$parts"
seq "$shards" | xargs -P "$jobs" -I SHARD \
    "$tipping" sweep "$@" --threads 1 --shard "SHARD/$shards" --out "$parts/SHARD.$ending" --resume
"$tipping" merge "$parts"/*."$ending" --out "$out"
