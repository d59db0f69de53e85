#!/usr/bin/env bash
# tests/integration/bench_test.sh MEMRIG_BENCH MEMRIG_RACE_BENCH
#
# Runs each benchmark of `tools/bench` and `tools/bench race` once on a real guest, so that they stay able to run. No
# time is judged.

set -euo pipefail

bench=$1 race_bench=$2
readonly kernel=debian-6.1-amd64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    cat "$work/out" "$work/err" >&2
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

MEMRIG_BENCH_KERNEL=$kernel "$bench" --benchmark_repetitions=1 >"$work/out" 2>"$work/err" ||
    fail "memrig_bench: exit status $?"
for measured in boot restore 'hot-add, no probe' 'hot-add, observer' \
    'trial, '{control,mutant}', '{stops,plugin,both,'no ledger'}; do
    grep -qE "^$measured $kernel/.* [0-9.]+ s " "$work/out" || fail "no time of: $measured"
done
! grep -q 'ERROR OCCURRED' "$work/out" || fail "a benchmark has an error"

"$race_bench" "$kernel" 1 1 >"$work/out" 2>"$work/err" || fail "memrig_race_bench: exit status $?"
grep -q '^  directed  seen in 1 of 1 trial' "$work/out" || fail "the directed trial did not show the race"
grep -q '^  free  ' "$work/out" || fail "no free trial"
