"""Listener mode: every connection to the port, or to the socket, is a tunnel of its own."""

import signal
import socket
import stat

import pytest

from support import limits, stream
from support.clients import CONFIGURATION, ERROR_LINE, USAGE, Client, Ssh, assert_fails
from support.edges import Edge
from support.listener import Listener, first_line, read_all
from support.origin import Origin, echo, source
from support.process import wait_until
from support.world import USER

CONNECTIONS = 20
BYTES = 4 * limits.MIB


def ssh_through(client, port, *options):
    """OpenSSH that knows nothing of the edge but a port of this machine and, for the certificate, the files of ssh-gen."""
    key = client.home / f"{client.edge.hosts[0]}-cf_key"
    return Ssh(client, host="forwarded", text=f"""Host forwarded
  HostName 127.0.0.1
  Port {port}
  User {USER}
  IdentityFile {key}
  CertificateFile {key}-cert.pub
""")


def test_ssh_goes_through_a_port(user):
    listener = Listener(user)
    user.ssh_gen().ok()
    ssh = ssh_through(user, listener.port)
    assert ssh.run("echo hello; exit 7").status == 7
    assert ssh.run("cat", input=b"there and back").ok().stdout == "there and back"
    assert listener.stop() == 0
    assert listener.child.stderr.text == f"cfpipe: listening on 127.0.0.1:{listener.port}\n"


def test_ssh_goes_through_a_unix_socket(user):
    path = user.world.path("tunnel")
    listener = Listener(user, f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    user.ssh_gen().ok()
    pump = limits.ROOT / "tests/integration/support/unix_pump.py"
    ssh = ssh_through(user, 22)
    done = ssh.run("cat", "-o", f"ProxyCommand=/usr/bin/python3 {pump} {path}", input=b"there and back")
    assert done.ok().stdout == "there and back"
    assert listener.stop() == 0
    assert not path.exists()


def test_the_agent_of_a_listener_serves_every_session(user):
    agent = user.world.path("agent")
    listener = Listener(user, "127.0.0.1:0", "--agent", str(agent))
    ssh = Ssh(user, host="forwarded", text=f"""Host forwarded
  HostName 127.0.0.1
  Port {listener.port}
  User {USER}
  IdentityFile none
  IdentityAgent {agent}
""")
    for _ in range(2):
        assert ssh.run("id -un").ok().stdout.strip() == USER
    assert not list(user.home.glob("*cf_key*"))
    assert listener.stop() == 0
    assert not agent.exists()


@pytest.fixture
def forwarded(world, kind):
    """A listener before an edge in front of an origin of the test's, without a login yet."""
    def start(serve, faults=()):
        origin = world.closing(Origin(serve))
        client = Client(world, Edge(world, kind, origin.address, faults=faults))
        return Listener(client)
    return start


def test_many_connections_at_once_need_one_login(forwarded):
    listener = forwarded(echo)
    connections = [listener.connect() for _ in range(CONNECTIONS)]
    data = next(stream.blocks(limits.MIB))
    for number, connection in enumerate(connections):
        connection.sendall(b"%d\n" % number)
    for number, connection in enumerate(connections):
        assert first_line(connection) == f"{number}\n"
    for connection in connections:  # all of them are open, and each still is its own
        connection.sendall(data[:1000])
        connection.shutdown(socket.SHUT_WR)
    for connection in connections:
        with connection:
            assert read_all(connection) == data[:1000]
    assert listener.client.browser_runs() == 1
    assert "another process" not in listener.child.stderr.text
    assert listener.stop() == 0


def test_large_streams_arrive_whole(forwarded):
    listener = forwarded(source(BYTES))
    with listener.connect() as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(BYTES), BYTES)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_tunnels(forwarded, number):
    listener = forwarded(echo)
    with listener.connect() as connection:
        connection.sendall(b"hello\n")
        assert first_line(connection) == "hello\n"
        assert listener.stop(number) == 0
        assert read_all(connection) == b""  # ended, not broken
    lines = [line for line in listener.child.stderr.text.splitlines() if ERROR_LINE.fullmatch(line)]
    assert [line for line in lines if "login" not in line] == []
    if listener.client.edge.kind == "mock":
        # The client does not wait for the other side to say it has heard.
        closed, = wait_until(lambda: [e for e in listener.client.edge.requests() if e["event"] == "close"], "the mock saw the end")
        assert closed["ending"] == "client-close"


def test_a_signal_during_the_login_ends_it(client):
    listener = Listener(client, "127.0.0.1:0", "--no-browser")
    with listener.connect():
        listener.child.stderr.wait_for(r"^https://\S+$")
        assert listener.stop(signal.SIGINT) == 0
    assert not list(client.home.glob("*.lock")) and not list(client.home.glob("*.url"))


def test_a_port_that_is_taken_is_said(user):
    listener = Listener(user)
    done = user.run("access", "tcp", "--hostname", user.edge.host(), "--url", f"127.0.0.1:{listener.port}")
    assert_fails(done, CONFIGURATION, "listen", f"cannot listen there: 127.0.0.1:{listener.port}: Address already in use")


def test_a_socket_is_taken_over_only_from_the_dead(user):
    path = user.world.path("tunnel")
    first = Listener(user, f"unix:{path}")
    again = ("access", "tcp", "--hostname", user.edge.host(), "--url", f"unix:{path}")
    assert_fails(user.run(*again), CONFIGURATION, "listen", "Address already in use")
    first.child.kill()
    assert path.is_socket()
    second = Listener(user, f"unix:{path}")
    with second.connect() as connection:
        assert first_line(connection).startswith("SSH-2.0-")
    assert second.stop() == 0
    path.write_text("not a socket")
    assert_fails(user.run(*again), CONFIGURATION, "listen", "not a socket|non-socket")
    assert path.read_text() == "not a socket"


def test_an_address_that_others_can_reach_is_said(user):
    listener = Listener(user, "0.0.0.0:0")
    listener.child.stderr.wait_for("^cfpipe: listen: other machines can reach this address")
    assert listener.stop() == 0


def test_an_address_that_makes_no_sense_is_refused(user):
    done = user.run("access", "tcp", "--hostname", user.edge.host(), "--url", ":2222")
    assert_fails(done, USAGE, "input", "--url takes host:port")
