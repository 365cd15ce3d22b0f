"""A connector of others' making attaches over TLS as the page of the protocol says: with its own key, at its own edge, once for each
challenge, and until it is revoked."""

import json
import re
import time

import pytest

from support.configured_edge import ConfiguredEdge
from support.connector import Connector
from support.origin import Origin
from support.process import wait_until

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
REVOCATION_DEADLINE = 5
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 3.4


def make_edge(world):
    return ConfiguredEdge(world, world.closing(Origin(lambda connection, events: None)).address, POLICIES)


@pytest.fixture
def edge(world):
    return make_edge(world)


def enrolled(world, edge, name="office"):
    connector = Connector(world, edge)
    shown = edge.command("connector", "create", name, "--auth-domain", f"auth.localhost:{edge.port}").ok()
    status, said = connector.enroll(shown.stdout.strip())
    assert status == 200, said
    return connector


@pytest.fixture
def connector(world, edge):
    return enrolled(world, edge)


@pytest.fixture
def wire(connector):
    return connector.connect()


def listed(edge):
    return [json.loads(line) for line in edge.command("connector", "list", "--json").ok().stdout.splitlines()]


def refused(answer, part):
    assert answer.status == 403 and part in answer.text, (answer.status, answer.text)
    assert part in answer.headers["Cfpipe-Reason"]


def attached(connector):
    """A connection that is attached, on which the edge has begun to speak HTTP/2."""
    wire = connector.connect()
    answer = connector.attach(wire)
    assert answer.status == 101 and answer.headers["Upgrade"] == "cfpipe-connector/1", answer
    assert wire.read(len(PREFACE)) == PREFACE
    return wire


def test_it_attaches_and_is_listed_with_all_of_its_connections(edge, connector):
    wires = [attached(connector), attached(connector)]
    wait_until(lambda: [run["connections"] for run in listed(edge)[0]["attached"]] == [2], "both connections are listed")
    [row] = listed(edge)
    [run] = row["attached"]
    assert (run["instance"], run["version"], run["peer"], run["tunnels"]) == (connector.instance, connector.version, "127.0.0.1", 0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["last_attached"])
    row = edge.wait_for_audit("connector_attached")
    assert row["identity"] == "office" and connector.id in row["reason"] and connector.version in row["reason"]
    for wire in wires:
        wire.close()
    wait_until(lambda: listed(edge)[0]["attached"] == [], "no connection is listed")


def test_a_recorded_request_attaches_nowhere(connector, wire):
    headers = connector.signed(connector.challenge(wire))
    assert connector.request(wire, headers).status == 101
    refused(connector.request(connector.connect(), headers), "the challenge was used before")
    attached(connector)


def test_another_key_attaches_nothing(world, edge, connector, wire):
    thief = Connector(world, edge, "thief")
    thief.id, thief.instance = connector.id, connector.instance
    refused(thief.attach(wire), "the signature was not made with the connector's key")
    assert listed(edge)[0]["last_attached"] == "never"
    assert edge.wait_for_audit("connector_refused")["identity"] == "office"


def test_what_was_signed_for_another_edge_attaches_nothing(world, edge, connector, wire):
    """As if an edge that pretends to be this one passed on what the connector signs for it."""
    connector.authority = "evil.localhost:8443"
    refused(connector.attach(wire), f"with the connector's key for auth.localhost:{edge.port}")
    connector.edge = make_edge(world)
    connector.authority = connector.host()
    refused(connector.attach(connector.connect()), "no such connector is enrolled at this edge")


def test_a_challenge_of_another_edge_is_answered_with_one_of_this(world, connector, wire):
    other = Connector(world, make_edge(world), "other")
    other.id, other.instance = connector.id, connector.instance
    answer = connector.request(wire, connector.signed(other.challenge(other.connect())))
    assert answer.status == 401
    assert connector.request(wire, connector.signed(answer.headers["Cfpipe-Challenge"])).status == 101


def test_a_challenge_is_for_the_run_that_has_asked(connector, wire):
    challenge = connector.challenge(wire)
    connector.instance = "another-run-1234"
    refused(connector.request(wire, connector.signed(challenge)), "was given to another connector")


@pytest.mark.parametrize("changes", [{"Cfpipe-Connector": "x"}, {"Cfpipe-Connector-Instance": ""}, {"Cfpipe-Connector-Version": "v" * 33}])
def test_claims_that_are_none_are_named(connector, wire, changes):
    answer = connector.request(wire, changes)
    assert answer.status == 400 and "a connector says its" in answer.text, answer


def test_other_hosts_and_upgrades_attach_nothing(edge, connector):
    assert connector.request(connector.connect(), host=edge.host()).status == 404
    assert connector.request(connector.connect(), host="elsewhere.localhost").status == 421
    assert connector.request(connector.connect(), upgrade="cfpipe-connector/2").status == 426
    assert connector.request(connector.connect(), upgrade="websocket").status in (400, 404)


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_revocation_ends_what_is_attached_at_once(world, edge, connector, by):
    other = enrolled(world, edge, "garage")
    stays, ends = attached(other), attached(connector)
    begun = time.monotonic()
    edge.command("connector", "revoke", connector.id if by == "id" else "office").ok()
    while ends.read(1):
        pass
    assert time.monotonic() - begun < REVOCATION_DEADLINE
    refused(connector.attach(connector.connect()), "no such connector is enrolled at this edge, or it was revoked")
    wait_until(lambda: [row["name"] for row in listed(edge) if row["attached"]] == ["garage"], "the other one is still attached")
    stays.close()
