"""Commands that cannot be taken back ask a user at a terminal, and the audit says who ran which."""

import getpass
import json

import pytest

from support.configured_edge import ConfiguredEdge
from support.origin import Origin
from support.terminal import Terminal

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]},
            {"name": "robots", "decision": "service_auth", "include": [{"service_token": "deploy"}]}]
NOT_CONFIRMED = 1
QUESTION = r"this (.*); go on\? \[y/N\] "


@pytest.fixture
def edge(world):
    return ConfiguredEdge(world, world.closing(Origin(lambda connection, events: None)).address, POLICIES)


def at_a_terminal(edge, *argv):
    return Terminal([edge.child.argv[0], *argv, "--config", edge.config], edge.world.env)


def tokens(edge):
    return [json.loads(line)["name"] for line in edge.command("service-token", "list", "--json").ok().stdout.splitlines()]


@pytest.mark.parametrize("answer", ["\n", "n\n", "yesterday\n", "\x04"])
def test_nothing_happens_unless_the_user_agrees(edge, answer):
    edge.service_token("deploy")
    terminal = at_a_terminal(edge, "service-token", "revoke", "deploy")
    assert terminal.expect(QUESTION).group(1) == "refuses service token deploy for good"
    terminal.type(answer)
    terminal.expect("nothing was changed")
    assert terminal.wait() == NOT_CONFIRMED
    assert tokens(edge) == ["deploy"]


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_it_happens_once_the_user_has_agreed(edge, answer):
    edge.service_token("deploy")
    terminal = at_a_terminal(edge, "service-token", "revoke", "deploy")
    terminal.expect(QUESTION)
    terminal.type(answer)
    assert terminal.wait() == 0
    assert tokens(edge) == []


def test_scripts_are_not_asked(edge):
    edge.service_token("deploy")
    edge.command("service-token", "revoke", "deploy").ok()  # without a terminal
    edge.service_token("deploy")
    assert at_a_terminal(edge, "service-token", "revoke", "deploy", "--yes").wait() == 0
    assert tokens(edge) == []


@pytest.mark.parametrize("argv", [
    ("ca", "retire", "--app", "vm.localhost"), ("ca", "cancel", "--app", "vm.localhost"), ("ca", "revoke", "--app", "vm.localhost", "--serial", "1"),
    ("revoke", "--email", "ann@example.com"), ("revoke", "--session", "abcdefghijklmnop"), ("session", "revoke", "abcdefghijklmnop"),
    ("connector", "revoke", "office")],
    ids=" ".join)
def test_each_command_that_cannot_be_taken_back_asks(edge, argv):
    terminal = at_a_terminal(edge, *argv)
    terminal.expect(QUESTION)
    terminal.type("n\n")
    assert terminal.wait() == NOT_CONFIRMED
    assert not [row for row in edge.audit() if row["kind"] != "service_token_create"]


def test_the_audit_names_who_ran_a_command(edge, world):
    edge.service_token("deploy")
    edge.command("revoke", "--email", "ann@example.com").ok()
    said = {row["kind"]: row["reason"] for row in edge.audit()}
    assert said["service_token_create"].endswith(f"by command of {getpass.getuser()}"), said
    assert said["revoke"].endswith(f"by command of {getpass.getuser()}"), said
