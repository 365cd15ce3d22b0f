"""What the programs say in --help, read without the generator of completions and manual pages."""

import re
import subprocess

from support import edges, limits
from support.clients import CFPIPE

PROGRAMS = {"cfpipe": CFPIPE, "cfpipe-edge": edges.PROGRAMS["own"], "cfpipe-connector": limits.BUILD / "cfpipe-connector"}
COMMAND = re.compile(r"^  ([a-z][a-z-]*(?:, [a-z-]+)*)(?:  |$)", re.MULTILINE)


def text_of(program, *path):
    return subprocess.run([PROGRAMS[program], *path, "--help"], check=True, capture_output=True, text=True).stdout


def options_in(text):
    """Every name of an option that begins a line."""
    names = set()
    for line in re.findall(r"^  (-.*)$", text, re.MULTILINE):
        spelling = re.split(r"  | [A-Z]", line)[0]
        names |= {name.strip() for name in spelling.split(",")}
    return names


def commands_in(text):
    """[[name, alias...]] of the commands that are listed."""
    part = re.search(r"^(?:Commands|Subcommands):\n((?:  .*\n)+)", text, re.MULTILINE)
    return [names.split(", ") for names in COMMAND.findall(part[1])] if part else []


def shared_options(program):
    """Those that every command takes: the program's own help alone has them."""
    _, title, options = text_of(program).partition("\nOptions of every command:\n")
    return options_in(options) if title else set()


def tree(program, *path, shared=None):
    """{path: (options, words of its commands)} of the program and everything below."""
    shared = shared_options(program) if shared is None else shared
    text = text_of(program, *path)
    commands = commands_in(text)
    found = {path: (options_in(text) | shared, {word for words in commands for word in words})}
    for name, *_ in commands:
        if name != "access":
            found.update(tree(program, *path, name, shared=shared))
    return found
