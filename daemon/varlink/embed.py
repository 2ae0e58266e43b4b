#!/usr/bin/env python3
"""Makes a C file that holds the interface descriptions.

Usage: embed.py OUTPUT FILE.varlink...

The name of each file, without its ending, must be the interface that it describes. Run by the build.
"""

import pathlib
import sys


def literal(line):
    """One line of text as a C string."""
    if any(not " " <= c <= "~" for c in line):
        raise SystemExit(f"not plain ASCII: {line!r}")
    return '        "' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"\n'


def main(output, *files):
    entries = []
    for file in map(pathlib.Path, files):
        text = file.read_text(encoding="ascii")
        if f"\ninterface {file.stem}\n" not in "\n" + text:
            raise SystemExit(f"{file}: does not describe {file.stem}")
        lines = "".join(literal(line) for line in text.splitlines())
        entries.append(f'        {{"{file.stem}",\n{lines}        }},\n')
    pathlib.Path(output).write_text(
        "/* Made by embed.py from the .varlink files; edit those. */\n\n"
        '#include "varlink/idl.h"\n\n'
        "#include <stddef.h>\n#include <string.h>\n\n"
        "static const struct {\n        const char *interface;\n        const char *text;\n} idl_texts[] = {\n"
        + "".join(entries)
        + "};\n\n"
        "const char *idl_find(const char *interface)\n{\n"
        "        for (size_t i = 0; i < sizeof(idl_texts) / sizeof(idl_texts[0]); i++)\n"
        "                if (strcmp(idl_texts[i].interface, interface) == 0)\n"
        "                        return idl_texts[i].text;\n"
        "        return NULL;\n}\n"
    )


main(*sys.argv[1:])
