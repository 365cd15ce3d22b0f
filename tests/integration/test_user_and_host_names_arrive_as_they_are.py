"""What ssh puts in for %h and %r is one word for the shell: a program in cfpipe's place writes down what it was given."""

import json

import pytest

from support.clients import CFPIPE
from support.user_home import UserHome

RECORDER = """#!/usr/bin/env python3
import json, sys
with open({record!r}, "a") as out:
    out.write(json.dumps(sys.argv[1:]) + "\\n")
"""
# Those that OpenSSH itself lets through: accounts of winbind and sssd, and a blank.
USERS = ["CORP\\ann", "ann@corp.example.com", "first last", "$HOME", "ann*", "~root", "#x"]


@pytest.fixture
def home(world):
    return UserHome(world)


def given(home, style, user):
    """The arguments of each run of the program, for one ssh."""
    record = home.path("record")
    program = home.path("recorder")
    program.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    program.write_text(RECORDER.format(record=str(record)))
    program.chmod(0o700)
    more = [] if style == "plain" else ["--short-lived-cert", "--style", style]
    text = home.run(CFPIPE, "access", "ssh-config", "--hostname", "vm.example.com", *more).ok().stdout
    config = home.path("config")
    config.write_text(text.replace(str(CFPIPE), str(program)))
    config.chmod(0o600)
    home.run("/usr/bin/ssh", "-l", user, "vm.example.com", "true")
    return [json.loads(line) for line in record.read_text().splitlines()]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("style", ["agent", "match"])
def test_the_user_is_one_argument(home, style, user):
    runs = given(home, style, user)
    assert runs, "ssh never ran the program"
    for run in runs:
        assert run[run.index("--hostname") + 1] == "vm.example.com", run
    assert f"--user={user}" in runs[-1], runs
    if style == "agent":
        assert runs[-1][runs[-1].index("--agent") + 1].endswith(f"/agent-{user}@vm.example.com"), runs


@pytest.mark.parametrize("user", USERS)
def test_the_inner_ssh_of_style_chain_has_the_same_user(home, user):
    runs = given(home, "chain", user)
    assert [run[1] for run in runs] == ["ssh-gen", "ssh"], runs
    assert all(run[run.index("--hostname") + 1] == "vm.example.com" for run in runs), runs
    assert f"--user={user}" in runs[-1], runs
