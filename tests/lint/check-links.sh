#!/bin/sh
# What a process can reach is what it links: looks at the symbols and libraries of the built programs.
# Usage: check-links.sh GUARD FRONTEND WORKER TOOL CONFINED (whether this is a build whose programs are) [DRIVER...]
guard=$1 frontend=$2 worker=$3 tool=$4 confined=$5
shift 5
passed=0 failed=0

# A program that cannot be read, or was stripped, would lack everything.
for program in "$guard" "$frontend" "$worker" "$tool"; do
        if nm "$program" 2>/dev/null | grep -q ' T main$'; then
                passed=$((passed + 1))
        else
                echo "$program: its symbols cannot be read"
                failed=$((failed + 1))
        fi
done

# absent PROGRAM PATTERN WHY: no symbol and no library of the program matches.
absent() {
        if { nm "$1"; readelf -d "$1" | grep NEEDED; } 2>/dev/null | grep -E "$2"; then
                echo "$(basename "$1"): $3"
                failed=$((failed + 1))
        else
                passed=$((passed + 1))
        fi
}

# present PROGRAM SYMBOL WHY: the program has, and uses, a symbol.
present() {
        if nm "$1" | grep -qE " [TU] $2(@|\$)"; then
                passed=$((passed + 1))
        else
                echo "$(basename "$1"): $3"
                failed=$((failed + 1))
        fi
}

absent "$guard" 'json_object|json-c' 'the guard must not be able to read JSON'
absent "$frontend" 'sqlite3_|libsqlite' 'the frontend must not link SQLite'
absent "$frontend" 'policy_decide' 'the frontend must not link the policy'
absent "$frontend" 'trail_open' 'the frontend must not link the trail'
absent "$frontend" 'audit_' 'the frontend must not link an audit library'
absent "$worker" 'sqlite3_|libsqlite' 'the worker must not link SQLite'
absent "$worker" 'policy_decide' 'the worker must not link the policy'
absent "$worker" 'note_sign( |$)' 'the worker must not be able to sign'
absent "$worker" 'libaudit|audit_log_' 'the worker must not link an audit library'
absent "$worker" 'json_object|json-c' 'the worker must not read JSON'
absent "$tool" 'seccomp|sandbox_' 'what confines the daemons is not for the tool'
for program in "$guard" "$frontend" "$worker"; do
        present "$program" sandbox_enter 'it must confine itself'
        [ "$confined" = no ] || present "$program" seccomp_load 'it must confine itself by seccomp'
done
# A driver of devices shows one thing, and takes nothing from who loads it.
for driver in "$@"; do
        if [ "$(nm -D --defined-only "$driver" | awk '{ print $3 }')" = matchguard_device_driver ]; then
                passed=$((passed + 1))
        else
                echo "$(basename "$driver"): it exports more, or less, than matchguard_device_driver"
                failed=$((failed + 1))
        fi
done
absent "$worker" 'libcuda|libOpenCL' 'the worker must start where there is no device'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
