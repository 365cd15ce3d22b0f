"""`cfpipe-edge tunnel list|end`: what is open at whichever process of an edge, from another process."""

import json

import pytest

from support import limits
from support.clients import Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.origin import echo, Origin
from support.process import wait_until
from support.supervised import EVERYBODY, Supervised, Tunnel

USAGE, UNAVAILABLE = 64, 69
ENDED = "an administrator has ended it"
FIELDS = ["id", "identity", "application", "to", "peer", "session", "since", "terminal", "up_bytes", "down_bytes", "detached", "edge"]


@pytest.fixture
def edge(world):
    return ConfiguredEdge(world, world.closing(Origin(echo)).address, EVERYBODY, hosts=("vm.localhost", "db.localhost"), more={"drain": "1s"})


@pytest.fixture
def client(world, edge):
    client = Client(world, edge)
    client.login()
    return client


def listed(edge, *argv):
    return [json.loads(line) for line in edge.command("tunnel", "list", "--json", *argv).ok().stdout.splitlines()]


def wait_for(edge, count):
    found = []
    def there():
        found[:] = listed(edge)
        return len(found) == count
    wait_until(there, f"{count} tunnels are listed")
    return found


def test_a_tunnel_is_listed_while_it_is_open(edge, client):
    assert listed(edge) == []
    tunnel = Tunnel(client)
    assert tunnel.answers(b"x" * 1000)
    [row] = wait_for(edge, 1)
    opened = [one for one in edge.audit() if one["kind"] == "tunnel_open"][-1]
    assert list(row) == FIELDS
    assert (row["id"], row["identity"], row["application"]) == (opened["id"], opened["identity"], "vm.localhost")
    assert row["since"] == opened["time"] and row["peer"] == "127.0.0.1" and row["terminal"] is False and row["detached"] == ""
    assert tunnel.answers(b"y" * 5000)
    wait_until(lambda: listed(edge)[0]["up_bytes"] == listed(edge)[0]["down_bytes"] == 6000, "the bytes so far are listed")
    head, line = edge.command("tunnel", "list").ok().stdout.splitlines()
    assert head.split() == ["ID", "IDENTITY", "APPLICATION", "TO", "PEER", "SINCE", "UP", "BYTES", "DOWN", "BYTES", "DETACHED"]
    assert line.split()[:3] == [str(row["id"]), row["identity"], "vm.localhost"]
    assert listed(edge, "--identity", row["identity"].upper(), "--application", "vm.localhost")
    assert listed(edge, "--identity", "other@example.com") == listed(edge, "--application", "db.localhost") == []
    assert tunnel.end() == 0
    wait_for(edge, 0)


def test_a_tunnel_is_ended_and_its_user_told(edge, client):
    kept = Tunnel(client)
    assert kept.answers(b"kept")
    tunnel = Tunnel(client)  # the younger one is listed behind it
    assert tunnel.answers(b"ended")
    ids = [row["id"] for row in wait_for(edge, 2)]
    done = edge.command("tunnel", "end", str(ids[1])).ok()
    assert done.stderr.count("\n") == 1 and f"tunnel {ids[1]} of " in done.stderr and "has ended" in done.stderr
    status, said = tunnel.ended()
    assert status == REFUSED and ENDED in said
    assert [row["id"] for row in listed(edge)] == ids[:1]
    assert kept.answers(b"still") and kept.end() == 0
    rows = edge.audit()
    [asked] = [row for row in rows if row["kind"] == "tunnel_end"]
    assert asked["reason"].startswith(f"tunnel {ids[1]}, by command of ")
    [close] = [row for row in rows if row["kind"] == "tunnel_close" and row["tunnel"] == ids[1]]
    assert close["reason"] == ENDED


@pytest.mark.parametrize("number", ["0", "-7", "99999999", "9223372036854775807"])
def test_a_number_that_no_tunnel_has_is_refused(edge, client, number):
    said = edge.command("tunnel", "end", number).failed(USAGE).stderr
    assert said.count("\n") == 1 and "there is no such tunnel open; see cfpipe-edge tunnel list" in said
    assert not [row for row in edge.audit() if row["kind"] == "tunnel_end"]


@pytest.mark.parametrize("number", ["x", "1.5", "99999999999999999999", ""])
def test_what_is_no_number_is_refused(edge, number):
    assert edge.command("tunnel", "end", number).failed(USAGE).stderr.count("\n") == 1


def test_a_process_that_drains_is_listed_and_asked_too(world):
    supervised = Supervised(world)
    client = Client(world, supervised.edge)
    client.login()
    before = Tunnel(client)
    assert before.answers(b"before")
    [old] = wait_for(supervised.edge, 1)
    supervised.replace()
    after = Tunnel(client)
    assert after.answers(b"after")
    both = wait_for(supervised.edge, 2)
    assert both[0] == {**old, "up_bytes": both[0]["up_bytes"], "down_bytes": both[0]["down_bytes"]}
    assert both[0]["edge"] != both[1]["edge"]
    supervised.edge.command("tunnel", "end", str(old["id"])).ok()
    status, said = before.ended()
    assert status == REFUSED and ENDED in said
    assert after.answers(b"still") and after.end() == 0


def test_an_edge_that_ends_leaves_nothing_listed(world, edge, client):
    tunnel = Tunnel(client)
    assert tunnel.answers(b"open")
    wait_for(edge, 1)
    edge.stop()
    tunnel.ended()
    assert listed(edge) == []


def test_a_killed_edge_is_forgotten_and_cannot_be_asked(world, edge, client):
    tunnel = Tunnel(client)
    assert tunnel.answers(b"open")
    [row] = wait_for(edge, 1)
    edge.child.kill()
    tunnel.ended()
    said = edge.command("tunnel", "end", str(row["id"])).failed(UNAVAILABLE).stderr
    assert "is still open, although its edge was asked to end it" in said
    wait_until(lambda: listed(edge) == [], "the edge that was killed counts as gone", limits.TRANSFER_DEADLINE)
