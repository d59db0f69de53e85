# shellcheck shell=bash
# The functions that the scripts in tools/ share. To be sourced after `set -euo pipefail`.

# shellcheck disable=SC2034  # the scripts that source this use them
{
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    program=tools/$(basename "$0")
    # A fixed path instead of PATH: memrig embeds the system's interpreter, and Debian's packages are for that one.
    python=/usr/bin/python3
}

bold='' red='' plain=''
if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi

say() { printf '%s: %s\n' "$program" "$*" >&2; }
warn() { printf '%s%s: warning:%s %s\n' "$bold" "$program" "$plain" "$*" >&2; }
fail() { printf '%s%s: error:%s %s\n' "$red$bold" "$program" "$plain" "$*" >&2; }
die() { fail "$*"; exit 1; }
bad_usage() { fail "$* ('$program --help' says how)"; exit 2; }

# The comment at the top of a script is its help text.
usage() { sed -n '2,/^$/ s/^# \{0,1\}//p' "$0"; }

# Sets and exports MEMRIG_CACHE, so that memrig, started from a script, uses the same one.
find_cache() {
    local home=${HOME:-}
    if [[ -z ${MEMRIG_CACHE:-} ]]; then
        if [[ -z $home && -z ${XDG_CACHE_HOME:-} ]]; then
            home=$(getent passwd "$(id -u)" | cut -d: -f6) || true
            [[ -d $home ]] || die "no place for the cache, since HOME is not set; set MEMRIG_CACHE to a directory"
        fi
        MEMRIG_CACHE=${XDG_CACHE_HOME:-$home/.cache}/memrig
    fi
    mkdir -p "$MEMRIG_CACHE" 2>/dev/null || true
    [[ -w $MEMRIG_CACHE ]] ||
        die "cannot write to the cache $MEMRIG_CACHE; set MEMRIG_CACHE to a directory that you own"
    MEMRIG_CACHE=$(cd "$MEMRIG_CACHE" && pwd)
    export MEMRIG_CACHE
}

# step DOING COMMAND...: runs one numbered step, and prints how long it took. Set `steps` to the number of steps.
steps=0 step_number=0
step() {
    local doing=$1 begin=$SECONDS status=0 label
    shift
    step_number=$((step_number + 1))
    label="${bold}[$step_number/$steps]$plain $doing …"
    printf '%s\n' "$label" >&2
    "$@" || status=$?
    if ((status)); then
        printf '%s %sfailed%s after %d s (exit status %d)\n' "$label" "$red" "$plain" $((SECONDS - begin)) "$status" >&2
    else
        printf '%s %d s\n' "$label" $((SECONDS - begin)) >&2
    fi
    return "$status"
}

# logged NAME COMMAND...: runs a command whose output, of hundreds of lines, goes to a log in the cache. If it fails,
# the lines of the log that tell the error are printed, at most 12; if none does, the last 12. REQUIRES: find_cache.
logged() {
    local log=$MEMRIG_CACHE/logs/$1.log status=0
    shift
    mkdir -p "${log%/*}"
    "$@" >"$log" 2>&1 || status=$?
    ((status == 0)) || show_errors "$log"
    return "$status"
}

# Prints what a log tells of an error.
show_errors() {
    local log=$1 lines
    lines=$(grep -aE '^(E:|Err:|dpkg: error|FAILED:)|(^|[ :])(fatal )?error:|^CMake Error|No space left' "$log" | head -12) || true
    [[ -n $lines ]] || lines=$(tail -12 "$log")
    printf '%s\n' "$lines" >&2
    say "the whole output is in $log"
}

# Prints the repository's files that match the patterns, also those not committed yet; a NUL ends each name.
list_sources() {
    local file
    git -C "$root" ls-files -z --cached --others --exclude-standard -- "$@" |
        while IFS= read -r -d '' file; do
            # git lists a deleted file until the deletion is staged.
            [[ ! -f $root/$file ]] || printf '%s\0' "$file"
        done
}
