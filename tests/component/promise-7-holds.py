#!/usr/bin/env python3
"""Promise 7: a moratorium does not slip away. In the real service, under a clock that the kernel calls synchronised, and
under one that nobody vouches for:

- its date has passed long ago, and nobody released it: it still stands, and status says so
- with a release of its text it ends, where the clock can be believed; with a release of another text the policy does not load and the old one stays
- asking through a permitted organisation does not pass it
- after all that the trail holds each of these decisions

The clock itself is set forward and back in tests/scenarios (clock-forward, clock-back, lapse-hold, lapse-lapse).

Usage: promise-7-holds.py BUILD      (as root)
"""
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402
from clock import Clock  # noqa: E402

ALLOW = ("[Allow]\nDescription=The police search, once nothing stands in the way\nClass=police\nOperation=identify\n"
         "Purpose=missing-child-reunion\nGallery=faces\nSought=missing\nMinimumSimilarity=0.3\n")
MORATORIUM = ("[Moratorium]\nDescription=One year\nNotice=Suspended.\nClass=law-enforcement\nFrom=2020-06-10\n"
              "Until=2021-06-10\nOnExpiry={}\n")


def verdict(service, uid, **more):
    reply = service.call(*mg.identify(**more), uid=uid)
    if "error" not in reply:
        return "permit"
    return reply["parameters"].get("reason", reply["error"])


def digest(service):
    """The object digest of the moratorium: path, NUL, length, NUL, bytes of its file."""
    text = (service.policy / "police-use.moratorium").read_bytes()
    return hashlib.sha256(b"police-use.moratorium\0%d\0%s" % (len(text), text)).hexdigest()


def it_holds(build, tally, synchronised):
    files = {**mg.POLICY, "police-search.allow": ALLOW, "police-use.moratorium": MORATORIUM.format("hold")}
    service = mg.Service(build, files)
    clock = Clock(build, service.dir)
    clock.set(0, synchronised)
    service.start(environment=clock.environment())
    release = service.policy / "end.release"
    try:
        tally.check(verdict(service, mg.POLICE_UID) == "moratorium", "past its date and not released, it holds")
        status = service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]
        tally.check(any("police-use" in line for line in status["standing"]), f"status says so: {status['standing']}")
        tally.check(verdict(service, mg.NGO_UID, statement=mg.statement(recipients=["city-police"])) == "moratorium",
                    "not through a permitted organisation")
        release.write_text(f"[Release]\nMoratorium=police-use\nDigest={'0' * 64}\nReason=another text\n")
        reply = service.call(f"{mg.ADMIN}.Reload", uid=0)
        tally.check(reply.get("error", "").endswith("PolicyRejected"), f"a release of another text is no policy: {reply}")
        tally.check(verdict(service, mg.POLICE_UID) == "moratorium", "and the moratorium stands")
        release.write_text(f"[Release]\nMoratorium=police-use\nDigest={digest(service)}\nReason=decided\n")
        tally.check("error" not in service.call(f"{mg.ADMIN}.Reload", uid=0), "a release of its text loads")
        # The loosening time of a clock that nobody vouches for, in a new log without a mark, has never come.
        tally.check((status["clock"] == "synchronised") == synchronised, f"the clock is {status['clock']}")
        tally.check(verdict(service, mg.POLICE_UID) == ("permit" if synchronised else "moratorium"),
                    f"released, and the clock is {status['clock']}")
        release.unlink()
        tally.check("error" not in service.call(f"{mg.ADMIN}.Reload", uid=0), "the release is taken away")
        tally.check(verdict(service, mg.POLICE_UID) == "moratorium", "and the moratorium is back")
        (service.policy / "police-use.moratorium").write_text(MORATORIUM.format("lapse"))
        tally.check("error" not in service.call(f"{mg.ADMIN}.Reload", uid=0), "one that lapses loads")
        tally.check(verdict(service, mg.POLICE_UID) == ("permit" if synchronised else "moratorium"),
                    f"lapsed by date, and the clock is {status['clock']}")
        service.stop()
        leaves = service.wait_exported(lambda leaves: leaves and leaves[-1]["kind"] == "stop")
        tally.check(sum(leaf["kind"] == "request" for leaf in leaves) == 6, "every one of them is in the trail")
        tally.check([leaf["result"] for leaf in leaves if leaf["kind"] == "policy"] ==
                    ["loaded", "rejected", "loaded", "loaded", "loaded"], "and every policy, the rejected one too")
    finally:
        service.close()


def main():
    tally = mg.Tally()
    for synchronised in (True, False):
        it_holds(sys.argv[1], tally, synchronised)
    return tally.finish()


sys.exit(main())
