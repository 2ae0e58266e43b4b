#!/usr/bin/env python3
"""Makes a C string of a text, for a program that carries it with it.

Usage: embed-text.py NAME TEXT RESULT
"""
import pathlib
import sys

name, text, result = sys.argv[1:]
lines = pathlib.Path(text).read_text().splitlines()
quoted = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)

pathlib.Path(result).write_text("\n".join([f"extern const char {name}[];", f"const char {name}[] =",
                                           *(f'        "{line}\\n"' for line in quoted), "        ;", ""]))
