"""cfpipe-connector at an edge that shares no code with it: enrolment, attach, tunnels, and what a connector refuses."""

import errno
import json
import os
import pathlib
import re
import select
import socket
import stat
import struct

import pytest

from support import origin as origins, process, stream
from support.connector_fixtures import connector, edge  # fixtures
from support.enrolled_connector import PROGRAM, Connector
from support.process import wait_until

STREAM_BYTES = 8 << 20


@pytest.fixture
def listening(world):
    def start(serve):
        return world.closing(origins.Origin(serve))
    return start


def test_an_enrolment_is_private_and_is_not_overwritten(world, edge):
    connector = Connector(world, edge)
    done = connector.enroll().ok()
    assert done.stdout == f"enrolled at {edge.name} as office\n"
    identity = json.loads((connector.state / "connector.json").read_text())
    assert identity == {"id": next(iter(edge.keys)), "name": "office", "edge": edge.name}
    for name in ("connector.json", "key.pem"):
        assert stat.S_IMODE((connector.state / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(connector.state.stat().st_mode) == 0o700
    key = (connector.state / "key.pem").read_bytes()
    again = connector.enroll()
    assert "--replace replaces it" in again.failed(78).stderr
    assert (connector.state / "key.pem").read_bytes() == key
    connector.enroll("--replace").ok()
    assert (connector.state / "key.pem").read_bytes() != key
    assert len(edge.keys) == 2


def test_a_token_is_an_argument_too_and_stays_out_of_messages(world, edge):
    connector = Connector(world, edge)
    token = edge.new_token()
    connector.command("enroll", token, "--state", connector.state, "--ca-file", edge.ca_file).ok()
    used = connector.enroll("--replace", token=token).failed(77)
    assert "the enrolment token is unknown, was used, or has expired" in used.stderr
    assert token.partition("/")[2] not in used.stderr
    malformed = connector.enroll("--replace", token="vm.example.com/short").failed(64)
    assert "that is no enrolment token" in malformed.stderr and "short" not in malformed.stderr
    assert "there is no token on standard input" in connector.command("enroll", "--replace", "--state", connector.state).failed(64).stderr


def test_it_attaches_twice_with_a_signature_over_the_edges_name(edge, connector):
    connector.start()
    links = edge.attached(2)
    assert len({link.claim[1] for link in links}) == 1  # one run
    first, second = edge.attempts[0], next(a for a in edge.attempts if "cfpipe-signature" in a)
    assert "cfpipe-signature" not in first and second["host"] == edge.name
    assert set(edge.offered) == {"http/1.1"}
    assert connector.child.stop() == 0


def test_a_tunnel_carries_both_directions_and_their_ends(edge, connector, listening):
    echo = listening(origins.echo)
    connector.start(origins=[echo.address])
    tunnel = edge.attached()[0].open(authority=echo.address)
    assert tunnel.status == 200
    tunnel.send(b"before ")
    assert tunnel.wait_for(7) == b"before "
    tunnel.send(b"the end", ends=True)
    assert tunnel.to_the_end() == b"before the end"
    connector.said(r"tunnel to 127\.0\.0\.1:\d+ for alice@example\.com from 203\.0\.113\.4: ended after 14 bytes to the origin "
                   r"and 14 from it: both sides ended it")


def test_each_direction_ends_by_itself(edge, connector, listening):
    def serve(connection, events):
        connection.sendall(b"first")
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while data := connection.recv(4096):
            got += data
        events.put(got)
    peer = listening(serve)
    connector.start(origins=[peer.address])
    tunnel = edge.attached()[0].open(authority=peer.address)
    assert tunnel.to_the_end() == b"first"
    tunnel.send(b"still read", ends=True)
    assert peer.events.next() == b"still read"


def test_large_streams_pass_within_small_windows(edge, connector, listening):
    edge.window = 65535
    source, sink = listening(origins.source(STREAM_BYTES)), listening(origins.sink)
    connector.start(origins=[source.address, sink.address])
    link = edge.attached()[0]
    down, up = link.open(authority=source.address), link.open(authority=sink.address)
    assert down.status == up.status == 200
    wanted = b"".join(stream.blocks(STREAM_BYTES, 1))
    up.send(wanted, ends=True)
    assert down.to_the_end() == wanted
    assert sink.events.next()[1] == STREAM_BYTES


def test_a_reader_that_does_not_read_holds_its_own_tunnel_up_alone(edge, connector, listening):
    edge.window = 65535
    source, echo = listening(origins.source(STREAM_BYTES)), listening(origins.echo)
    connector.start(origins=[source.address, echo.address])
    link = edge.attached()[0]
    slow = link.open(authority=source.address)
    slow.reads = False
    assert len(slow.wait_for(65535 // 2)) > 0
    quick = link.open(authority=echo.address)
    quick.send(b"x" * 1000, ends=True)
    assert quick.to_the_end() == b"x" * 1000
    assert len(slow.received) <= 65535
    link.give_back(slow)
    assert len(slow.to_the_end()) == STREAM_BYTES


def test_a_reset_of_the_edge_resets_the_origin(edge, connector, listening):
    def serve(connection, events):
        connection.sendall(b"hello")
        try:
            events.put(connection.recv(10))
        except ConnectionResetError:
            events.put("reset")
    peer = listening(serve)
    connector.start(origins=[peer.address])
    tunnel = edge.attached()[0].open(authority=peer.address)
    tunnel.wait_for(5)
    tunnel.reset()
    assert peer.events.next() == "reset"


def test_a_reset_behind_the_end_resets_an_origin_that_says_nothing(edge, connector, listening):
    """It would be written to when the origin says something, which may be never."""
    def serve(connection, events):
        connection.sendall(b"hello")
        events.put(connection.recv(10))
        poll = select.poll()
        poll.register(connection, 0)  # errors are told unasked
        events.put(poll.poll() and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    peer = listening(serve)
    connector.start(origins=[peer.address])
    tunnel = edge.attached()[0].open(authority=peer.address)
    tunnel.wait_for(5)
    tunnel.end()
    assert peer.events.next() == b""
    tunnel.reset()
    assert peer.events.next() == errno.EPIPE  # a reset behind an end, as Linux tells it
    connector.said("0 bytes to the origin and 5 from it: the edge broke it off")


def test_what_is_given_up_at_once_is_not_dialled(edge, connector, listening):
    dialled = []

    def serve(connection, events):
        dialled.append(connection)
        events.put(connection.recv(10))
    peer = listening(serve)
    connector.start(origins=[peer.address])
    link = edge.attached()[0]

    async def open_and_reset():
        for _ in range(100):
            number = link.h2.get_next_available_stream_id()
            link.h2.send_headers(number, [(":method", "CONNECT"), (":authority", peer.address)])
            link.h2.reset_stream(number)
        link.flush()
    edge.run(open_and_reset())
    tunnel = link.open(authority=peer.address)
    tunnel.send(b"the only")
    assert peer.events.next() == b"the only" and len(dialled) == 1


def test_a_reset_of_the_origin_is_no_end(edge, connector, listening):
    def serve(connection, events):
        connection.recv(5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer = listening(serve)
    connector.start(origins=[peer.address])
    tunnel = edge.attached()[0].open(authority=peer.address)
    tunnel.send(b"hello")
    assert tunnel.wait_reset() == 8 and not tunnel.ended  # CANCEL


def test_ten_thousand_small_frames_arrive(edge, connector, listening):
    sink = listening(origins.sink)
    connector.start(origins=[sink.address])
    link = edge.attached()[0]
    tunnel = link.open(authority=sink.address)
    assert tunnel.status == 200

    async def many():
        for _ in range(10_000):
            await link.send(tunnel, b"1", False)
        await link.send(tunnel, b"", True)
    edge.run(many())
    assert sink.events.next()[1] == 10_000


REFUSED = [
    ("10.1.2.3:22", 403, "not-allowed"),
    ("127.0.0.1:23", 403, "not-allowed"),
    ("[::1]:23", 403, "not-allowed"),
    ("vm.example.com:22", 403, "not-allowed"),
    ("0.0.0.0:22", 403, "not-allowed"),
]


@pytest.mark.parametrize("authority, status, fault", REFUSED)
def test_only_listed_origins_are_dialled(edge, connector, authority, status, fault):
    connector.start()
    tunnel = edge.attached()[0].open(authority=authority)
    assert (tunnel.status, tunnel.fault) == (status, fault)
    assert tunnel.to_the_end() == b""
    connector.said(r"not opened: the connector's list of origins does not name it")


def test_an_origin_that_refuses_is_named(edge, connector, nobody_listens):
    connector.start(origins=["localhost:%d" % nobody_listens])
    link = edge.attached()[0]
    for host in ("localhost", "127.0.0.1"):
        tunnel = link.open(authority=f"{host}:{nobody_listens}")
        assert (tunnel.status, tunnel.fault) == (502, "refused")


def test_what_is_no_tunnel_is_refused(edge, connector):
    connector.start()
    link = edge.attached()[0]
    page = link.open((":scheme", "https"), (":path", "/"), method="GET", authority="127.0.0.1:22", ends=True)
    assert page.status == 405
    for authority in ("127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "127.1:22"):
        assert link.open(authority=authority).status == 400, authority
    named = link.open(authority="user@127.0.0.1:22")  # newer nghttp2 has it for no HTTP either
    assert named.status == 400 or named.wait_reset() == 1
    assert link.open(authority="a b:22").wait_reset() == 1  # PROTOCOL_ERROR: it is no HTTP
    assert not link.over


def test_logs_hold_no_secrets_and_no_bytes_of_the_tunnel(edge, connector, listening):
    echo = listening(origins.echo)
    connector.start(origins=[echo.address])
    tunnel = edge.attached()[0].open(authority=echo.address, subject="a\tb\u00e9" * 200)
    tunnel.send(b"only for the origin", ends=True)
    tunnel.to_the_end()
    connector.said("both sides ended it")
    assert connector.child.stop() == 0
    text = connector.child.stderr.text
    key = (connector.state / "key.pem").read_text().splitlines()[1]
    assert "only for the origin" not in text and key not in text
    for attempt in edge.attempts:
        assert attempt.get("cfpipe-signature", "?!") not in text
    assert max(map(len, text.splitlines())) < 1000


def test_the_enrolled_name_is_what_tls_must_show(world, edge, connector):
    identity = json.loads((connector.state / "connector.json").read_text())
    identity["edge"] = f"other.localhost:{edge.port}"
    (connector.state / "connector.json").write_text(json.dumps(identity))
    os.chmod(connector.state / "connector.json", 0o600)
    done = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    assert "the certificate is for another name" in done.failed(69).stderr
    assert edge.attempts == []


def test_it_gives_up_what_it_does_not_need(edge, connector):
    connector.start()
    edge.attached(2)
    status = (pathlib.Path("/proc") / str(connector.child.pid) / "status").read_text()
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE) and re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)


def test_secrets_do_not_stay_on_the_command_line(world):
    """While the proxy, which takes the connection and says nothing, is waited for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        token = "auth.localhost/" + "A" * 43
        proxy = f"--proxy=http://ann:hidden@127.0.0.1:{silent.getsockname()[1]}"
        child = world.start([PROGRAM, "enroll", token, "--state", world.path("state"), proxy])
        silent.accept()[0].close()
        words = process.words(child.pid)
        assert "x" * len(token) in words and token not in words and not any("hidden" in word for word in words)
        child.kill()


@pytest.mark.skipif(os.getuid() != 0, reason="other users do not see which sockets it has")
def test_no_socket_listens(edge, connector):
    connector.start()
    edge.attached(2)
    inodes = {os.readlink(f"/proc/{connector.child.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{connector.child.pid}/fd")}
    listening = {f"socket:[{fields[9]}]" for table in ("tcp", "tcp6", "udp", "udp6")
                 for fields in map(str.split, open(f"/proc/{connector.child.pid}/net/{table}").readlines()[1:])
                 if fields[3] in ("0A", "07")}
    assert not inodes & listening
    wait_until(lambda: len(edge.links) == 2, "two connections")
