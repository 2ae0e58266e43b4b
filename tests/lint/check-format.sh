#!/bin/sh
# Formatting as .clang-format has it, and what cppcheck finds. Usage: check-format.sh ROOT
# Not its leaks: it does not know the cleanup attribute, and LeakSanitizer sees the real ones in the sanitized suites.
cd "$1" || exit 1
files=$(find daemon policy tools tests -name '*.[ch]' -o -name '*.cu' -o -name '*.cpp' | sort)
# One process for all: most of the time of one a file is its start. It says FILE:LINE:COLUMN: error of each place.
# shellcheck disable=SC2086
said=$(clang-format --dry-run -Werror $files 2>&1)
[ -z "$said" ] || printf '%s\n' "$said" | grep -q ': error: ' || { echo "clang-format: $said"; exit 1; }
unformatted=$(printf '%s\n' "$said" | sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error: .*/\1/p' | sort -u)
for file in $unformatted; do echo "$file: not formatted; run clang-format -i on it"; done
failed=$(printf '%s' "$unformatted" | grep -c .)
passed=$(($(printf '%s\n' "$files" | grep -c .) - failed))
# shellcheck disable=SC2086
if cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
        --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=memleak -I. -Idaemon -D_GNU_SOURCE \
        $(find daemon policy tools -name '*.c' | sort); then
        passed=$((passed + 1))
else
        failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
