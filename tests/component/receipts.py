#!/usr/bin/env python3
"""Receipts, checked by a few lines that share nothing with the programs: RFC 6962 section 2.1.1 for the path, RFC 8032 for
the signature (tests/support/check_export.py). Kept ones hold for ever, against every later state of the log.

Usage: receipts.py BUILD    (root)
"""
import base64
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import check_export  # noqa: E402
import service as mg  # noqa: E402


class ProofFault(Exception):
    pass


def check_proof(leaf, text, vkey):
    """Whether a C2SP tlog-proof shows that a leaf is in the log of a key. Return: (index, size, root) or ProofFault."""
    head, split, note = text.partition("\n\n")
    lines = head.split("\n")
    if not split or lines[0] != "c2sp.org/tlog-proof@v1" or not lines[1].startswith("index "):
        raise ProofFault("no tlog-proof")
    try:
        size, root = check_export.open_checkpoint(note.encode(), vkey)
    except check_export.Fault as fault:
        raise ProofFault(str(fault)) from fault
    index = int(lines[1][6:])
    if index >= size:
        raise ProofFault("an index beyond the log")
    path = [base64.b64decode(line, validate=True) for line in lines[2:]]

    def climb(m, n, hashes):
        """The root of n leaves, from the hash of leaf m and its path, last element first."""
        if n == 1:
            if hashes:
                raise ProofFault("the path is too long")
            return check_export.leaf_hash(leaf)
        if not hashes:
            raise ProofFault("the path is too short")
        k = 1
        while k * 2 < n:
            k *= 2
        if m < k:
            return check_export.node_hash(climb(m, k, hashes[:-1]), hashes[-1])
        return check_export.node_hash(hashes[-1], climb(m - k, n - k, hashes[:-1]))

    if climb(index, size, path) != root:
        raise ProofFault("the path does not lead to the root")
    return index, size, root


def refused(leaf, text, vkey):
    try:
        check_proof(leaf, text, vkey)
    except (ProofFault, ValueError):
        return True
    return False


class Kept:
    """What one caller keeps of one request."""

    def __init__(self, service, receipt, uid):
        reply = service.call(f"{mg.MATCH}.GetReceipt", {"request": receipt["request"]}, uid=uid)["parameters"]
        self.receipt, self.uid, self.reply = receipt, uid, reply
        self.parts = [(reply["decision"], reply["decisionProof"], receipt["decisionIndex"])]
        if "outcome" in reply:
            self.parts.append((reply["outcome"], reply["outcomeProof"], receipt["outcomeIndex"]))

    def check(self, tally, vkey, leaves):
        for leaf, proof, expected in self.parts:
            try:
                index, size, _ = check_proof(leaf.encode(), proof, vkey)
            except ProofFault as fault:
                tally.check(False, f"leaf {expected}: {fault}")
                continue
            tally.check(index == expected and index < size, f"leaf {expected} is proven at {index} of {size}")
            tally.check(json.loads(leaf) == leaves[index], f"leaf {index} is not the exported one")
            tally.check(json.dumps(json.loads(leaf), sort_keys=True, separators=(",", ":")) == leaf,
                        f"leaf {index} is not canonical")
        decision = json.loads(self.parts[0][0])
        tally.check(decision["uid"] == self.uid and decision["request"] == self.receipt["request"], f"{decision}")


def every_change_of_a_receipt_is_seen(tally, kept, vkey):
    leaf, proof, _ = kept.parts[0]
    for i in range(0, len(leaf), 3):
        changed = bytearray(leaf.encode())
        changed[i] ^= 1
        tally.check(refused(bytes(changed), proof, vkey), f"byte {i} of the leaf changed, and the proof holds")
    lines = proof.split("\n")
    for i in range(2, lines.index("")):
        other = lines[:i] + lines[i + 1:]
        tally.check(refused(leaf.encode(), "\n".join(other), vkey), f"line {i} of the proof removed, and it holds")
        other = lines[:i] + [base64.b64encode(bytes(32)).decode()] + lines[i + 1:]
        tally.check(refused(leaf.encode(), "\n".join(other), vkey), f"line {i} of the proof changed, and it holds")
    other_key = (vkey[0], bytes(32))
    tally.check(refused(leaf.encode(), proof, other_key), "another key's log, and the proof holds")


def the_tool_says_the_same(tally, service, kept):
    """`audit receipt` gets the same leaves, keeps them, and checks what was kept without asking anybody."""
    file, vkey = service.dir / "kept-receipt", service.state / "public/log.vkey"
    tool = str(service.build / "tools/matchguard")
    status, out, err = service.tool("audit", "receipt", kept.receipt["request"], "--audit", "--output", file)
    tally.check(status == 0 and json.loads(file.read_text())["decision"] == kept.parts[0][0], f"audit receipt: {status} {out} {err}")
    status, out, err = service.tool("audit", "receipt", kept.receipt["request"])
    tally.check(status == 1, f"audit receipt of another's request: {status} {out} {err}")

    def check(*arguments):
        done = subprocess.run([tool, "audit", "receipt", *map(str, arguments)], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    status, said = check("--check", file, "--vkey", vkey)
    tally.check(status == 0, f"a kept receipt: {said}")
    whole = file.read_bytes()
    # What another key signed is ignored, as C2SP demands: the epoch's line is for who has the epoch's key.
    others = [range(match.start(), match.end()) for match in re.finditer(rb"\xe2\x80\x94 [!-~]+/epoch[0-9]+ [!-~]*?\\n", whole)]
    tally.check(len(others) == 2, f"epochs sign both checkpoints of a receipt: {whole}")
    for i in range(0, len(whole), 41):
        if any(i in line for line in others):
            continue
        file.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1:])
        status, said = check("--check", file, "--vkey", vkey)
        tally.check(status == 1, f"byte {i} of a kept receipt changed, and: {status} {said}")


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1])
    try:
        service.start()
        kept = []
        service.call(*mg.enrol([("a", mg.unit(0)), ("b", mg.unit(1))]), uid=mg.ARCHIVE_UID)
        # As many as make full tiles, so that paths of every shape occur; receipts are fetched at every size on the way.
        connection = service.connect(mg.POLICE_UID)
        for i in range(300):
            reply = connection.call(*mg.identify())
            if i % 10 == 0 or i > 250:
                kept.append(Kept(service, reply["parameters"]["receipt"], mg.POLICE_UID))
            if i % 40 == 0:
                for uid, call in ((mg.NGO_UID, mg.identify()), (mg.ARCHIVE_UID, mg.enrol([(f"s{i}", mg.unit(i))]))):
                    kept.append(Kept(service, service.call(*call, uid=uid)["parameters"]["receipt"], uid))
        connection.close()
        vkey = check_export.parse_vkey((service.state / "public/log.vkey").read_bytes())
        size = int(service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"].splitlines()[1])
        leaves = service.wait_exported(lambda leaves: len(leaves) >= size)
        for one in kept:
            one.check(tally, vkey, leaves)
        print(f"{sum(len(one.parts) for one in kept)} proofs checked, of logs of "
              f"{len({proof.partition(chr(10) * 2)[2].split(chr(10))[1] for one in kept for _, proof, _ in one.parts})} sizes")
        every_change_of_a_receipt_is_seen(tally, kept[20], vkey)
        the_tool_says_the_same(tally, service, kept[20])
        # Asked for again, after a restart, each is proven under a newer checkpoint, and is the same leaf.
        service.stop()
        service.start()
        for one in kept[::10]:
            again = Kept(service, one.receipt, one.uid)
            again.check(tally, vkey, leaves)
            tally.check([leaf for leaf, _, _ in again.parts] == [leaf for leaf, _, _ in one.parts], "another leaf")
        service.stop()
        # Every checkpoint of a receipt is one that the log grew out of.
        notes = service.dir / "notes"
        notes.mkdir()
        since = []
        for i, one in enumerate(kept[::15]):
            (notes / str(i)).write_text(one.parts[0][1].partition("\n\n")[2])
            since += ["--since", notes / str(i)]
        status, out, err = service.tool("audit", "verify", *since)
        said = " ".join(out.split())  # a line may be wrapped anywhere
        tally.check(status == 0 and f"kept checkpoints: {len(since) // 2}" in said, f"since the receipts' checkpoints: {out}{err}")
    finally:
        service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
