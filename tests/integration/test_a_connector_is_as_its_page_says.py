"""docs/CONNECTOR.md and man 1 cfpipe-connector list the connector's messages with their exit statuses, its configuration keys, and no others."""

import re

import pytest

from support import limits
from support.enrolled_connector import PROGRAM

PAGE = (limits.ROOT / "docs/CONNECTOR.md").read_text()
MANUAL = (limits.ROOT / "docs/man/cfpipe-connector.1.in").read_text()
CASE = re.compile(r'case Cause::\w+: return \{"([^"]+)", "([^"]+)", (k\w+)\};')


def test_every_message_and_its_status():
    room = limits.ROOT / "connector/config"
    status = dict(re.findall(r"^ *(k\w+) = (\d+),", (room / "messages.h").read_text(), re.MULTILINE))
    said = [(what, status[name]) for what, _, name in CASE.findall((room / "messages.cc").read_text())]
    assert len(said) > 30
    assert re.findall(r"^\| `([^`]+)` \| (\d+) \|", PAGE, re.MULTILINE) == said
    explained = set(re.findall(r"^\.B (\d+)$", MANUAL, re.MULTILINE))
    assert explained == {"0", *status.values()} - {"kOk"}


def test_every_reason_of_an_origin():
    words = re.findall(r'\{OriginFault::\w+, "[^"]+", "([^"]+)"\}', (limits.ROOT / "auth/connector/protocol.cc").read_text())
    assert len(words) == 7
    assert all(f"`{text}`" in PAGE.replace("\n", " ") for text in words)


def test_every_key(world):
    config = world.path("connector.yaml")
    config.write_text("no_such_key: 1\n")
    done = world.run([PROGRAM, "run", "--config", config, "--state", world.path("state")]).failed(78)
    known = re.search(r"use (\S.*)$", done.stderr, re.MULTILINE).group(1).split(", ")
    _, _, table = PAGE.partition("| key | value |")
    assert re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.MULTILINE) == known
    _, _, section = MANUAL.partition(".SH CONFIGURATION")
    assert re.findall(r"^\.B (\w+)$", section.partition(".SH")[0], re.MULTILINE) == known


def test_the_example_is_what_holds_without_a_configuration(world):
    state = world.path("state")
    with_file = world.run([PROGRAM, "doctor", "--config", limits.ROOT / "packaging/connector.yaml", "--state", state])
    without = world.run([PROGRAM, "doctor", "--state", state])
    origins = [re.findall(r"^  (\S+:22) ", done.stdout, re.MULTILINE) for done in (with_file, without)]
    assert origins == [["127.0.0.1:22", "[::1]:22"]] * 2


@pytest.mark.parametrize("words, what", [(["run", "--orign", "a:22"], "did you mean --origin?"), (["enrol"], "did you mean enroll?"),
                                         ([], "subcommand is required"), (["run", "--origin", "127.1:22"], "--origin 127.1:22: give it as"),
                                         (["run", "--proxy", "ftp://x"], "--proxy"), (["run", "--connect-to", "a b"], "--connect-to")])
def test_a_wrong_command_line_gets_one_line(world, words, what):
    done = world.run([PROGRAM, *words]).failed(64)
    assert what in done.stderr and len(done.stderr.splitlines()) == 1, done
