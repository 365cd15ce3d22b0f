"""The shells themselves complete what --help says, no more and no less."""

import shutil
import subprocess
import sys

import pytest

from support import help as helps, limits

GENERATE = limits.ROOT / "packaging/generate"
# They run every command's --help, hundreds of times, and its text is the same in every build.
pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="sanitizers find nothing more in what --help prints")

PROGRAMS = sorted(helps.PROGRAMS)


@pytest.fixture(scope="module")
def completions(tmp_path_factory):
    directory = tmp_path_factory.mktemp("completions")
    for program in helps.PROGRAMS.values():
        subprocess.run([sys.executable, GENERATE, "completions", program, directory], check=True)
    return directory


def run(argv, cwd):
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, env={"PATH": "/usr/bin:/bin", "HOME": str(cwd)})
    assert done.returncode == 0 and done.stderr == "", done
    return set(done.stdout.split("\n")) - {""}


def in_bash(directory, program, words):
    name = program.replace("-", "_")
    # What readline does: '=' parts words, too.
    parted = [part for word in words for part in (word.replace("=", " = ").split(" ") if "=" in word else [word])]
    script = f'''source ./{program}.bash
COMP_WORDS=({program} "$@") COMP_CWORD=$#
_{name}
printf '%s\\n' "${{COMPREPLY[@]}}"'''
    return run(["bash", "--norc", "-c", script, "bash", *parted], directory)


def in_zsh(directory, program, words):
    """Everything that would be offered; zsh itself then leaves what does not begin as the word does."""
    script = f'''compadd() {{ while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@" }}
_files() {{ print -l -- *(N) }}
_hosts() {{ }}
_message() {{ }}
words=({program} "$@") CURRENT=$(( $# + 1 ))
source ./_{program}'''
    offered = run(["zsh", "-f", "-c", script, "zsh", *words], directory)
    return {word for word in offered if word.startswith(words[-1])}


def in_fish(directory, program, words):
    line = " ".join([program, *words])
    script = f"source ./{program}.fish; complete -C '{line}'"
    offered = run(["fish", "--no-config", "-c", script], directory)
    found = {word.split("\t")[0] for word in offered}
    return {word.removeprefix(words[-1].partition("=")[0] + "=") if "=" in words[-1] else word for word in found}


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.fixture(params=SHELLS)
def shell(request):
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param} here")
    return SHELLS[request.param]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_of_every_command_is_offered_and_no_other(completions, shell, program):
    tree = helps.tree(program)
    assert len(tree) >= 4
    for path, (options, _) in tree.items():
        long = {name for name in options if name.startswith("--")}
        assert shell(completions, program, [*path, "--"]) == long, path


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_is_offered_and_no_other(completions, shell, program):
    for path, (_, commands) in helps.tree(program).items():
        if commands:
            assert shell(completions, program, [*path, ""]) == commands, path


def test_aliases_and_access_lead_to_the_same(completions, shell):
    ssh = {name for name in helps.tree("cfpipe")[("ssh",)][0] if name.startswith("--")}
    spellings = [["access", "ssh"], ["forward", "tcp"], ["rdp"], ["--fedramp", "access", "--ca-file", "/ca", "smb"]]
    if shell is not in_fish:  # which takes every word for a command that looks like one
        spellings.append(["--ca-file", "ssh-config", "access", "smb"])
    for words in spellings:
        assert shell(completions, "cfpipe", [*words, "--"]) == ssh, words


def test_values_are_offered_where_there_are_few(completions, shell):
    assert shell(completions, "cfpipe", ["ssh-config", "--style", ""]) == {"agent", "match", "chain"}
    assert shell(completions, "cfpipe", ["ssh-config", "--style", "a"]) == {"agent"}


def test_files_are_offered_where_they_are_wanted(completions, shell):
    assert "cfpipe.bash" in shell(completions, "cfpipe", ["access", "ssh", "--ca-file", ""])
    assert "cfpipe.bash" in shell(completions, "cfpipe-edge", ["run", "--config", "cfpipe."])
