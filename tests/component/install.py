#!/usr/bin/env python3
"""`meson install` puts every program, unit, manual page and policy file where it belongs, and `ninja uninstall` takes all of
it away. What there is to install is read from the source folders, so that a file that a meson.build forgets is missed here.
Under /usr/local everything stands below it and speaks of it, texts and programs alike.

Usage: install.py BUILD SOURCE
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402

PROGRAMS = ["bin/matchguard", "libexec/matchguard/matchguardd", "libexec/matchguard/matchguard-frontend",
            "libexec/matchguard/matchguard-worker"]
COMPLETIONS = {"bash-completion/completions/matchguard": 0o644, "zsh/vendor-completions/_matchguard": 0o644,
               # Links, by which bash finds it.
               **{f"bash-completion/completions/{pathlib.Path(daemon).name}": 0o777 for daemon in PROGRAMS[1:]}}
PAGES = ["docs/ARCHITECTURE.md", "docs/OPERATIONS.md", "README.md", "CHANGELOG.md"]
# What systemd looks for, by the ending of its source; {} is the name without it.
UNITS = {
    ".service.in": "lib/systemd/system/{}.service",
    ".service": "lib/systemd/system/{}.service",
    ".socket": "lib/systemd/system/{}.socket",
    ".preset": "lib/systemd/system-preset/{}.preset",
    ".catalog": "lib/systemd/catalog/{}.catalog",
    ".sysusers": "lib/sysusers.d/{}.conf",
    ".tmpfiles": "lib/tmpfiles.d/{}.conf",
}
NOT_INSTALLED = {"units/meson.build", "units/after-install"}
# A folder that systemd.pc names as it was before /lib became a link.
MERGED = ("/lib/", "/usr/lib/")


def unit_place(path):
    for ending, place in UNITS.items():
        if path.name.endswith(ending):
            return place.format(path.name[:-len(ending)])
    raise SystemExit(f"{path}: nothing says where this is installed (UNITS of {__file__})")


def expected(source, build):
    """Path below the prefix -> mode. Which drivers of devices a build has depends on what its machine has."""
    places = {place: 0o755 for place in PROGRAMS}
    places |= {f"libexec/matchguard/{path.name}": 0o755 for path in pathlib.Path(build).glob("daemon/worker/engine-*.so")}
    places |= {f"share/{place}": mode for place, mode in COMPLETIONS.items()}
    for path in source.glob("units/*"):
        if path.is_file() and str(path.relative_to(source)) not in NOT_INSTALLED:
            places[unit_place(path)] = 0o644
    for path in source.glob("units/examples/*"):
        places[f"share/doc/matchguard/examples/{path.name}"] = 0o644
    for path in source.glob("docs/man/*"):
        places[f"share/man/man{path.suffix[1:]}/{path.name}"] = 0o644
    for path in source.glob("policy/policy.d/*"):
        places[f"lib/matchguard/policy.d/{path.name}"] = 0o644
    for page in PAGES:
        places["share/doc/matchguard/" + pathlib.Path(page).name] = 0o644
    return places


def in_usr(path):
    """The path below /usr, or the whole one where it is elsewhere."""
    path = "/usr" + path if path.startswith(MERGED[0]) else path
    return path.removeprefix("/usr/")


def tree(root):
    """Path -> mode of everything below root that is no folder; folders are checked for theirs."""
    found, odd = {}, []
    for path in root.rglob("*"):
        mode = path.lstat().st_mode & 0o7777
        if path.is_dir():
            if mode != 0o755:
                odd.append(f"{path}: {mode:o}")
        else:
            found[in_usr("/" + str(path.relative_to(root)))] = mode
    return found, odd


def run(*command, **environment):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def install_and_uninstall(tally, build, source, root):
    os.umask(0o077)  # a careful administrator's: what is installed is for everybody all the same
    run("meson", "install", "-C", build, "--no-rebuild", DESTDIR=str(root))
    found, odd = tree(root)
    wanted = expected(source, build)
    for place in sorted(wanted.keys() | found.keys()):
        tally.check(place in wanted, f"{place} is installed, and nothing in the source folders asks for it")
        tally.check(place in found, f"{place} is not installed")
        if place in wanted and place in found:
            tally.check(found[place] == wanted[place], f"{place}: mode {found[place]:o}, expected {wanted[place]:o}")
    tally.check(odd == [], f"folders that not everybody may enter: {odd}")
    run("ninja", "-C", build, "uninstall")
    left = [str(path) for path in root.rglob("*")]
    tally.check(left == [], f"uninstalling leaves {left}")


def check_prefix(tally, source, build):
    """What a build for /usr/local would install, without making it: the places, the texts, the one file of each program that
    knows a folder."""
    run("meson", "setup", build, source, "-Dtests=false", "--prefix=/usr/local")
    installed = json.loads(run("meson", "introspect", "--installed", build))
    outside = [to for to in installed.values() if not to.startswith("/usr/local/")]
    tally.check(outside == [], f"outside of the prefix: {outside}")
    tally.check("/usr/local/lib/systemd/system/matchguard.service" in installed.values(), "units are where systemd looks")
    for path in installed:
        made = pathlib.Path(path)
        if made.is_file() and made.is_relative_to(build):
            text = made.read_text(encoding="utf-8")
            strange = [line for line in text.splitlines() if "/usr/lib/matchguard" in line or "/usr/libexec/" in line]
            tally.check(strange == [], f"{made.name} speaks of folders of another prefix: {strange}")
    objects = ["policy/libpolicy.a.p/policy.c.o", "tools/libtools.a.p/programs.c.o"]
    run("ninja", "-C", build, *objects)
    for name, folder in zip(objects, [b"/usr/local/lib/matchguard/policy.d\0", b"/usr/local/libexec/matchguard\0"]):
        tally.check(folder in (pathlib.Path(build) / name).read_bytes(), f"{name} knows {folder.decode()}")


def main():
    build, source = sys.argv[1], pathlib.Path(sys.argv[2])
    tally = mg.Tally()
    with tempfile.TemporaryDirectory() as folder:
        install_and_uninstall(tally, build, source, pathlib.Path(folder) / "root")
    with tempfile.TemporaryDirectory() as folder:
        check_prefix(tally, source, str(pathlib.Path(folder).resolve() / "build"))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
