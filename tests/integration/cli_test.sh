#!/usr/bin/env bash
# tests/integration/cli_test.sh MEMRIG
#
# Tests what the program does before it starts a guest: usage, help texts, lists, checks. Needs neither QEMU nor a
# network.

set -euo pipefail

memrig=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
python=/usr/bin/python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p cache
export MEMRIG_HOME=$root MEMRIG_CACHE=$work/cache
unset MEMRIG_LOG NO_COLOR

failures=0
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    sed "s/^/  stdout: /" out | head -5 >&2
    sed "s/^/  stderr: /" err | head -5 >&2
    failures=$((failures + 1))
}

# expect STATUS ARGUMENT...: runs memrig with stdout in ./out and stderr in ./err.
expect() {
    local wanted=$1 got=0
    shift
    what="memrig $*"
    "$memrig" "$@" >out 2>err </dev/null || got=$?
    ((got == wanted)) || fail "$what: exit status $got, not $wanted"
}
out_has() { grep -qF -- "$1" out || fail "$what: stdout lacks '$1'"; }
err_has() { grep -qF -- "$1" err || fail "$what: stderr lacks '$1'"; }
err_is_one_line() { [[ $(wc -l <err) == 1 && $(<err) == memrig:\ * ]] || fail "$what: stderr is not one line of memrig's"; }
err_is_empty() { [[ ! -s err ]] || fail "$what: stderr is not empty"; }
out_is_empty() { [[ ! -s out ]] || fail "$what: stdout is not empty"; }
out_is_json() { "$python" -c 'import json, sys; json.load(open("out"))' || fail "$what: stdout is no JSON"; }

# Refused: exit status 2, one line on stderr that has the words, nothing on stdout.
refused() {
    local words=$1
    shift
    expect 2 "$@"
    err_is_one_line
    out_is_empty
    err_has "$words"
}

test_usage() {
    refused 'a command is needed'
    refused 'did you mean memrig run?' rnu
    refused 'there is no command "frobnicate" (see memrig --help)' frobnicate
    refused 'did you mean memrig kernels list?' kernels lst
    refused 'a command is needed: list, fetch, build' kernels
    refused '--frob' run acpi-dimm-online --frob
    refused '--frob' --frob
    refused 'SCENARIO (or --all) is required' run
    refused '--trials' run acpi-dimm-online --trials 0
    refused 'is not a whole decimal number' run acpi-dimm-online --trials -1
    refused 'is not a whole decimal number' run acpi-dimm-online --trials 010
    refused 'is not a whole decimal number' run acpi-dimm-online --jobs 2x
    refused 'is too large' run acpi-dimm-online --seed 18446744073709551616
    refused '--accel' run acpi-dimm-online --accel xen
    refused 'actor.key=value' run acpi-dimm-online --set attribute
    refused 'would both go to stdout' run acpi-dimm-online --json - --ktap
    refused 'No such file or directory' run acpi-dimm-online --json no-such-folder/results.json
    refused 'is a directory' run acpi-dimm-online --json .
    refused 'ID is required' kernels fetch
    refused 'give ids of kernels, or --source with --config' kernels build
    refused 'not both' kernels build ref-6.12-amd64 --source .
    refused '--source needs --config' kernels build --source .
    refused 'FILE is required' scenarios check
    refused 'there is no command "nonsense"' help nonsense
}

test_shards() {
    local plan=$root/examples/nightly.toml
    refused '9/8 is not a shard such as 3/8' campaign run "$plan" --shard 9/8
    refused '--for and --shard exclude each other' campaign run "$plan" --shard 1/8 --for 1m
    refused 'there are 999999 shards' campaign run "$plan" --shard 1/999999
    refused '--publish requires --shard' campaign run "$plan" --publish .
    refused 'is not a submitted campaign' campaign run "$plan" --shard 1/8 --publish .
    refused '--publish and --out exclude each other' campaign run "$plan" --shard 1/8 --publish . --out shard
    refused '--slurm is required' campaign submit "$plan"
    refused '--shards' campaign submit "$plan" --slurm --shards 0
    refused 'holds something else' campaign submit "$plan" --slurm --out .
    refused 'is not a submitted campaign' campaign wait .
    refused 'is not a submitted campaign' campaign cancel .
    refused '--out is required' campaign merge .
    refused 'is not a finished shard' campaign merge . --out merged
    refused 'is not empty' campaign merge . --out .
    PATH='' expect 3 campaign submit "$plan" --slurm --out submitted
    err_is_one_line
    err_has 'Slurm is not there: squeue is not in PATH'
    [[ ! -e submitted ]] || fail "$what: it leaves a directory"
}

test_shared_work() {
    refused '--slurm works only in explore mode' run acpi-dimm-online --slurm --out shared
    refused '--trials and --stop-at-first do not work with --slurm' run acpi-dimm-online --mode explore --slurm --trials 3 --out shared
    refused '--slurm needs a directory that all nodes share (add --out DIR)' sweep validate/offline --slurm
    refused '--shards' matrix --shards 3
    refused '--slurm' matrix --slurm --resume --out shared
    refused '--time=60 is for sbatch (add --slurm)' matrix -- --time=60
    refused '--time=60 is for sbatch (add --slurm)' run acpi-dimm-online -- --time=60
    refused 'is not a submitted campaign' matrix --shard 1/2 --publish .
    refused '--shard and --publish go together' matrix --shard 1/2
    PATH='' expect 3 sweep validate/offline --slurm --out shared
    err_is_one_line
    err_has 'Slurm is not there: squeue is not in PATH'
    [[ ! -e shared ]] || fail 'a sweep that was not submitted leaves a directory'
    ! "$memrig" man sweep | grep -qF publish || fail 'the manual lists what only memrig itself gives'
}

test_logging() {
    local MEMRIG_LOG
    export MEMRIG_LOG=warn,prob=debug
    refused 'MEMRIG_LOG: there is no layer "prob" (the layers are qmp, guest, probe' benches list
    MEMRIG_LOG=dbug
    refused 'MEMRIG_LOG: there is no level "dbug" (the levels are trace, debug' benches list
    MEMRIG_LOG=info,probe=debug
    expect 0 benches list
    err_is_empty
}

test_help() {
    local command
    expect 0 --version
    err_is_empty
    grep -qxE 'memrig [0-9]+\.[0-9]+\.[0-9]+.*' out || fail "$what: no version"
    for command in '' run replay explain bundle bisect-step report kernels 'kernels list' 'kernels fetch' 'kernels build' benches 'benches list' emulators \
        'emulators list' 'emulators fetch' cache 'cache list' 'cache prune' 'cache clear' scenarios \
        'scenarios list' \
        'scenarios check' 'scenarios coverage' 'scenarios new' compare history doctor 'campaign run' 'campaign submit' \
        'campaign wait' 'campaign cancel' 'campaign merge'; do
        # shellcheck disable=SC2086  # words, not one argument
        expect 0 $command --help
        err_is_empty
        out_has 'Example:'
        out_has "memrig ${command% *}"
        ! grep -qE '.{133}' out || fail "$what: a line is too long"
        cp out by-option
        # shellcheck disable=SC2086
        expect 0 help $command
        cmp -s by-option out || fail "memrig help $command is not what --help prints"
    done
    expect 0 run --help
    out_has '--kernel ID|PATH=debian-6.1-amd64'
    out_has '--jobs N=1'
    out_has 'Exit status: 0'
}

# An image that has a kernel's header and nothing else.
make_kernel_header() {
    "$python" - "$1" <<'EOF'
import sys
image = bytearray(65536)
image[0x1f1] = 4
image[0x1fe:0x200] = b'\x55\xaa'
image[0x202:0x206] = b'HdrS'
image[0x206:0x208] = b'\x0f\x02'
open(sys.argv[1], 'wb').write(image)
EOF
}

# An image that tells its release, and modules of the same and of another one.
make_kernel_with_modules() {
    make_kernel_header image
    "$python" - <<'EOF'
image = bytearray(open('image', 'rb').read())
image[0x20e:0x210] = b'\x00\x08'
image[0xa00:0xa10] = b'6.1.0-1 (root) #'
open('released', 'wb').write(image)
EOF
    mkdir -p modules/6.1.0-1 modules/6.1.0-2 modules/empty
    touch modules/6.1.0-1/modules.dep modules/6.1.0-2/modules.dep
}

test_bad_modules() {
    local command words
    make_kernel_with_modules
    for command in 'run acpi-dimm-online' doctor; do
        read -ra words <<<"$command"
        refused 'modules/none: No such file' "${words[@]}" --kernel ./released --modules modules/none
        refused 'modules/empty holds no kernel modules' "${words[@]}" --kernel ./released --modules modules/empty
        refused 'are for the release 6.1.0-2, but the kernel ./released is 6.1.0-1 (give lib/modules/6.1.0-1)' \
            "${words[@]}" --kernel ./released --modules modules/6.1.0-2
        refused 'no-such-image' "${words[@]}" --kernel ./no-such-image --modules modules/6.1.0-1
        refused 'takes no folder of modules' "${words[@]}" --kernel debian-6.1-amd64 --modules modules/6.1.0-1
        refused 'is for one kernel, but 2 are given' \
            "${words[@]}" --kernel ./released --kernel ./image --modules modules/6.1.0-1
        refused 'requires --kernel' "${words[@]}" --modules modules/6.1.0-1
    done
    refused 'requires --kernel' replay no-such-trial --modules modules/6.1.0-1
    refused 'there is no bench "no-such-bench"' \
        run acpi-dimm-online --kernel ./released --modules modules/6.1.0-1 --bench no-such-bench
}

test_bad_input_of_run() {
    refused 'there is no scenario "no-such-scenario" (memrig scenarios list shows what there is)' run no-such-scenario
    refused 'there is no scenario "no-such-folder/"' run --all no-such-folder/
    refused 'there is no kernel "no-such-kernel"' run --all validate 'race/*' unplug --kernel no-such-kernel
    refused 'no-such-scenario.toml' run ./no-such-scenario.toml
    refused 'there is no kernel "no-such-kernel"' run acpi-dimm-online --kernel no-such-kernel
    refused 'no-such-image' run acpi-dimm-online --kernel ./no-such-image
    echo 'no kernel' >text
    refused 'text' run acpi-dimm-online --kernel ./text
    make_kernel_header image
    refused 'there is no bench "no-such-bench"' run acpi-dimm-online --kernel ./image --bench no-such-bench
    refused 'there is no emulator "no-such-qemu" (memrig emulators list' run acpi-dimm-online --kernel ./image --emulator no-such-qemu
    refused './text is not a program' run acpi-dimm-online --kernel ./image --emulator ./text
    refused 'no-such-arm' run acpi-dimm-online --kernel ./image --arm no-such-arm
    [[ ! -e runs ]] || fail "a run that never was left a run directory: $(find runs)"
    mkdir full
    touch full/file
    refused 'full' run acpi-dimm-online --kernel ./image --out full
}

test_bad_input_of_replay() {
    refused 'only one guest can be held' replay no-such-trial --gdb --times 2
    refused 'no-such-trial' replay no-such-trial --hold
    expect 2 replay no-such-trial --gdb --hold
    err_has '--gdb'
}

test_explain() {
    local trials=$root/tests/data/trials
    expect 0 explain "$trials/deadlock"
    err_is_empty
    grep -qx 'deadlock (as expected)' out || fail "$what: the first line is not the verdict"
    out_has "memrig replay $trials/deadlock"
    ! grep -q $'\x1b' out || fail "$what: colours in a file"
    # A terminal of 120 columns, with and without colours.
    script -qec "stty cols 120; TERM=xterm '$memrig' explain '$trials/oops'" log >out </dev/null
    what='memrig explain on a terminal'
    grep -q $'\x1b\[1;31m' out || fail "$what: no colours"
    script -qec "stty cols 120; NO_COLOR=1 TERM=xterm '$memrig' explain '$trials/oops'" log >out </dev/null
    ! grep -q $'\x1b' out || fail "$what: colours despite NO_COLOR"
    tr -d '\r' <out >plain
    grep -qE '^.{100,}$' plain || fail "$what: no line uses the terminal's width"
    expect 0 explain "$trials/oops" --json
    out_is_json
    expect 0 bundle "$trials/oops" --out oops.tar.zst
    expect 0 explain oops.tar.zst
    out_has 'memrig replay oops.tar.zst'
    refused 'has no debug information' explain "$trials/oops" --vmlinux "$root/README.md"
    refused 'no-such-vmlinux' explain "$trials/oops" --vmlinux no-such-vmlinux
    refused 'there is no no-such-trial' explain no-such-trial
    refused "is not a trial's directory" explain .
    echo 'no bundle' >text
    refused 'text is not a bundle' explain text
    cp -r "$trials/held" damaged
    echo '{' >damaged/locks.json
    refused 'damaged/locks.json: not the JSON that memrig writes' explain damaged
}

# No URI of these is connected to but where it says so.
test_backends() {
    local command none='qemu+unix:///system?socket=/no-such-socket' nowhere='qemu+unix:///session?socket=/nowhere'
    make_kernel_header image
    touch plan.toml
    for command in 'run acpi-dimm-online' matrix 'campaign run plan.toml' doctor; do
        # shellcheck disable=SC2086  # words, not one argument
        refused 'xen is not a backend' $command --backend xen
        # shellcheck disable=SC2086
        refused 'libvirt:: a URI is missing' $command --backend libvirt:
        # shellcheck disable=SC2086
        refused 'a URI is missing' $command --backend libvirt:qemu:///system,
        # shellcheck disable=SC2086
        refused 'is named twice' $command --backend libvirt:qemu:///system,qemu:///system
    done
    refused 'names more than one host' replay no-such-trial --backend libvirt:qemu:///system,qemu:///session
    refused "only a guest of this host's own QEMU can be held" replay no-such-trial --hold --backend libvirt:qemu:///system
    expect 3 run acpi-dimm-online --kernel ./image --backend "libvirt:$none,$nowhere"
    err_is_one_line
    err_has "$none"
    out_is_empty
    expect 3 doctor --backend "libvirt:$none,$nowhere"
    grep -qF "libvirt of $none" out || fail "$what: the first host is not named"
    grep -qF "libvirt of $nowhere" out || fail "$what: the second host is not named"
    # A host that is there is none of QEMU's, but is connected to: the other one is left out.
    expect 3 run acpi-dimm-online --kernel ./image --backend "libvirt:$none,test:///default"
    grep -qE '^libvirt:.*/no-such-socket is lost: ' out || fail "$what: the loss is not told"
}

test_lists() {
    expect 0 kernels list
    out_has 'debian-6.1-amd64'
    err_is_empty
    expect 0 kernels list --json
    out_is_json
    out_has '"fetched": false'
    refused 'there is no kernel "no-such-kernel"' kernels fetch debian-6.1-amd64 no-such-kernel
    expect 0 emulators list
    out_has 'debian-12-backports'
    refused 'there is no emulator "no-such-qemu"' emulators fetch debian-12-backports no-such-qemu
    mkdir -p "$MEMRIG_CACHE/guests/one" "$MEMRIG_CACHE/images/one"
    expect 0 cache list
    out_has '1 saved guest, 0 in use'
    expect 0 cache list --json
    out_is_json
    expect 0 cache prune --unused 7d --most 5G
    out_has 'removed 0 saved guests'
    refused 'is not a time such as 90s' cache prune --unused 7
    refused 'is not a size such as 512M' cache prune --most 5X
    refused '"gests" is no part of the cache that can be cleared: guests, ' cache clear gests
    refused '"python" is no part of the cache that can be cleared' cache clear python
    exec 9>"$MEMRIG_CACHE/guests/one.use"
    flock --shared 9
    refused 'a memrig uses the cache' cache clear guests images
    expect 0 cache clear guests
    [[ -d $MEMRIG_CACHE/guests/one ]] || fail "$what: a guest that is in use is gone"
    exec 9>&-
    # The package that memrig itself needs stays.
    mkdir -p "$MEMRIG_CACHE"/packages/{needed/qemu,other} "$MEMRIG_CACHE/python"
    ln -sfn "$MEMRIG_CACHE/packages/needed/qemu" "$MEMRIG_CACHE/python/qemu"
    expect 0 cache clear guests images packages
    [[ ! -e $MEMRIG_CACHE/guests/one && ! -e $MEMRIG_CACHE/images/one && ! -e $MEMRIG_CACHE/packages/other ]] ||
        fail "$what: something is left"
    [[ -d $MEMRIG_CACHE/python/qemu ]] || fail "$what: the package that memrig needs is gone"
    rm -r "$MEMRIG_CACHE/packages" "$MEMRIG_CACHE/python"
    refused 'memrig kernels build ref-6.12-amd64' kernels fetch ref-6.12-amd64
    refused 'memrig kernels fetch debian-6.1-amd64' kernels build debian-6.1-amd64
    refused 'there is no kernel "ref-6.12-amd64+frobnicate" (memrig kernels list --all' kernels build ref-6.12-amd64+frobnicate
    expect 0 kernels list --all --json
    out_is_json
    out_has '"parent": "ref-6.12-amd64"'
    out_has '"built": false'
    expect 0 benches list
    grep -qE '^q35 +x86_64 ' out || fail "$what: no q35"
    expect 0 scenarios list
    out_has 'race/acpi-dimm-online'
    expect 0 scenarios list --json
    out_is_json
    out_has '"expected"'
    expect 0 scenarios coverage
    cmp -s out "$root/docs/coverage.md" || fail "$what: docs/coverage.md is another"
    expect 0 scenarios coverage --json
    out_is_json
    ! grep -q $'\x1b' out || fail "$what: escape sequences though stdout is no terminal"
}

# Refused before anything is built: these need no compiler's work.
test_kernels_build_own() {
    mkdir -p no-kernel
    echo 'CONFIG_SMP=y' >one.config
    refused 'is not the source of a kernel: it has no Makefile' kernels build --source no-kernel --config one.config
    refused 'no-such-folder is not a directory' kernels build --source no-such-folder --config one.config
    refused 'is a kernel of the catalogue' kernels build --source no-kernel --config one.config --id ref-6.12-amd64
    refused 'is not a kernel id' kernels build --source no-kernel --config one.config --id a/b
    mkdir -p built-in/{scripts,mm,include/config}
    touch built-in/{Makefile,Kbuild,Kconfig,scripts/Kconfig.include,mm/memory_hotplug.c}
    refused 'run make mrproper there' kernels build --source built-in --config one.config
    rm -r built-in/include
    refused 'no-such.config' kernels build --source built-in --config no-such.config
}

test_scenarios_check() {
    local scenario=$root/scenarios/race/acpi-dimm-online.toml
    expect 0 scenarios check "$scenario"
    out_has ': ok'
    # One mistake of each kind: a key that nobody knows, at the top, and a syntax error.
    { echo 'frobnicate = 1'; cat "$scenario"; } >unknown-key.toml
    expect 2 scenarios check unknown-key.toml
    grep -qE '^unknown-key\.toml:1:[0-9]+: .*frobnicate' out || fail "$what: the unknown key is not told"
    { cat "$scenario"; echo 'a = ['; } >syntax.toml
    expect 2 scenarios check unknown-key.toml "$scenario" syntax.toml
    grep -qE '^unknown-key\.toml:1:[0-9]+: ' out || fail "$what: the first file's mistake is not told"
    grep -qE "^syntax\.toml:[0-9]+:[0-9]+: " out || fail "$what: the syntax error is not told"
    out_has "$scenario: ok"
    : >empty.toml
    expect 2 scenarios check empty.toml
    grep -qE '^empty\.toml:' out || fail "$what: an empty file passes"
    refused 'no-such-file.toml' scenarios check no-such-file.toml
}

# make_trial DIRECTORY
make_trial() {
    mkdir -p "$1"
    echo '{"schema": 1, "happenings": [{"ms": 1.5, "actor": "rig", "what": "step", "text": "start adder"}]}' >"$1/timeline.json"
}

test_report() {
    refused 'DIR is required' report --format trace
    refused '--format is required' report .
    refused 'svg' report . --format svg
    refused 'no-such-run is not a directory' report no-such-run --format trace
    refused 'there are no results in no-such-run (give the directory that memrig run' report no-such-run --format html
    refused 'there are no results in no-such-run' report no-such-run --format junit
    mkdir no-run
    refused 'no trial' report no-run --format trace
    make_trial one-run/race/x/control/0001
    expect 0 report one-run --format trace
    out_has 'one-run/race/x/control/0001/trace.json'
    grep -qF '"start adder"' one-run/race/x/control/0001/trace.json || fail "$what: no step in the trace"
    expect 0 report one-run --format trace --out -
    out_is_json
    out_has '"displayTimeUnit": "ms"'
    refused 'is not a directory' report one-run --format trace --out no-such-folder/x.json
    make_trial two-run/race/x/control/0001
    make_trial two-run/race/x/control/0002
    refused 'cannot write 2 trials to file.json' report two-run --format trace --out file.json
    mkdir traces
    expect 0 report two-run --format trace --out traces
    [[ -s traces/race-x-control-0001-trace.json && -s traces/race-x-control-0002-trace.json ]] || fail "$what: $(ls traces)"
    # A damaged trial is told, the others are done.
    echo '{"schema": 1, "happ' >two-run/race/x/control/0001/timeline.json
    expect 2 report two-run --format trace
    err_is_one_line
    err_has 'two-run/race/x/control/0001/timeline.json'
    [[ -s two-run/race/x/control/0002/trace.json ]] || fail "$what: the good trial has no trace"
    refused 'timeline.json' report two-run/race/x/control/0001 --format trace
}

# The page of a run, and of one trial.
test_pages() {
    local trials=$root/tests/data/trials
    mkdir a-run
    cp "$root/tests/golden/report/not-as-expected.json" a-run/results.json
    expect 0 report a-run --format html
    [[ $(<out) == a-run/report.html ]] || fail "$what: stdout is not the path of the page"
    grep -qF '<h1>Run a-run</h1>' a-run/report.html || fail "$what: the page is not that of the run"
    for format in junit kcidb markdown mail ktap kernels; do
        expect 0 report a-run --format $format
        [[ -s out ]] || fail "$what: nothing"
    done
    expect 0 report "$trials/held" --format html --out held.html
    grep -qF 'Why this verdict' held.html || fail "$what: the page is not that of the trial"
    refused '--before is not for one trial' report "$trials/held" --format html --before a-run
    expect 0 report a-run --format html --before a-run --out -
    grep -qF 'id="trend"' out || fail "$what: no trend"
    echo '{' >a-run/results.json
    refused 'a-run/results.json: not the JSON that memrig writes' report a-run --format html
}

# One option for the same thing in all commands: --json FILE; without FILE, stdout. Old names work, with a note.
test_options_are_the_same() {
    local command
    for command in 'kernels list' 'benches list' 'emulators list' 'cache list' 'scenarios list' 'scenarios coverage' "explain $root/tests/data/trials/held"; do
        # shellcheck disable=SC2086  # words, not one argument
        expect 0 $command --json
        out_is_json
        cp out wanted
        # shellcheck disable=SC2086
        expect 0 $command --json -
        cmp -s out wanted || fail "$what: not what --json prints"
        # shellcheck disable=SC2086
        expect 0 $command --json told.json
        cmp -s told.json wanted || fail "$what: not what --json prints"
        ! cmp -s out wanted || fail "$what: stdout is JSON, too"
        # shellcheck disable=SC2086
        refused 'No such file or directory' $command --json no-such-folder/told.json
    done
    # A directory behind --json is what the command shows.
    expect 0 explain --json "$root/tests/data/trials/held"
    out_is_json
    refused 'is a directory' run acpi-dimm-online --json .
    expect 2 campaign run no-such-plan.toml --dir there
    err_has 'memrig: note: --dir is the old name of --out'
    err_has 'no-such-plan.toml'
    expect 2 matrix --kernels no-such-kernel
    err_has 'memrig: note: --kernels is the old name of --kernel'
    err_has 'no-such-kernel'
    for command in 'campaign run' matrix; do
        # shellcheck disable=SC2086
        expect 0 $command --help
        ! grep -qE -- '--(dir|kernels|mutants|scenarios)\b' out || fail "$what: an old name"
    done
}

# Tables fold to the width of a terminal, and stay as they are in a file.
test_tables_fold() {
    expect 0 scenarios list
    grep -qE '^.{100}' out || fail "$what: folded in a file"
    script -qec "stty cols 60; TERM=xterm '$memrig' scenarios list" log </dev/null | tr -d '\r' >out
    what='memrig scenarios list on a terminal of 60 columns'
    out_has 'race/acpi-dimm-online'
    ! grep -qE '^.{61}' out || fail "$what: a line is wider"
}

test_scenarios_new() {
    refused '--from is required' scenarios new my-race
    refused "is not a scenario's name" scenarios new My/Race --from race/acpi-dimm-online
    refused 'there is no scenario "no-such"' scenarios new my-race --from no-such
    expect 0 scenarios new my-race --from race/acpi-dimm-online
    [[ $(head -1 out) == my-race.toml ]] || fail "$what: stdout does not begin with the file"
    ! grep -q '^kills' my-race.toml || fail "$what: it claims to kill mutants"
    expect 0 scenarios check my-race.toml
    refused 'is there already' scenarios new my-race --from race/acpi-dimm-online
    local name
    for name in $("$memrig" scenarios list | awk 'NR > 1 { print $1 }'); do
        expect 0 scenarios new copy --from "$name" --out copy.toml
        expect 0 scenarios check copy.toml
        rm copy.toml
    done
}

# A device is written to, never replaced; a full one is an error.
test_stdout_that_fails() {
    local status=0
    "$memrig" scenarios list >/dev/full 2>err || status=$?
    : >out
    what='memrig scenarios list >/dev/full'
    ((status == 3)) || fail "$what: exit status $status, not 3"
    err_is_one_line
}

test_doctor() {
    local status=0
    "$memrig" doctor --json >out 2>err || status=$?
    what='memrig doctor --json'
    out_is_json
    "$python" - "$status" <<'EOF' || fail "$what: see above"
import json, sys
answer = json.load(open('out'))
missing = [c['name'] for c in answer['checks'] if c['status'] == 'missing']
assert answer['ready'] == (not missing), answer
assert int(sys.argv[1]) == (3 if missing else 0), (sys.argv, missing)
assert all(c['remedy'] for c in answer['checks'] if c['status'] == 'missing'), missing
assert {'qemu-system-x86_64', 'KVM', 'Python', 'qemu.qmp', 'cache', 'memory'} <= {c['name'] for c in answer['checks']}
EOF
    # A kernel that is built from source is not fetched.
    "$memrig" doctor >out 2>err || true
    what='memrig doctor'
    grep -qE '^note +kernel debian-6.1-amd64 .*not fetched \(memrig kernels fetch debian-6.1-amd64\)' out || fail "$what: debian's remedy"
    grep -qE '^note +kernel ref-6.12-amd64 .*not built \(memrig kernels build ref-6.12-amd64\)' out || fail "$what: the built kernel's remedy"
    status=0
    PATH=$work "$memrig" doctor >out 2>err || status=$?
    what='memrig doctor, with nothing in PATH'
    ((status == 3)) || fail "$what: exit status $status, not 3"
    grep -qE '^missing +qemu-system-x86_64 .*\(apt-get install qemu-system-x86\)' out || fail "$what: QEMU is not said to be missing"
}

# The unit tests hold our reports against the schema with a small checker; here with a complete one, where there is one.
test_schema() {
    : >out
    : >err
    what='docs/results.schema.json'
    "$python" -c 'import jsonschema' 2>/dev/null || { echo "no python3-jsonschema: schema not checked by it"; return 0; }
    "$python" - "$root" >out 2>err <<'EOF' || fail "$what: see above"
import json, pathlib, sys
import jsonschema
root = pathlib.Path(sys.argv[1])
schema = json.loads((root / 'docs/results.schema.json').read_text())
kind = jsonschema.validators.validator_for(schema)
kind.check_schema(schema)
files = sorted((root / 'tests/golden/report').glob('*.json'))
assert files
for file in files:
    kind(schema).validate(json.loads(file.read_text()))
EOF
}

: >out
: >err
for name in $(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p'); do
    "$name"
done
if ((failures)); then
    echo "$failures failed" >&2
    exit 1
fi
echo "all passed"
