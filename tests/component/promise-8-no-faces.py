#!/usr/bin/env python3
"""Promise 8: no probe, no template, no subject, and none of the words that people wrote, stands in a leaf or anywhere in the
export: only commitments.

Sends a request with marks of its own (vector, subject, case, authorisation, operator), then looks for each, raw and in the
encodings that the service uses, in every file of the export. They do stand in the database, in the table that can be erased:
the test looks there too, so that it would notice looking for the wrong bytes. Then it erases them: from there on no file of
the service holds one, the gallery's own aside, while the log is what it was and every proof of it holds.

Usage: promise-8-no-faces.py BUILD      (as root)
"""
import base64
import json
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import check_export  # noqa: E402
import service as mg  # noqa: E402

VECTOR = [0.1234567 + i / 77 for i in range(16)]
SUBJECT = "subject.of-this:test_1"
WORDS = {"caseReference": "case 4711/ä", "authorisation": "order of the court no 5", "operator": "the person at the desk"}


def forms(data):
    """The ways in which bytes could be written down."""
    url = base64.urlsafe_b64encode(data).rstrip(b"=")
    return {"raw": data, "base64": base64.b64encode(data).rstrip(b"="), "base64url": url, "hex": data.hex().encode()}


def marks():
    raw = struct.pack("<16f", *VECTOR)
    secrets = {"template": raw[8:40], "subject": SUBJECT.encode()}
    secrets.update({name: text.encode() for name, text in WORDS.items()})
    return {f"{name} as {form}": data for name, secret in secrets.items() for form, data in forms(secret).items()}


def erased(tally, service, leaves):
    service.start()
    receipts = [leaf["request"] for leaf in leaves if leaf["kind"] == "request"]
    proofs = [service.call(f"{mg.AUDIT}.GetReceipt", {"request": request}, uid=0)["parameters"] for request in receipts]
    for request, leaf in zip(receipts, (leaf for leaf in leaves if leaf["kind"] == "request")):
        reply = service.call(f"{mg.ADMIN}.Erase", {"request": request}, uid=0)
        tally.check(reply.get("parameters", {}).get("count") == (2 if leaf["verdict"] == "permit" else 1), f"erase: {reply}")
    files = mg.contents(service.dir)
    for what, data in marks().items():
        found = [str(path) for path, held in files.items() if data in held and "galleries" not in path.parts]
        tally.check(not found, f"erased, {what} stands in {found}")
    service.stop()
    after = service.wait_exported(lambda leaves: leaves[-1]["kind"] == "stop")
    tally.check(after[:len(leaves)] == leaves, "the log is what it was")
    # The proofs of before, by the tool; the whole log, by a verifier that shares nothing with it.
    for i, proof in enumerate(proofs):
        kept = service.dir / f"kept-{i}"
        kept.write_text(json.dumps(proof))
        done = subprocess.run([service.build / "tools/matchguard", "audit", "receipt", "--check", kept, "--vkey",
                               service.state / "public/log.vkey"], capture_output=True, text=True, check=False)
        tally.check(done.returncode == 0, f"a proof of before: {done.stdout}{done.stderr}")
    size, _ = check_export.Export(service.state / "export").check()
    tally.check(size == len(after), "another verifier finds it in order")


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1]).start()
    try:
        reply = service.call(*mg.enrol([(SUBJECT, VECTOR)]), uid=mg.ARCHIVE_UID)
        tally.check("error" not in reply, f"enrol: {reply}")
        reply = service.call(*mg.identify(VECTOR, statement=mg.statement(**WORDS)))
        tally.check(reply.get("parameters", {}).get("matched") is True, f"identify: {reply}")
        reply = service.call(*mg.identify(VECTOR, statement=mg.statement(**WORDS)), uid=mg.POLICE_UID)
        tally.check(reply.get("error", "").endswith("Denied"), f"denial: {reply}")
        service.stop()
        leaves = service.wait_exported(lambda leaves: leaves and leaves[-1]["kind"] == "stop")
        tally.check(any(leaf.get("given") == "authorisation case operator" for leaf in leaves), "the leaf says what was given")
        files = mg.contents(service.state / "export")
        for what, data in marks().items():
            found = [str(path) for path, held in files.items() if data in held]
            tally.check(not found, f"{what} stands in {found}")
        database = b"".join(path.read_bytes() for path in (service.state / "trail").glob("trail.db*"))
        for secret in (SUBJECT.encode(), WORDS["caseReference"].encode()):
            tally.check(forms(secret)["base64url"] in database, "the detail is kept apart, in the database")
        erased(tally, service, leaves)
    finally:
        service.close()
    return tally.finish()


sys.exit(main())
