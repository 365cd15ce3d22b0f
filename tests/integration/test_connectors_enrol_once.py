"""A connector of others' making enrols at the edge as the page of the protocol says: once, with its own key, at that edge."""

import json
import re

import pytest

from support.configured_edge import ConfiguredEdge
from support.connector import ATTACH, Connector, ENROLL
from support.origin import Origin
from support.terminal import Terminal

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
UNKNOWN = "the enrolment token is unknown, was used, or has expired; make another one with 'cfpipe-edge connector create'"


@pytest.fixture
def edge(world):
    return ConfiguredEdge(world, world.closing(Origin(lambda connection, events: None)).address, POLICIES)


def created(edge, name="office"):
    """A token, for the port that the edge of the test has taken: that is not the one of its configuration."""
    shown = edge.command("connector", "create", name, "--auth-domain", f"auth.localhost:{edge.port}").ok()
    assert "run 'cfpipe-connector enroll' and paste it there" in shown.stderr and "10 minutes" in shown.stderr
    return shown.stdout.removesuffix("\n")


def listed(edge):
    return [json.loads(line) for line in edge.command("connector", "list", "--json").ok().stdout.splitlines()]


def test_a_token_names_the_edge_of_the_configuration(world, edge):
    edge.change(lambda config: config.update(auth_domain="auth.localhost:8443"))
    assert re.fullmatch(r"auth\.localhost:8443/[A-Za-z0-9_-]{43}\n", edge.command("connector", "create", "office").ok().stdout)
    refused = world.run([edge.child.argv[0], "connector", "create", "office", "--state", edge.state]).failed(64)
    assert "say with --auth-domain HOST[:PORT] where connectors reach this edge" in refused.stderr
    assert edge.command("connector", "create", "two words").failed(64).stdout == ""
    assert edge.command("connector", "create", "office", "--auth-domain", "a/b").failed(64).stdout == ""


def test_a_connector_enrols_and_is_listed(world, edge):
    connector = Connector(world, edge)
    token = created(edge)
    status, said = connector.enroll(token)
    assert (status, said["name"], said["auth_domain"]) == (200, "office", f"auth.localhost:{edge.port}"), said
    [row] = listed(edge)
    assert {**row, "created": ""} == {"id": said["id"], "name": "office", "host": "a-server", "created": "", "last_attached": "never",
                                      "attached": []}
    table = edge.command("connector", "list").ok().stdout
    assert re.search(rf"{said['id']} +office +a-server +\S+ +never +- +0\n", table), table
    rows = {row["kind"]: row for row in edge.audit()}
    assert rows["connector_created"]["identity"] == rows["connector_enrolled"]["identity"] == "office"
    assert rows["connector_enrolled"]["peer"] == "127.0.0.1" and said["id"] in rows["connector_enrolled"]["reason"]
    secret = token.partition("/")[2]
    assert secret not in json.dumps(edge.audit()) and secret not in edge.child.stderr.text
    for file in edge.state.iterdir():
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_a_token_is_good_once(world, edge):
    token = created(edge)
    assert Connector(world, edge).enroll(token)[0] == 200
    assert Connector(world, edge).enroll(token) == (403, {"status": 403, "message": UNKNOWN})
    assert len(listed(edge)) == 1
    assert [row for row in edge.audit() if row["kind"] == "connector_refused"][0]["reason"] == UNKNOWN


def test_the_key_that_is_shown_has_to_sign_for_this_edge(world, edge):
    token = created(edge)
    other, connector = Connector(world, edge, "other"), Connector(world, edge)
    stolen = other.sign("cfpipe-connector-enroll-1", other.authority, token.partition("/")[2], other.public_key())
    status, said = connector.enroll(token, signature=stolen)
    assert status == 403 and "the signature was not made with the connector's key" in said["message"], said
    connector.authority = "auth.example.com"
    status, said = connector.enroll(token)
    assert status == 403 and f"key for auth.localhost:{edge.port}" in said["message"], said
    connector.authority = other.authority
    assert connector.enroll(token)[0] == 200, "the token was left good"


@pytest.mark.parametrize("changes, part", [({"key": "x"}, "'key'"), ({"signature": ""}, "'signature'"), ({"host": "a b"}, "'host'"),
                                           ({"version": "v" * 33}, "'version'"), ({"token": 1}, "'token'"), ({"pad": "x" * 5000}, "4096 bytes")])
def test_what_is_no_enrolment_is_named(world, edge, changes, part):
    status, said = Connector(world, edge).enroll(created(edge), **changes)
    assert status == 400 and part in said["message"], said


def test_guesses_are_limited(world, edge):
    wire = Connector(world, edge).connect()
    for tried in range(60):  # one comes back every two seconds
        answer = wire.ask("POST", ENROLL, {"Host": f"auth.localhost:{edge.port}"}, "{}")
        if answer.status != 400:
            break
    assert answer.status == 429 and 30 <= tried < 60
    assert answer.headers["Cfpipe-Reason"] == "too many failed enrolments from this address" and int(answer.headers["Retry-After"]) <= 2


def test_a_page_at_the_paths_says_what_they_are_for(world, edge):
    wire, host = Connector(world, edge).connect(), {"Host": f"auth.localhost:{edge.port}"}
    answer = wire.ask("GET", ENROLL, host)
    assert answer.status == 405 and answer.headers["Allow"] == "POST"
    answer = wire.ask("GET", ATTACH, host)
    assert answer.status == 426 and answer.headers["Upgrade"] == "cfpipe-connector/1" and "connectors attach here" in answer.text


def test_a_revoked_name_takes_its_tokens_along(world, edge):
    connector, other = Connector(world, edge), Connector(world, edge, "other")
    connector.enroll(created(edge))
    other.enroll(created(edge))
    late, garage = created(edge), created(edge, "garage")
    assert edge.command("connector", "revoke", connector.id).ok().stdout == ""
    assert [row["id"] for row in listed(edge)] == [other.id]
    said = edge.command("connector", "revoke", "office").ok().stderr
    assert f"connector office ({other.id} on a-server) is revoked" in said
    assert listed(edge) == []
    assert connector.enroll(late) == (403, {"status": 403, "message": UNKNOWN})
    assert connector.enroll(garage)[0] == 200
    assert "no connector of the name or id office is enrolled" in edge.command("connector", "revoke", "office").failed(78).stderr
    revoked = [row for row in edge.audit() if row["kind"] == "connector_revoked"]
    assert len(revoked) == 2 and all("by command of" in row["reason"] for row in revoked)


def test_a_revocation_is_asked_about(world, edge):
    Connector(world, edge).enroll(created(edge))
    terminal = Terminal([edge.child.argv[0], "connector", "revoke", "office", "--config", edge.config], world.env)
    terminal.expect(r"this refuses connector office for good; go on\? \[y/N\] ")
    terminal.type("n\n")
    assert terminal.wait() == 1 and len(listed(edge)) == 1
