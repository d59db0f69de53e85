#!/usr/bin/env bash
# tests/integration/self_description_test.sh MEMRIG
#
# Manual pages and shell completion: groff finds nothing wrong with the pages, each command and option of the program is
# in them, and a real bash completes by the script. A tool that is not installed (groff, zsh) is not asked.

set -euo pipefail

memrig=$(realpath "$1")
MEMRIG_HOME=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/cache"
export MEMRIG_HOME MEMRIG_CACHE=$work/cache
failures=0
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    failures=$((failures + 1))
}

"$memrig" man --dir "$work/man"
[[ -f $work/man/memrig.1 && -f $work/man/memrig-run.1 && -f $work/man/memrig-campaign-run.1 ]] || fail "pages are missing"
"$memrig" man campaign run | cmp -s - "$work/man/memrig-campaign-run.1" || fail "man campaign run is another page"
! "$memrig" man no-such 2>/dev/null || fail "man no-such"
for page in "$work"/man/*.1; do
    read -ra command <<<"$(basename "$page" .1 | sed 's/^memrig-*//; s/^bisect-step$/bisect_step/; s/-/ /g; s/_/-/')"
    "$memrig" help "${command[@]}" >"$work/help" || fail "$page is of no command"
    while read -r option; do
        grep -qF -- "${option//-/\\-}" "$page" || fail "$page lacks $option"
    done < <(grep -oE '^ +(-h,)?--[a-z-]+' "$work/help" | grep -oE -- '--[a-z-]+')
    if command -v groff >/dev/null; then
        said=$(groff -man -ww -z -Tutf8 "$page" 2>&1) || fail "groff: $page"
        [[ -z $said ]] || fail "groff: $said"
    fi
done

# complete WORD...: what bash offers for the last word, sorted, in one line.
complete_words() {
    PATH=$work/bin:$PATH bash --norc -c '
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _memrig
        printf "%s\n" "${COMPREPLY[@]}"' bash "$work/memrig.bash" "$@" | sort | tr '\n' ' '
}
# offers WORDS EXPECTED...
offers() {
    local line=$1 wanted words got
    shift
    IFS=' ' read -ra words <<<"$line"
    [[ $line != *' ' ]] || words+=('')
    got=" $(complete_words "${words[@]}")"
    for wanted in "$@"; do
        [[ $got == *" $wanted "* ]] || fail "'$line' offers$got, not $wanted"
    done
}
offers_only() {
    local line=$1 words got
    IFS=' ' read -ra words <<<"$line"
    [[ $line != *' ' ]] || words+=('')
    got=$(complete_words "${words[@]}")
    [[ $got == "$2 " ]] || fail "'$line' offers '$got', not only $2"
}

mkdir "$work/bin"
ln -s "$memrig" "$work/bin/memrig"
"$memrig" completion bash >"$work/memrig.bash"
bash -n "$work/memrig.bash" || fail "bash -n"
offers 'memrig ' run replay explain bundle campaign bisect-step
offers_only 'memrig repl' replay
offers_only 'memrig expl' explain
offers_only 'memrig explain --js' --json
offers_only 'memrig scenarios n' new
offers_only 'memrig scenarios new --fr' --from
offers 'memrig scenarios new x --from race/acpi' race/acpi-dimm-online
# Old names of options are not offered.
offers_only 'memrig campaign run --di' ''
! grep -q -- '\\-\\-dir' "$work/man/memrig-campaign-run.1" || fail "the old name --dir is in the manual"
offers 'memrig campaign ' run status
offers 'memrig run --' --kernel --modules --arm --trials --json
offers_only 'memrig run --tri' --trials
offers_only 'memrig kernels build --so' --source
offers_only 'memrig run --accel k' kvm
offers 'memrig run race/acpi' race/acpi-dimm-online
offers 'memrig run --kernel deb' debian-6.1-amd64
offers_only 'memrig run --out x' ''
"$memrig" completion zsh >"$work/_memrig"
if command -v zsh >/dev/null; then zsh -n "$work/_memrig" || fail "zsh -n"; fi
! "$memrig" completion fish >/dev/null 2>&1 || fail "completion fish"

((failures == 0)) || exit 1
echo "manual pages and completion: all good"
