#!/usr/bin/env python3
"""Who is asking, on both paths: the same callers ask a guard whose kernel keeps the process that connected (SO_PEERPIDFD),
and one whose kernel does not know of that. Each is taken for the same, and decided alike; only the strength of the identity
differs, in what WhoAmI says and in the leaf.

Each caller is a real process in a real cgroup. What races on purpose is in identity-races.py.

Usage: identity.py BUILD    (root)
"""
import errno
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import peers  # noqa: E402
import service as mg  # noqa: E402

OWN = os.getpid()  # so that no two runs make the same folders
UNIT, OTHER, INSTANCE = f"mg{OWN}.service", f"mg{OWN}-other.service", f"mg-search@{OWN}.service"
USER, UNIT_USER, SHARED_USER, GROUP_USER, STRANGER, GROUP = 3101, 3102, 3103, 3104, 3999, 3150
USERS = "user.slice/user-3102.slice"


def organisation(*peer):
    return "[Organisation]\nDescription=o\nClass=ngo\n[Peer]\n" + "\n".join(peer) + "\n"


POLICY = {**mg.POLICY,
          "by-user.organisation": organisation(f"User={USER}"),
          "by-unit.organisation": organisation(f"User={UNIT_USER}", f"Unit={UNIT} {INSTANCE}"),
          "by-group.organisation": organisation(f"Group={GROUP}"),
          "by-root.organisation": organisation("User=0", f"Unit={UNIT}")}


class Case:
    """A caller, and whom it has to be taken for."""

    def __init__(self, name, steps, expected, actions=None, between=None):
        self.name, self.steps, self.actions, self.between = name, steps, actions, between
        self.uid, self.unit, self.organisation = expected


def cases(cgroups):
    at = cgroups.folder
    of_unit = [peers.within(at(f"system.slice/{UNIT}"))]
    nowhere = [peers.within(at("user.slice/mg.scope"))]
    unit_user = [peers.user(UNIT_USER)]

    def in_cgroup(name, path, unit, organisation_name):
        return Case(name, [peers.within(at(path)), *unit_user], (UNIT_USER, unit, organisation_name))

    def fakes_its_path():
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            assert f"0::/system.slice/{UNIT}\n" in file.read(), "the namespace does not show what it was made to show"

    faked = at(f"user.slice/mg.scope/system.slice/{UNIT}")
    return [
        # By user and unit.
        Case("a user", [*nowhere, peers.user(USER)], (USER, None, "by-user")),
        in_cgroup("a unit and its user", f"system.slice/{UNIT}", UNIT, "by-unit"),
        in_cgroup("the user from elsewhere", "user.slice/mg.scope", None, None),
        in_cgroup("the user from another service", f"system.slice/{OTHER}", OTHER, None),
        Case("the unit with another user", [*of_unit, peers.user(STRANGER)], (STRANGER, UNIT, None)),
        Case("root in the unit", of_unit, (0, UNIT, "by-root")),
        Case("root from elsewhere", nowhere, (0, None, None)),
        # Where a unit can be.
        in_cgroup("a folder of the unit's own", f"system.slice/{UNIT}/worker/1", UNIT, "by-unit"),
        in_cgroup("another service's folder of that name", f"system.slice/{OTHER}/{UNIT}", OTHER, None),
        in_cgroup("a slice of the administrator's", f"mg{OWN}.slice/mg{OWN}-ngo.slice/{UNIT}", UNIT, "by-unit"),
        in_cgroup("an instance", f"system.slice/system-mg\\x2dsearch.slice/{INSTANCE}", INSTANCE, "by-unit"),
        in_cgroup("a name with an escape", f"system.slice/mg{OWN}\\x2da.service", None, None),
        in_cgroup("a user's own service of that name", f"{USERS}/user@{UNIT_USER}.service/app.slice/{UNIT}", None, None),
        in_cgroup("a user's manager in another slice", f"system.slice/user@{UNIT_USER}.service/{UNIT}", None, None),
        in_cgroup("a session", f"{USERS}/session-1.scope/{UNIT}", None, None),
        in_cgroup("the unit among those of users", f"user.slice/{UNIT}", None, None),
        in_cgroup("the unit among machines", f"machine.slice/{UNIT}", None, None),
        in_cgroup("a container of systemd's", f"machine.slice/machine-mg.scope/payload/system.slice/{UNIT}", None, None),
        in_cgroup("a container of another's", f"mg{OWN}/0a1b/system.slice/{UNIT}", None, None),
        Case("a cgroup namespace that shows the unit's path",
             [*nowhere, *unit_user, peers.own_namespaces(peers.CLONE_NEWCGROUP)], (UNIT_USER, None, None),
             {"look": fakes_its_path}, between=lambda peer: (peers.move(peer.pid, faked), peer.act("look"))),
        # Users and groups.
        Case("a set-uid program", [*nowhere, peers.effective(USER, STRANGER)], (USER, None, "by-user")),
        Case("a set-uid program of a stranger", [*nowhere, peers.effective(STRANGER, USER)], (STRANGER, None, None)),
        Case("root in a user namespace", [*nowhere, peers.user(USER), peers.own_namespaces(0)], (USER, None, "by-user")),
        Case("nobody in a user namespace", [*nowhere, peers.user(USER), peers.own_namespaces(0, mapped=False)],
             (USER, None, "by-user")),
        Case("the first process of a pid namespace", [*of_unit, peers.own_pids, *unit_user], (UNIT_USER, UNIT, "by-unit")),
        Case("a group", [*nowhere, peers.user(GROUP_USER, [GROUP])], (GROUP_USER, None, "by-group")),
        Case("one group of very many", [*nowhere, peers.user(GROUP_USER, [GROUP, *range(5000, 65000)])],
             (GROUP_USER, None, "by-group")),
    ]


def cases_that_change(cgroups):
    """The facts are those of the connect; what the caller becomes later changes nothing."""
    of_unit = peers.within(cgroups.folder(f"system.slice/{UNIT}"))
    nowhere = peers.within(cgroups.folder("user.slice/mg.scope"))
    elsewhere, unit_folder = cgroups.folder("user.slice/mg.scope"), cgroups.folder(f"system.slice/{UNIT}")

    def regroup(*groups):
        return {"change": lambda: os.setgroups(list(groups))}

    return [
        Case("a group that it gives up", [nowhere, lambda: os.setgroups([GROUP])], (0, None, "by-group"), regroup()),
        Case("a group that it takes up", [nowhere, lambda: os.setgroups([])], (0, None, None), regroup(GROUP)),
        Case("another program that it becomes", [of_unit, peers.user(UNIT_USER)], (UNIT_USER, UNIT, "by-unit"),
             {"change": lambda: os.execv("/bin/sleep", ["sleep", "60"])}),
        Case("another user that it becomes", [nowhere, lambda: os.setgroups([])], (0, None, None),
             {"change": peers.user(USER)}),
        Case("root moves it out of the unit", [of_unit, peers.user(UNIT_USER)], (UNIT_USER, UNIT, "by-unit"),
             between=lambda peer: peers.move(peer.pid, elsewhere)),
        Case("root moves it into the unit", [nowhere, peers.user(UNIT_USER)], (UNIT_USER, None, None),
             between=lambda peer: peers.move(peer.pid, unit_folder)),
    ]


def ask(case, connection):
    """What WhoAmI says, and how a search ends: the request's id, and a verdict as the leaf has it."""
    whoami = connection.call(f"{mg.MATCH}.WhoAmI")
    reply = connection.call(*mg.identify())
    if whoami is None or reply is None:
        return None
    said, answer = whoami["parameters"], reply["parameters"]
    return {"request": answer["receipt"]["request"], "verdict": answer.get("reason", "permit"),
            "who": (said["uid"], said.get("unit"), said.get("organisation")), "identity": said["identity"]}


def run(service, case, changes):
    peer = peers.Peer(*case.steps, actions=case.actions)
    try:
        if case.between and not changes:
            case.between(peer)
        connection = peer.connect(service.path(mg.MATCH))
        if changes:
            # It has been accepted once it is answered; what is asked again is said by the same facts.
            connection.call(f"{mg.MATCH}.WhoAmI")
            (case.between or (lambda it: it.act("change")))(peer)
        found = ask(case, connection)
        connection.close()
        return found
    finally:
        peer.kill()


def expect(tally, case, found, strength, leaves):
    where = f"{case.name}, by {strength}"
    if not tally.check(found is not None, f"{where}: it is not answered"):
        return
    who = (case.uid, case.unit, case.organisation)
    verdict = "permit" if case.organisation else "unknown-peer"
    tally.check(found["who"] == who, f"{where}: taken for {found['who']}, expected {who}")
    tally.check(found["identity"] == strength, f"{where}: WhoAmI says {found['identity']}")
    tally.check(found["verdict"] == verdict, f"{where}: {found['verdict']}, expected {verdict}")
    leaf = leaves.get(found["request"])
    if not tally.check(leaf is not None, f"{where}: no leaf"):
        return
    tally.check((leaf["uid"], leaf.get("unit"), leaf.get("organisation")) == who and leaf["identity"] == strength,
                f"{where}: recorded as {leaf}")
    tally.check((leaf.get("groups") == [str(GROUP)] or leaf.get("groups") == str(GROUP)) == (case.organisation == "by-group"),
                f"{where}: groups {leaf.get('groups')}")


def on_one_path(build, tally, cgroups, environment, strength):
    service = mg.Service(build, policy=POLICY, in_memory=True)
    try:
        service.start(environment=environment)
        service.call(*mg.enrol([("a", mg.unit(0))]), uid=mg.ARCHIVE_UID)
        found = [(case, run(service, case, False)) for case in cases(cgroups)]
        found += [(case, run(service, case, True)) for case in cases_that_change(cgroups)]
        n = sum(1 for _, one in found if one)
        leaves = service.wait_exported(lambda all_of: sum(leaf["kind"] == "request" for leaf in all_of) > n)
        leaves = {leaf["request"]: leaf for leaf in leaves if leaf["kind"] == "request"}
        for case, one in found:
            expect(tally, case, one, strength, leaves)
        tally.check(service.stop() == 0, f"the guard stops cleanly: {service.log('guard')}")
        tally.check(service.tool("audit", "verify")[0] == 0, "the trail verifies, and each decision is made again from it")
        return {case.name: one and (one["who"], one["verdict"]) for case, one in found}
    finally:
        service.close()


def unseen(build, tally, environment, expected):
    """A guard in a pid namespace in which its callers have no number: the kernel still keeps them, and policy knows their users;
    by number nobody could be followed, so that nobody is served."""
    service = mg.Service(build, policy=POLICY, in_memory=True)
    try:
        service.start(environment=environment, prefix=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
        peer = peers.Peer(peers.user(USER))
        with peer.connect(service.path(mg.MATCH)).sock as sock:
            reply = mg.Connection(sock).call(f"{mg.MATCH}.WhoAmI")
        peer.kill()
        said = reply and {key: reply["parameters"].get(key) for key in ("uid", "organisation", "unit", "identity")}
        tally.check(said == expected, f"a peer without a number: {said}, expected {expected}")
    finally:
        service.close()


def main():
    build, tally, cgroups = sys.argv[1], mg.Tally(), peers.Cgroups()
    try:
        kept = peers.kernel_keeps_peers()
        if not kept:
            print("this kernel has no SO_PEERPIDFD: both runs go by number")
        started = time.monotonic()
        first = on_one_path(build, tally, cgroups, None, "pidfd" if kept else "uid")
        second = on_one_path(build, tally, cgroups, peers.old_kernel(build, errno.ENOPROTOOPT), "uid")
        other = {name: (first[name], second[name]) for name in first if first[name] != second[name]}
        tally.check(not other, f"both paths decide alike, but {other}")
        unseen(build, tally, peers.old_kernel(build, errno.ENOPROTOOPT), None)
        if kept:
            unseen(build, tally, None, {"uid": USER, "organisation": "by-user", "unit": None, "identity": "pidfd"})
        print(f"{len(first)} callers, twice, in {time.monotonic() - started:.1f} s")
    finally:
        cgroups.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
