#!/bin/bash
# The units as systemd reads them, without a system that runs: sound, with every warning a fault, their programs and manual
# pages there; each as closed as DESIGN asks, as `systemd-analyze security` counts; the same with each example drop-in.
# Usage: check-units.sh SOURCE BUILD GUARD FRONTEND WORKER
set -u
source=$1 build=$2
shift 2
passed=0 failed=0
work=$(mktemp -d /tmp/matchguard-units.XXXXXX)
trap 'rm -rf "$work"' EXIT
# These units stand before those of the machine.
export SYSTEMD_UNIT_PATH=$work: SYSTEMD_LOG_LEVEL=warning

check() { # check WHAT COMMAND...: it succeeds and says nothing
        local what=$1 said
        shift
        if said=$("$@" 2>&1) && [ -z "$said" ]; then
                passed=$((passed + 1))
        else
                failed=$((failed + 1))
                printf '%s\n%s\n' "$what:" "$said"
        fi
}
exposed() { # exposed UNIT TENTHS: at most so far open
        systemd-analyze security --no-pager --offline=true --threshold="$2" "$work/$1" >"$work/said" 2>&1 ||
                { grep -vE '^✓' "$work/said" && false; }
}
sound() { systemd-analyze verify --man=no --recursive-errors=yes "$work"/*.service "$work"/*.socket; }
try() { # try WHAT: all units, as they stand in $work
        check "$1: systemd-analyze verify" sound
        check "$1: the guard's exposure" exposed matchguard.service 13
        check "$1: the frontend's exposure" exposed matchguard-frontend.service 4
        check "$1: the worker's exposure" exposed matchguard-worker.service 4
        check "$1: the exposure of matchguard-audit-read" exposed matchguard-audit-read.service 4
}
try_example() { # try_example FILE UNIT: as its first lines tell root to
        mkdir "$work/$2.d"
        cp "$source/units/examples/$1" "$work/$2.d/"
        check "$1 says where it belongs" grep -qF "/etc/systemd/system/$2.d/$1" "$source/units/examples/$1"
        try "with $1"
        rm -r "${work:?}/$2.d"
}
has_page() { [ -f "$source/docs/man/$1" ]; }

cp "$source"/units/*.socket "$source"/units/*.service "$build"/units/*.service "$work"
mkdir "$work/bin"
realpath "$@" | xargs ln -s -t "$work/bin"
sed -i "s,^ExecStart=/.*/\(matchguard[a-z-]*\)$,ExecStart=$work/bin/\1," "$work"/*.service
try "as installed"
for example in "$source"/units/examples/*; do
        case ${example##*/} in
        gpu.conf | threads.conf) unit=matchguard-worker.service ;;
        *) unit=matchguard.service ;;
        esac
        try_example "${example##*/}" $unit
done
while read -r page; do check "there is a page $page" has_page "$page"; done < \
        <(grep -ohE '^Documentation=man:.*' "$work"/*.service "$work"/*.socket | sed -E 's/.*man:([^(]*)\((.)\)/\1.\2/' | sort -u)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
