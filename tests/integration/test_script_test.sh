#!/usr/bin/env bash
# tests/integration/test_script_test.sh
#
# Runs tools/test in a tree where the other tools, memrig and ctest only write down that they were called. `broken` has
# the calls that fail.

set -euo pipefail

tools=$(realpath "$(dirname "$0")/../../tools")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tools" "$work/build" "$work/bin" "$work/cache"
cp "$tools/test" "$tools/lib.sh" "$work/tools"
cat >"$work/stub" <<'STUB'
#!/usr/bin/env bash
call="$(basename "$0") $*"
printf '%s\n' "$call" >>"$WORK/calls"
printf 'output of %s\n' "$call"
! grep -qxF -- "$call" "$WORK/broken" || exit 8
STUB
chmod +x "$work/stub"
for name in tools/setup tools/build build/memrig bin/ctest; do
    ln -s "$work/stub" "$work/$name"
done
export WORK=$work MEMRIG_CACHE=$work/cache PATH=$work/bin:$PATH

failures=0
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    failures=$((failures + 1))
}
# run_test STATUS BROKEN OPTION...: runs tools/test, and expects the exit status.
run_test() {
    local expected=$1 broken=$2 status=0
    shift 2
    rm -f "$work"/calls "$work"/build/*.log
    printf '%s\n' "$broken" >"$work/broken"
    "$work/tools/test" "$@" >"$work/out" 2>"$work/err" || status=$?
    ((status == expected)) || fail "tools/test $* with '$broken' broken: exit status $status, not $expected"
}
called() { grep -qxF -- "$1" "$work/calls" || fail "not called: $1"; }
not_called() { ! grep -qF -- "$1" "$work/calls" || fail "called: $1"; }

jobs=$(nproc)
common="--output-on-failure --no-tests=error --parallel $jobs"
main="ctest --test-dir build $common"
asan="ctest --test-dir build-asan $common -L ^unit\$"

for extent in --quick --reference; do
    run_test 0 '' "$extent"
    called 'build --preset release'
    not_called 'build --preset dev'
    not_called 'build --preset asan'
done

# A run that is not of the night leaves out the tests that take too long.
run_test 0 '' --reference
called "$main -LE ^nightly\$"
run_test 0 ''
called "$main -LE ^(reference|nightly)\$"

run_test 0 '' --nightly
called 'build --preset dev'
called 'build --preset asan'
called "$asan"
[[ $(tail -n 1 "$work/calls") == "$main" ]] || fail "the tests of the main build do not come last"
[[ $(tail -n 1 "$work/out") == "output of $main" ]] || fail "the output of ctest does not come last"
grep -qxF 'output of build --preset dev' "$work/build/nightly-dev.log" || fail "no log of the preset dev"
grep -qxF "output of $asan" "$work/build/nightly-asan.log" || fail "no log of the preset asan"
! grep -qF 'output of build --preset dev' "$work/out" || fail "the output of the preset dev is shown"

# A failure of one of them is told, the tests are run nevertheless, and the exit status says so.
for broken in 'build --preset dev' 'build --preset asan' "$asan"; do
    run_test 1 "$broken" --nightly
    called "$main"
    grep -q 'failed.*exit status 8' "$work/err" || fail "'$broken' is not told"
    grep -qF "output of $broken" "$work/err" || fail "the end of the log of '$broken' is not shown"
done
run_test 1 'build --preset asan' --nightly
not_called "$asan"
run_test 8 "$main" --nightly
# As before: nothing is tested without the main build.
run_test 8 'build --preset release' --nightly
not_called ctest

((failures == 0))
