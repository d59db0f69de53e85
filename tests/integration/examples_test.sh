#!/usr/bin/env bash
# tests/integration/examples_test.sh MEMRIG
#
# The examples are what they say: YAML that parses, units that systemd takes, and in all of them no command, option or
# kernel that the program does not know. A tool that is not installed (python3-yaml, systemd-analyze) is not asked.

set -euo pipefail

memrig=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    failures=$((failures + 1))
}

# Each memrig command of a text: its command words are known, and its options are in that command's help.
check_commands() {
    local file=$1 line words found=0
    while read -r line; do
        found=1
        read -ra words <<<"$line"
        local command=("${words[0]}")
        [[ ${words[0]} != campaign && ${words[0]} != kernels ]] || command+=("${words[1]}")
        if ! "$memrig" help "${command[@]}" >"$work/help" 2>/dev/null; then
            fail "$file: no command ${command[*]}"
            continue
        fi
        for word in "${words[@]}"; do
            [[ $word != --* ]] || grep -qE -- "(^| |,)$word( |=|,|$)" "$work/help" ||
                fail "$file: ${command[*]} has no $word"
        done
    done < <(grep -v '^#' "$file" | sed -nE 's/.*(build\/memrig|"[$]MEMRIG") ([a-z].*)/\2/p')
    ((found)) || fail "$file: no command of memrig in it"
}

"$memrig" kernels list >"$work/kernels"
for file in "$root"/examples/ci/*.yml; do
    check_commands "$file"
    if /usr/bin/python3 -c 'import yaml' 2>/dev/null; then
        /usr/bin/python3 -c 'import sys, yaml; assert isinstance(yaml.safe_load(open(sys.argv[1])), dict)' "$file" ||
            fail "$file is no YAML"
    fi
    while read -r script; do
        [[ -x $root/$script ]] || fail "$file: there is no $script"
    done < <(grep -oE 'tools/[a-z]+' "$file" | sort -u)
    while read -r kernel; do
        grep -q "^$kernel " "$work/kernels" || fail "$file: there is no kernel $kernel"
    done < <(grep -oE 'debian-[0-9.]+-[a-z0-9]+' "$file" | sort -u)
done
check_commands "$root/examples/systemd/memrig-nightly.service"

if command -v systemd-analyze >/dev/null; then
    # The paths are the user's.
    cp "$root"/examples/systemd/* "$work"
    sed -i "s#%h/memrig/build/memrig#$memrig#; s#WorkingDirectory=%h#WorkingDirectory=$work#; s#%h/memrig#$root#" \
        "$work"/*.service
    said=$(systemd-analyze verify "$work"/memrig-nightly.{service,timer} 2>&1) || fail "systemd-analyze: $said"
    [[ -z $said ]] || fail "systemd-analyze: $said"
fi

((failures == 0)) || exit 1
echo "examples: all good"
