"""How long a tunnel may stay open (`session_limit`), and how many a user may have (`limits`): the client says which limit
it met, and the edge's records agree."""

import datetime
import re
import time

import pytest

from support import limits, world as worlds
from support.clients import Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.visitor import Web

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
SECONDS = 3
UNAVAILABLE = 69


def open_tunnel(client):
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    assert child.process.stdout.readline().startswith(b"SSH-2.0-"), child.stderr.text
    return child


def when(row):
    return datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_a_tunnel_ends_at_its_session_limit(world, sshd, transport):
    edge = ConfiguredEdge(world, sshd.address, POLICIES, more_app={"session_limit": f"{SECONDS}s"})
    client = Client(world, edge)
    client.login()
    child = client.start("access", "ssh", "--hostname", edge.host(), "--transport", transport)
    assert child.process.stdout.readline().startswith(b"SSH-2.0-"), child.stderr.text
    assert child.wait() == REFUSED, child.stderr.text
    assert re.search(r"^cfpipe: tunnel: the edge ended the session: the application's session_limit has been reached; ",
                     child.stderr.text, re.MULTILINE), child.stderr.text
    close = edge.wait_for_audit("tunnel_close")
    opened, = (row for row in edge.audit() if row["kind"] == "tunnel_open")
    assert close["reason"] == "the application's session_limit has been reached"
    assert when(close) - when(opened) >= SECONDS


def test_one_user_has_so_many_tunnels_and_others_theirs(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, POLICIES, more={"limits": {"tunnels_per_user": 2}})
    ann = Client(world, edge)
    ann.login()
    first, _ = open_tunnel(ann), open_tunnel(ann)
    refused = ann.run("access", "ssh", "--hostname", edge.host())
    assert refused.status == UNAVAILABLE
    assert f"{worlds.EMAIL} has as many tunnels open as one user may have: 2" in refused.stderr, refused
    assert len(refused.stderr.splitlines()) == 1, refused
    first.process.stdin.close()
    first.process.stdout.read()
    assert first.wait() == 0, first.stderr.text
    edge.wait_for_audit("tunnel_close")
    open_tunnel(ann)


def test_one_address_has_so_many_connections_and_more_are_closed_at_once(world, sshd):
    most = 4
    edge = ConfiguredEdge(world, sshd.address, POLICIES, more={"limits": {"connections_per_address": most}})
    client = Client(world, edge)
    client.login()
    tunnels = []
    while True:
        child = client.start("access", "ssh", "--hostname", edge.host())
        if not child.process.stdout.readline():
            break
        tunnels.append(child)
        assert len(tunnels) <= most
    assert tunnels and child.wait() == UNAVAILABLE, child.stderr.text
    edge.child.stderr.wait_for(r"closed because of connections_per_address: 1, the last one from 127\.0\.0\.1")
    for tunnel in tunnels:
        tunnel.process.stdin.close()
        tunnel.process.stdout.read()
        assert tunnel.wait() == 0, tunnel.stderr.text
    deadline = time.monotonic() + limits.READY_DEADLINE
    while client.run("access", "ssh", "--hostname", edge.host()).status != 0:
        assert time.monotonic() < deadline, "what has ended counts no longer"


def test_one_address_begins_so_many_sign_ins(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, POLICIES, more={"limits": {"logins_per_address": 2}})
    web = Web(edge.ca_file)
    assert [web.follow(edge.url()).status for _ in range(2)] == [200, 200]
    refused = web.follow(edge.url())
    assert refused.status == 429 and "Too many sign-ins" in refused.page
    assert 0 < int(refused.headers["Retry-After"]) <= 30
