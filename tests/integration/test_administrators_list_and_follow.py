"""What administrators look for: rows of the audit by time, identity, application and kind, and those to come; sign-ins; applications."""

import json
import signal

import pytest

from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.origin import Origin

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]},
            {"name": "robots", "decision": "service_auth", "include": [{"service_token": "deploy"}]}]
USAGE = 64


@pytest.fixture
def edge(world):
    origin = world.closing(Origin(lambda connection, events: connection.sendall(b"banner\r\n")))
    return ConfiguredEdge(world, origin.address, POLICIES, hosts=("vm.localhost", "db.localhost"))


def use(edge):
    """A sign-in and a tunnel of a person, a tunnel of a program; the name of the person's session."""
    person, program = Client(edge.world, edge), Client(edge.world, edge)
    person.login()
    assert person.banner() == "banner\r\n"
    token = edge.service_token("deploy")
    program.banner("--hostname", edge.host("db.localhost"), "--service-token-id", token[0], "--service-token-secret", token[1])
    edge.wait_for_audit("tunnel_close")
    return person


def listed(edge, *argv):
    return [json.loads(line) for line in edge.command(*argv, "--json").ok().stdout.splitlines()]


def test_rows_of_the_audit_are_found_by_each_of_their_fields(edge):
    use(edge)
    everything = listed(edge, "audit")
    assert listed(edge, "audit", "--identity", "DEPLOY") == [row for row in everything if row["identity"] == "deploy"] != []
    assert listed(edge, "audit", "--application", "db.localhost") == [row for row in everything if row["application"] == "db.localhost"] != []
    kinds = ("login", "tunnel_open")
    assert listed(edge, "audit", "--kind", kinds[0], "--kind", kinds[1]) == [row for row in everything if row["kind"] in kinds] != []
    assert listed(edge, "audit", "--kind", "login", "--identity", "deploy") == []
    last = everything[-1]["time"]
    assert listed(edge, "audit", "--until", last) == [row for row in everything if row["time"] < last]
    assert listed(edge, "audit", "--since", last) == [row for row in everything if row["time"] >= last] != []
    assert listed(edge, "audit", "--until", "1h") == []
    said = edge.command("audit", "--until", "yesterday").failed(USAGE).stderr
    assert said.count("\n") == 1 and "--until must be a time such as" in said
    edge.command("audit", "--follow", "--until", last).failed(USAGE)


def test_new_rows_are_printed_as_they_come(edge):
    person = use(edge)
    child = edge.world.start([edge.child.argv[0], "audit", "--config", edge.config, "--follow", "--kind", "tunnel_open"])
    child.stdout.wait_for(r" tunnel_open deploy db\.localhost ")
    assert person.banner() == "banner\r\n"
    child.stdout.wait_for(r"(?s) tunnel_open deploy .* tunnel_open \S+@example\.com vm\.localhost ")
    assert child.stop(signal.SIGINT) == -signal.SIGINT
    opened = [row for row in listed(edge, "audit") if row["kind"] == "tunnel_open"]
    assert len(child.stdout.text.splitlines()) == len(opened) == 3, child.stdout.text


def test_following_ends_with_its_reader(edge):
    use(edge)
    done = edge.world.run(["/bin/sh", "-c", f"{edge.child.argv[0]} audit --config {edge.config} --follow | head -n 1"]).ok()
    assert len(done.stdout.splitlines()) == 1


def test_a_session_is_listed_until_it_is_revoked(edge):
    use(edge)
    [session] = listed(edge, "session", "list")
    assert session["email"].endswith("@example.com") and session["application"] == "vm.localhost"
    lines = edge.command("session", "list", "--email", session["email"].upper()).ok().stdout.splitlines()
    assert lines[0].split()[:3] == ["SESSION", "EMAIL", "APPLICATION"]
    assert lines[1].split()[:2] == [session["session"], session["email"]]
    assert listed(edge, "session", "list", "--email", "other@example.com") == []
    assert session["email"] in edge.command("session", "revoke", session["session"]).ok().stderr
    assert listed(edge, "session", "list") == []
    assert "no sign-in with that session" in edge.command("session", "revoke", "A" * 16).failed(USAGE).stderr


def test_applications_are_listed_with_what_they_lead_to(edge):
    first, second = listed(edge, "application", "list")
    assert (first["application"], second["application"]) == ("vm.localhost", "db.localhost")
    assert first["origin"].startswith("127.0.0.1:")
    assert first["policies"] == [{"decision": "allow", "name": "all"}, {"decision": "service_auth", "name": "robots"}]
    lines = edge.command("application", "list").ok().stdout.splitlines()
    assert lines[0].split() == ["APPLICATION", "ORIGIN", "SSH", "CERTIFICATES", "TERMINAL", "POLICIES"]
    assert lines[1].endswith("  allow all, service_auth robots")
