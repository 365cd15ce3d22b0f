"""`revoke` and `service-token revoke` reach tunnels that are open: they end within seconds, the client says why, and what
was good before is good no more. Other people's tunnels go on."""

import datetime
import re
import socket
import subprocess
import time

import pytest

from support import limits, world as worlds
from support.clients import CFPIPE, Client, REFUSED
from support.configured_edge import ConfiguredEdge

POLICIES = [
    {"name": "ci", "decision": "service_auth", "include": [{"service_token": "deploy"}]},
    {"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]},
]
SECONDS = 5  # from the command to the end of the last tunnel, by the edge's own records


def open_tunnel(client, *more):
    """A client whose tunnel has said its first line."""
    child = client.start("access", "ssh", "--hostname", client.edge.host(), *more)
    assert child.process.stdout.readline().startswith(b"SSH-2.0-"), child.stderr.text
    return child


def assert_dismissed(child):
    assert child.process.stdout.read() == b""
    assert child.wait() == REFUSED, child.stderr.text
    assert re.search(r"^cfpipe: tunnel: the edge ended the session: access was revoked; connect again", child.stderr.text,
                     re.MULTILINE), child.stderr.text


def seconds(row):
    return datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()


def assert_in_time(edge, kind, identity, tunnels):
    deadline = time.monotonic() + limits.READY_DEADLINE
    ends = []
    # The client may be told before the edge has written it down.
    while len(ends) < tunnels and time.monotonic() < deadline:
        rows = edge.audit()
        ends = [row for row in rows if row["kind"] == "tunnel_close" and row["identity"] == identity]
    asked = [seconds(row) for row in rows if row["kind"] == kind][-1]
    assert [row["reason"] for row in ends] == ["access was revoked"] * tunnels, rows
    assert max(seconds(row) for row in ends) - asked <= SECONDS, rows
    return asked


@pytest.fixture
def edge(world, sshd):
    return ConfiguredEdge(world, sshd.address, POLICIES)


def says_more(child):
    """sshd answers a line that is no identification with words of its own, and hangs up."""
    child.process.stdin.write(b"hello\r\n")
    child.process.stdin.flush()
    return child.process.stdout.read()


def ended(stream):
    """At its end, in whichever way: a tunnel that fails may be reset."""
    try:
        return stream.read() == b""
    except ConnectionResetError:
        return True


def test_of_a_person(world, edge):
    ann = Client(world, edge, "ann")
    ann.login()
    bob = Client(world, edge, "bob")
    bob.env["CFPIPE_BROWSER_EMAIL"] = "bob@example.com"
    bob.login()
    tunnels, other = [open_tunnel(ann), open_tunnel(ann)], open_tunnel(bob)
    done = edge.command("revoke", "--email", worlds.EMAIL.upper())
    assert done.status == 0 and worlds.EMAIL in done.stderr, done
    for tunnel in tunnels:
        assert_dismissed(tunnel)
    assert b"SSH identification" in says_more(other), other.stderr.text
    assert other.wait() == 0, other.stderr.text
    asked = assert_in_time(edge, "revoke", worlds.EMAIL, tunnels=2)
    # Times in tokens are whole seconds: a sign-in within the same one is void as well.
    time.sleep(max(0.0, asked + 1 - time.time()))
    # The cached token is found to be void, and signing in again is possible as long as the policies say so.
    runs = ann.browser_runs()
    ann.banner()
    assert ann.browser_runs() == runs + 1


def test_of_a_person_over_http2(world, edge):
    client = Client(world, edge)
    client.login()
    child = world.start([CFPIPE, "access", "tcp", "--hostname", edge.host(), "--url", "127.0.0.1:0"], client.env,
                        stdin=subprocess.DEVNULL)
    port = int(child.stderr.wait_for(r"listening on 127\.0\.0\.1:(\d+)").group(1))
    with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(("127.0.0.1", port)) as two:
        streams = [one.makefile("rb"), two.makefile("rb")]
        assert all(stream.readline().startswith(b"SSH-2.0-") for stream in streams)
        edge.command("revoke", "--email", worlds.EMAIL).ok()
        for stream in streams:
            assert ended(stream)
        child.stderr.wait_for("the edge ended the session: access was revoked")
    assert child.stop() == 0


def test_of_one_session_of_a_person(world, edge):
    laptop, phone = Client(world, edge, "laptop"), Client(world, edge, "phone")
    sessions = []
    for client in (laptop, phone):
        client.login()
        sessions.append([row["reason"] for row in edge.audit() if row["kind"] == "login"][-1].split()[-1])
    assert sessions[0] != sessions[1]
    ended, stays = open_tunnel(laptop), open_tunnel(phone)
    done = edge.command("revoke", "--session", sessions[0])
    assert done.status == 0 and worlds.EMAIL in done.stderr, done
    assert_dismissed(ended)
    assert_in_time(edge, "revoke", worlds.EMAIL, tunnels=1)
    assert b"SSH identification" in says_more(stays), stays.stderr.text
    assert stays.wait() == 0, stays.stderr.text
    # What is cached is void for the one, and good for the other: neither has to wait, for it is not about times.
    runs = phone.browser_runs()
    assert phone.banner().startswith("SSH-2.0-") and phone.browser_runs() == runs
    runs = laptop.browser_runs()
    assert laptop.banner().startswith("SSH-2.0-") and laptop.browser_runs() == runs + 1


def test_of_a_service_token(world, edge):
    client = Client(world, edge)
    identity, secret = edge.service_token("deploy")
    token = ("--service-token-id", identity, "--service-token-secret", secret)
    tunnel = open_tunnel(client, *token)
    edge.command("service-token", "revoke", "deploy").ok()
    assert_dismissed(tunnel)
    assert_in_time(edge, "service_token_revoke", "deploy", tunnels=1)
    assert client.run("access", "ssh", "--hostname", edge.host(), *token).status == REFUSED


def test_of_an_unknown_user_is_refused(edge):
    done = edge.command("revoke", "--email", "no-address")
    assert done.status == 64 and "email address" in done.stderr
    assert edge.command("revoke").status == 64
    assert edge.command("revoke", "--session", "unknown").status == 64
    unknown = edge.command("revoke", "--session", "A" * 16)
    assert unknown.status == 64 and "the audit knows no sign-in" in unknown.stderr
    assert edge.command("revoke", "--session", "A" * 16, "--email", worlds.EMAIL).status == 64
    assert edge.command("revoke", "--email", "stranger@example.org").status == 0
