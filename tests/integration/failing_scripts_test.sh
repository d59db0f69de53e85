#!/usr/bin/env bash
# tests/integration/failing_scripts_test.sh
#
# tools/setup and tools/build fail behind hundreds of lines of output: the error has to be among the last lines.
# apt-get, dpkg-query and cmake are stand-ins.

set -euo pipefail

tools=$(realpath "$(dirname "$0")/../../tools")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tools" "$work/bin" "$work/cache"
cp "$tools/setup" "$tools/build" "$tools/lib.sh" "$tools/packages.txt" "$work/tools"
export MEMRIG_CACHE=$work/cache PATH=$work/bin:$PATH

failures=0
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    sed 's/^/  /' "$work/out" >&2
    failures=$((failures + 1))
}
stand_in() {
    cat >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
# expect_error TEXT COMMAND...: the command fails, and TEXT is among its last 14 lines.
expect_error() {
    local text=$1 status=0
    shift
    "$@" >"$work/out" 2>&1 </dev/null || status=$?
    ((status == 1)) || fail "$*: exit status $status, not 1"
    tail -14 "$work/out" | grep -qF -- "$text" || fail "$*: the last lines do not have '$text'"
}

stand_in dpkg-query <<'STUB'
#!/usr/bin/env bash
exit 1
STUB
stand_in sudo <<'STUB'
#!/usr/bin/env bash
exec "$@"
STUB
stand_in apt-get <<'STUB'
#!/usr/bin/env bash
[[ " $* " == *" install "* ]] || exit 0
for i in $(seq 300); do echo "Get:$i http://mirror/package"; done
echo 'E: Unable to locate package libtomlplusplus-dev'
for i in $(seq 300); do echo "Ign:$i http://mirror/package"; done
exit 100
STUB
expect_error 'E: Unable to locate package libtomlplusplus-dev' "$work/tools/setup" build
(($(wc -l <"$work/out") < 30)) || fail "tools/setup prints what apt-get prints"

for tool in ninja g++; do
    stand_in "$tool" <<'STUB'
#!/usr/bin/env bash
exit 0
STUB
done
stand_in cmake <<'STUB'
#!/usr/bin/env bash
[[ $1 == --build ]] || exit 0
echo 'src/run/sweep.cc:12:3: error: there is no such thing'
for i in $(seq 300); do echo "[$i/300] Building CXX object"; done
exit 1
STUB
expect_error 'src/run/sweep.cc:12:3: error: there is no such thing' "$work/tools/build"

# Without a line that looks like an error, the last lines of the output are shown.
stand_in cmake <<'STUB'
#!/usr/bin/env bash
[[ $1 == --build ]] || exit 0
for i in $(seq 300); do echo "[$i/300] Building CXX object"; done
echo 'the compiler went away'
exit 1
STUB
expect_error 'the compiler went away' "$work/tools/build"

printf '%d failed\n' "$failures"
((failures == 0))
