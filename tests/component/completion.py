#!/usr/bin/env python3
"""What bash and zsh complete of matchguard and its daemons: every command, and of each every option, exactly those of its
--help; files, folders or words where a value or an argument is one, and nothing where none of them is. Both
shells are real: bash with bash-completion, zsh with compsys at a terminal of its own.

Usage: completion.py BUILD SOURCE
"""
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402

ROW = re.compile(r'^        \{(NULL|"[a-z-]+"), "([a-z-]+)", ', re.MULTILINE)
OPTION = re.compile(r"^ +--([a-z0-9-]+)(?: +([A-Z]+))? {2,}\S", re.MULTILINE)
FILES, FOLDERS, NOTHING = {"probe.npy", "folder"}, {"folder"}, set()
VALUES = {"FILE": FILES, "PATH": FILES, "KEY": FILES, "DIR": FOLDERS}
# The commands that take files or folders as arguments.
ARGUMENTS = {"identify": FILES, "verify": FILES, "compare": FILES, "enrol": FILES, "policy test": FILES, "policy diff": FOLDERS,
             "log-level": {"error", "warning", "notice", "info", "debug"}}

# A case is a line of words, the last of which is to be completed; the answer is a line of words.
BASH = r"""
. /usr/share/bash-completion/bash_completion
. "$1"
while IFS=$'\x1f' read -r -a COMP_WORDS; do
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%$'\x1e'}
    # The shell takes --name=value for three words.
    COMP_LINE=${COMP_WORDS[*]} COMP_LINE=${COMP_LINE// = /=} COMP_POINT=${#COMP_LINE} COMPREPLY=()
    [[ $(complete -p "${COMP_WORDS[0]##*/}") == *" _matchguard "* ]] || echo "nothing completes ${COMP_WORDS[0]}"
    _matchguard "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    (IFS=$'\x1f'; echo "${COMPREPLY[*]}")
done
"""
# Instead of being shown, whatever compsys would add goes into a file, and the end of each completion.
ZSH = r"""
PROMPT= RPROMPT= LISTMAX=10000
fpath=($COMPLETION $fpath)
autoload -Uz compinit && compinit -u -D
unsetopt autolist automenu beep
bindkey -e
bindkey '^I' complete-word
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a hits
    builtin compadd -A hits "$@"
    (( $#hits )) && print -rl -- $hits >>$ANSWERS
    builtin compadd "$@"
}
finished() { print -r -- $'\x1e' >>$ANSWERS; }
# Each holds for one completion only.
again() { comppostfuncs=(finished) compprefuncs=(again); }
again
print -r -- $'\x1e' >>$ANSWERS
"""


class Bash:
    name = "bash"

    def __init__(self, completion, work):
        self.process = subprocess.Popen(["bash", "--norc", "-c", BASH, "bash", completion / "matchguard"], cwd=work, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def complete(self, *words):
        self.process.stdin.write("\x1f".join(words) + "\x1e\n")
        self.process.stdin.flush()
        return {word.rstrip("/= ") for word in self.process.stdout.readline().rstrip("\n").split("\x1f")} - {""}

    def close(self):
        self.process.stdin.close()
        self.process.wait(mg.PATIENCE)


class Zsh:
    name = "zsh"

    def __init__(self, completion, work):
        self.answers = work.parent / "answers"
        self.answers.touch()
        (work.parent / "rc").write_text(ZSH, encoding="utf-8")
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(work)
            os.environ.update(COMPLETION=str(completion), ANSWERS=str(self.answers), TERM="dumb")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.type(f". {work.parent}/rc\n")
        self.answer()

    def type(self, text):
        os.write(self.terminal, text.encode())

    def answer(self):
        """Waits for the end of a completion; what the terminal shows meanwhile is of no interest, but must be read."""
        deadline = time.monotonic() + mg.PATIENCE
        os.set_blocking(self.terminal, False)
        while not (text := self.answers.read_text(encoding="utf-8")).endswith("\x1e\n"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"zsh completes nothing more: {text}")
            try:
                os.read(self.terminal, 65536)
            except BlockingIOError:
                time.sleep(0.005)
        self.answers.write_text("", encoding="utf-8")
        return {word.rstrip("/= ") for word in text.splitlines()} - {"", "\x1e"}

    def complete(self, *words):
        # Ctrl-U empties the line.
        self.type("\x15" + " ".join(words) + "\t")
        return self.answer()

    def close(self):
        self.type("\x15exit\n")
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def options_of(program, *path):
    """Name -> what its value is called, or None."""
    text = subprocess.run([program, *path, "--help"], capture_output=True, text=True, check=True).stdout
    return {"--" + name: value or None for name, value in OPTION.findall(text)}


def check_options(tally, shell, program, path, arguments):
    """The options of one command, the values of each kind that they take, and the arguments."""
    options = options_of(program, *path)
    call = [program, *path]
    what = f"{shell.name}: {' '.join([pathlib.Path(program).name, *path])}"
    tally.check("--help" in options, f"{what}: --help lists options")

    def same(given, wanted):
        got = shell.complete(*call, *given)
        tally.check(got == wanted, f"{what} {' '.join(given)}: {sorted(got)}, expected {sorted(wanted)}")

    same(["--"], set(options))
    for value in {value for value in options.values() if value}:
        option = next(name for name, called in options.items() if called == value)
        same([option, ""], VALUES.get(value, NOTHING))
    if "--dir" in options:
        same(["--dir", "=", ""] if shell.name == "bash" else ["--dir="], FOLDERS)
        same(["--dir", "folder", "--dir", "fo"], FOLDERS)
    if "--json" in options:
        # Where nothing else may stand, zsh shows the options, and bash waits for a dash.
        same(["--json", ""], arguments or (set(options) if shell.name == "zsh" else NOTHING))
    if arguments == FILES:
        same(["pro"], {"probe.npy"})


def check_shell(tally, shell, programs, commands):
    tool = programs[0]
    firsts = {command.split()[0] for command in commands}
    got = shell.complete(tool, "")
    wanted = firsts | {"--help", "--version"}
    tally.check(got == wanted, f"{shell.name}: commands {sorted(got)}, expected {sorted(wanted)}")
    for group in {command.split()[0] for command in commands if " " in command}:
        got = shell.complete(tool, group, "")
        wanted = {command.split()[1] for command in commands if command.startswith(group + " ")} | {"--help"}
        tally.check(got == wanted, f"{shell.name}: {group} {sorted(got)}, expected {sorted(wanted)}")
    tally.check(shell.complete(tool, "pol") == {"policy"}, f"{shell.name}: the beginning of a word is enough")
    tally.check(shell.complete(tool, "nonsense", "") == NOTHING, f"{shell.name}: what is no command has no completion")
    for command in commands:
        check_options(tally, shell, tool, command.split(), ARGUMENTS.get(command, NOTHING))
    for daemon in programs[1:]:
        check_options(tally, shell, daemon, [], NOTHING)


def main():
    build, source = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    programs = [str(build / path) for path in ("tools/matchguard", "daemon/guard/matchguardd",
                                               "daemon/frontend/matchguard-frontend", "daemon/worker/matchguard-worker")]
    rows = ROW.findall((source / "tools/commands.c").read_text(encoding="utf-8"))
    commands = [name if group == "NULL" else group.strip('"') + " " + name for group, name in rows]
    tally = mg.Tally()
    for kind in (Bash, Zsh):
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder) / "work"
            (work / "folder").mkdir(parents=True)
            (work / "probe.npy").touch()
            shell = kind(source / "tools/completion", work)
            check_shell(tally, shell, programs, commands)
            shell.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
