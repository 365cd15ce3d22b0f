"""`service: unix:/PATH` leads to a server on a Unix-domain socket; an origin of any kind that is down is a reason that the
client shows."""

import os
import socket

import pytest

from support import stream, world as worlds
from support.clients import Client, Ssh, UNAVAILABLE, assert_fails
from support.configured_edge import ConfiguredEdge
from support.origin import Origin, answer_after_eof
from support.servers import Sshd

POLICIES = [{"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}]
CLOSED_PORT = "127.0.0.1:1"
BYTES = 4 * 1024 * 1024


def logged_in(world, service, **more):
    client = Client(world, ConfiguredEdge(world, CLOSED_PORT, POLICIES, more_app={"service": service}, **more))
    client.login()
    return client


def test_ssh_reaches_a_sshd_on_a_socket(world):
    path = world.path("sshd.sock")
    sshd = Sshd(world, path=path)
    client = logged_in(world, f"unix:{path}")
    sshd.trust(client.edge.ssh_ca())
    assert Ssh(client, "agent").run("echo from the socket").ok().stdout == "from the socket\n"


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_both_directions_of_a_socket_end_by_themselves(world, transport):
    path = world.path("app.sock")
    origin = world.closing(Origin(answer_after_eof(BYTES), path))
    client = logged_in(world, f"unix:{path}")
    sent = b"".join(stream.blocks(BYTES, 2))
    answer = client.tunnel("--transport", transport, input=sent).ok()
    assert answer.output == b"".join(stream.blocks(BYTES, 1))
    assert origin.events.next() == (stream.digest(BYTES, 2), BYTES)


def missing(path):
    return f"unix:{path}"


def left_behind(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return f"unix:{path}"


@pytest.mark.parametrize("service, why", [
    (missing, "its socket is not there"),
    (left_behind, "no process listens on its socket"),
    (lambda path: f"tcp://{CLOSED_PORT}", "it refused the connection"),
    (lambda path: f"ssh://{CLOSED_PORT}", "it refused the connection"),
    (lambda path: "ssh://no-such-host.invalid", "it cannot be reached"),
], ids=["no-socket", "no-listener", "tcp", "ssh", "unknown-name"])
def test_an_origin_that_is_down_is_named(world, service, why):
    path = world.path("app.sock")
    client = logged_in(world, service(path))
    assert_fails(client.tunnel(), UNAVAILABLE, "upgrade", rf"the origin of vm\.localhost is down: {why} \(status 502, ray ")


def test_a_socket_that_the_edge_may_not_use_is_named(world):
    # Root may use every socket, but for this capability.
    run_by = [] if os.getuid() else ["setpriv", "--bounding-set", "-dac_override"]
    path = world.path("app.sock")
    world.closing(Origin(answer_after_eof(1), path))
    path.chmod(0)
    assert_fails(logged_in(world, f"unix:{path}", run_by=run_by).tunnel(), UNAVAILABLE, "upgrade", "not allowed to use its socket")
