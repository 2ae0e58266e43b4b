#!/usr/bin/env python3
"""The sums of the VNNI scan stay in registers.

A compiler that runs out of registers, or does not see that it has enough (GCC 12, where a loop over them is not unrolled), keeps
sums in memory and moves them to and fro at each step. The results are the same and the scan is up to four times slower, which nothing else notices.
So the object is disassembled: in no innermost loop with vpdpbusd a register of 64 bytes goes to memory, or comes from the stack.

Usage: check-spills.py LIBRARY, with scan-avx512.c's object in it
"""
import re
import subprocess
import sys

MEMBER = "scan-avx512.c.o"
SUMS = 16  # of the largest tile
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*(?:#.*)?$")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def functions(library):
    """Yields name and instructions (address, mnemonic, operands) of each function of the member."""
    text = subprocess.run(["objdump", "--disassemble", "--no-show-raw-insn", library], check=True, capture_output=True, text=True).stdout
    inside, name, code = False, None, []
    for line in text.splitlines():
        if "file format" in line:
            inside = MEMBER in line
        elif inside and FUNCTION.match(line):
            if name:
                yield name, code
            name, code = FUNCTION.match(line).group(1), []
        elif inside and INSTRUCTION.match(line):
            address, mnemonic, operands = INSTRUCTION.match(line).groups()
            code.append((int(address, 16), mnemonic, operands))
    if name:
        yield name, code


def innermost_loops(code):
    """Yields the instructions of each loop with vpdpbusd in which there is no smaller one."""
    spans = []
    for address, mnemonic, operands in code:
        target = re.match(r"([0-9a-f]+) <", operands)
        if mnemonic.startswith("j") and target and code[0][0] <= int(target.group(1), 16) <= address:
            body = [row for row in code if int(target.group(1), 16) <= row[0] <= address]
            if any(row[1] == "vpdpbusd" for row in body):
                spans.append(body)
    for body in spans:
        if not any(other is not body and other[0][0] >= body[0][0] and other[-1][0] <= body[-1][0] for other in spans):
            yield body


def spills(code, body):
    """The instructions that move a register of 64 bytes to memory, or from the stack."""
    frame = any(row[1] == "mov" and row[2] == "%rsp,%rbp" for row in code)
    stack = r"\(%rsp[,)]|\(%rbp[,)]" if frame else r"\(%rsp[,)]"
    return [row for row in body
            if "%zmm" in row[2] and (row[2].endswith(")") or re.search(stack, row[2]))]


def main():
    faults, sums = [], []
    for name, code in functions(sys.argv[1]):
        for body in innermost_loops(code):
            sums.append(sum(row[1] == "vpdpbusd" for row in body))
            faults.extend(f"{MEMBER}: {name}() at {row[0]:x}: {row[1]} {row[2]}" for row in spills(code, body))
    if SUMS not in sums:
        faults.append(f"{MEMBER}: no loop with {SUMS} vpdpbusd in it, but with {sums}: this check does not see what it is to look at")
    if faults:
        print("\n".join(faults))
        print("sums of the scan are kept in memory; see the top of tests/lint/check-spills.py")
    print(f"{len(sums) if not faults else 0} passed, {len(faults)} failed")
    return 1 if faults else 0


sys.exit(main())
