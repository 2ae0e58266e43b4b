#!/bin/sh
# Formatting as .clang-format has it, and what cppcheck finds. Usage: check-format.sh ROOT
# Not its leaks: it does not know the cleanup attribute, and LeakSanitizer sees the real ones in the sanitized suites.
cd "$1" || exit 1
files=$(find daemon policy tools tests -name '*.[ch]' -o -name '*.cu' -o -name '*.cpp' | sort)
failed=0 passed=0
for file in $files; do
        if clang-format --dry-run -Werror "$file" >/dev/null 2>&1; then
                passed=$((passed + 1))
        else
                echo "$file: not formatted; run clang-format -i on it"
                failed=$((failed + 1))
        fi
done
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
