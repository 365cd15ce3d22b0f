"""`listen` of a connector: what the daemon of another edge's tunnel connects to, in front of sshd and without an edge of ours."""

import re
import signal
import socket

import pytest

from support import limits, origin as origins, stream
from support.clients import Client, Ssh
from support.edges import Edge
from support.listening_connector import PROGRAM, ListeningConnector
from support.process import wait_until
from support.servers import Sshd
from support.world import USER


@pytest.fixture
def listening(world):
    return lambda serve: world.closing(origins.Origin(serve))


def test_ssh_passes_as_it_is(world):
    sshd = Sshd(world)
    edge = Edge(world, "mock", ListeningConnector(world, sshd.address).address)
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    client.login()
    ssh = Ssh(client, "match")
    assert ssh.run("id -un; exit 3").status == 3
    assert ssh.run("id -un").ok().stdout.strip() == USER
    original, back = world.path("original"), world.path("back")
    original.write_bytes(b"".join(stream.blocks(3_000_000)))
    ssh.scp(original, f"{ssh.host}:{back}").ok()
    assert back.read_bytes() == original.read_bytes()


def test_each_direction_ends_by_itself(world, listening):
    front = ListeningConnector(world, listening(origins.answer_after_eof(1000)).address)
    with front.connect() as client:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert stream.digest_of(client.recv) == (stream.digest(1000), 1000)
    front.child.stderr.wait_for("ended after 8 bytes to the origin and 1000 from it: both sides ended it")


def test_what_the_origin_breaks_off_is_a_reset(world, listening):
    def break_off(connection, events):
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        connection.close()
    front = ListeningConnector(world, listening(break_off).address)
    with front.connect() as client, pytest.raises(ConnectionResetError):
        client.sendall(b"?")
        client.recv(1)


def test_an_origin_that_is_not_there_ends_the_connection(world, nobody_listens):
    front = ListeningConnector(world, f"127.0.0.1:{nobody_listens}")
    with front.connect() as client:
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass
    front.child.stderr.wait_for("not opened: it refused the connection")


def test_the_end_waits_for_what_is_open(world, listening):
    front = ListeningConnector(world, listening(origins.echo).address)
    with front.connect() as client:
        client.sendall(b"1")
        assert client.recv(1) == b"1"
        front.child.process.send_signal(signal.SIGTERM)
        front.child.stderr.wait_for("ending: 1 tunnels may go on")
        def refused():
            try:
                front.connect().close()
            except ConnectionRefusedError:
                return True
            return False
        wait_until(refused, "it takes no more")
        client.sendall(b"2")
        assert client.recv(1) == b"2"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert front.child.wait() == 0


def test_it_listens_for_this_machine_alone(world):
    config = world.path("wrong.yaml")
    for line, says in [("listen: 0.0.0.0:7022", "'listen' must be a loopback address"),
                       ("origins: ['10.0.0.0/8:22']\nlisten: 127.0.0.1:7022", "and none is"),
                       ("listen: 7022", "'listen' must be a loopback address")]:
        config.write_text(line)
        refused = world.run([PROGRAM, "run", "--config", config, "--state", world.path("none")])
        assert re.search(f"wrong.yaml:[12]: .*{says}", refused.stderr), refused
        assert refused.status in (64, 78)


def test_without_it_an_enrolment_is_needed(world):
    refused = world.run([PROGRAM, "run", "--state", world.path("none")]).failed(78)
    assert "cfpipe-connector enroll" in refused.stderr
