"""A peer that stalls is given up at its own stage's deadline, and the line says which stage that was."""

import subprocess

import pytest

from support.clients import CFPIPE, UNAVAILABLE, Client, assert_fails
from support.edges import Edge
from support.listener import Listener, read_all
from support.origin import Origin
from support.process import Lines
from support.silence import NOWHERE, silent_network

own_only = pytest.mark.parametrize("kind", ["own"], indirect=True)

STAGES = ("dns", "connect", "proxy", "tls", "upgrade", "first-byte")
SHORT = "200ms"


def only(stage):
    """The stage under test stalls for ever; all other deadlines are as far away as they can be."""
    return [f"--{one}-timeout={SHORT if one == stage else '10m'}" for one in STAGES]


@pytest.fixture
def in_silence(world, user):
    prefix = silent_network(world)
    return lambda *argv, **env: world.run([*prefix, CFPIPE, "access", "ssh", *argv], {**user.env, **env})


def hold(connection, events):
    """Takes everything, says nothing."""
    while connection.recv(65536):
        pass


@pytest.fixture
def nobody_answers(world):
    return world.closing(Origin(hold)).address


@own_only
def test_name_server_that_is_silent(in_silence):
    assert_fails(in_silence("--hostname", "vm.example.com", *only("dns")), UNAVAILABLE, "dns", "time.*vm.example.com")


@own_only
def test_host_that_is_silent(in_silence):
    finished = in_silence("--hostname", f"{NOWHERE}:8443", *only("connect"))
    assert_fails(finished, UNAVAILABLE, "tcp", f"time.*{NOWHERE}")


@own_only
def test_proxy_whose_host_is_silent(in_silence):
    finished = in_silence("--hostname", "vm.example.com", "--proxy", f"http://{NOWHERE}:3128", *only("connect"))
    assert_fails(finished, UNAVAILABLE, "proxy", f"time.*{NOWHERE}")


@own_only
def test_proxy_that_is_silent(user, nobody_answers):
    finished = user.tunnel("--proxy", f"http://{nobody_answers}", *only("proxy"))
    assert_fails(finished, UNAVAILABLE, "proxy", "time")


@own_only
def test_handshake_that_is_not_answered(user, nobody_answers):
    port = nobody_answers.rsplit(":", 1)[1]
    finished = user.run("access", "ssh", "--hostname", f"vm.localhost:{port}", *only("tls"))
    assert_fails(finished, UNAVAILABLE, "tls", "time")


def test_upgrade_that_is_not_answered(misbehaving):
    assert_fails(misbehaving("upgrade-hang").tunnel(*only("upgrade")), UNAVAILABLE, "upgrade", "time")


@pytest.fixture
def of_silent_server(world, kind, nobody_answers):
    """A client whose application's server takes connections and says nothing."""
    client = Client(world, Edge(world, kind, nobody_answers))
    client.login()
    return client


def test_server_that_says_nothing(of_silent_server):
    client = of_silent_server
    child = client.start("access", "ssh", "--hostname", client.edge.host(), *only("first-byte"))
    assert child.wait() == UNAVAILABLE
    child.process.stdin.close()
    child.process.stdout.close()
    assert "cfpipe: tunnel: the tunnel is open and the server behind it says nothing" in child.stderr.text


@own_only
def test_listener_watches_only_when_asked_to(of_silent_server):
    listener = Listener(of_silent_server, "127.0.0.1:0", "--first-byte-timeout", SHORT)
    with listener.connect() as connection:
        try:
            assert read_all(connection) == b""
        except ConnectionError:
            pass
    listener.child.stderr.wait_for("cfpipe: tunnel: the tunnel is open and the server behind it says nothing")
    assert listener.stop() == 0


@own_only
@pytest.mark.parametrize("command, more", [("tcp", []), ("ssh", ["--first-byte-timeout", "off"])])
def test_server_that_lets_the_client_speak_first_has_its_time(world, kind, command, more):
    """It answers once it was told something, which is not before every deadline that is not this one's has passed."""
    told = Lines()

    def answers(connection, events):
        told.put(connection.recv(5))
        connection.sendall(b"world")

    client = Client(world, Edge(world, kind, world.closing(Origin(answers)).address))
    client.login()
    child = client.start("access", command, "--hostname", client.edge.host(), *more)
    with child.process.stdout as output:
        child.process.stdin.write(b"hello")
        child.process.stdin.flush()
        assert told.next() == b"hello"
        assert output.read(5) == b"world"
        child.process.stdin.close()
        assert child.wait() == 0, child.stderr.text


@own_only
def test_first_byte_does_not_end_a_tunnel_that_is_used_otherwise(of_silent_server):
    """A client that sends this much does not wait for an SSH server's first line."""
    client = of_silent_server
    child = client.start("access", "ssh", "--hostname", client.edge.host(), *only("first-byte"))
    child.process.stdin.write(b"x" * (1 << 20))
    child.process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(2)
    child.process.stdin.close()
    child.process.stdout.close()
    assert child.stop() == 0
