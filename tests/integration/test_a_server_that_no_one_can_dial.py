"""A server in a network without a way in, whose connector dials out: all that works through a dialled origin works through it."""

import json
import socket
import time

import pytest

from support import servers, stream
from support.clients import Client, Ssh, UNAVAILABLE, assert_fails
from support.connectors import HiddenServer, edge_for
from support.process import wait_until
from support.sessions import opened
from support.terminal_page import open_shell
from support.world import USER

MORE = {"browser_rendering": "ssh"}
# A connector of an edge that has come back attaches within three seconds; ssh itself takes a part of one.
BACK_SECONDS = 3 + 2


@pytest.fixture
def server(world):
    return HiddenServer(world, lambda origin: edge_for(world, origin, more_app=MORE))


@pytest.fixture
def client(world, server):
    client = Client(world, server.edge)
    client.login()
    return client


@pytest.fixture
def ssh(client):
    return Ssh(client, "match")


def test_ssh_and_scp_reach_it(world, server, ssh):
    assert ssh.run("id -un").ok().stdout.strip() == USER
    original, there, back = (world.path(name) for name in ("original", "there", "back"))
    original.write_bytes(b"".join(stream.blocks(3_000_000)))
    ssh.scp(original, f"{ssh.host}:{there}").ok()
    ssh.scp(f"{ssh.host}:{there}", back).ok()
    assert back.read_bytes() == original.read_bytes()
    with pytest.raises(OSError):
        socket.create_connection((server.cable.there, int(server.sshd.address.split(":")[1])), 2).close()


def test_the_exit_status_and_both_ends_of_a_command_come_back(ssh):
    assert ssh.run("exit 42").status == 42
    assert ssh.run("cat | wc -c", input=b"x" * 100_000).ok().stdout.strip() == "100000"


@pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")
def test_a_terminal_in_the_browser_reaches_it(server):
    page = open_shell(server.edge)
    page.type("echo here $((6 * 7))\n")
    page.shows("here 42")


def test_the_list_tells_of_its_tunnels(server, ssh):
    session = opened(ssh)

    def tunnels():
        lines = server.edge.command("connector", "list", "--json").ok().stdout.splitlines()
        return [sum(one["tunnels"] for one in json.loads(line)["attached"]) for line in lines]
    wait_until(lambda: tunnels() == [1], "the tunnel is listed")
    assert session.end() == 0
    wait_until(lambda: tunnels() == [0], "nor is it any more")


def test_an_edge_that_is_killed_has_its_connector_back(server, ssh):
    session = opened(ssh)
    server.edge.child.kill()
    assert session.end() != 0
    server.edge.start_again()
    begun = time.monotonic()
    assert ssh.run("echo back").ok().stdout == "back\n"
    assert time.monotonic() - begun < BACK_SECONDS


def test_a_revoked_connector_carries_nothing(server, ssh, client):
    session = opened(ssh)
    server.edge.command("connector", "revoke", "office", "--yes").ok()
    session.child.process.wait(5)
    assert session.end() != 0
    refused = client.tunnel()
    assert_fails(refused, UNAVAILABLE, "upgrade", "its connector is not attached: office")


def test_an_origin_outside_of_its_list_is_not_dialled(world, server, client):
    def to_another_port(config):
        config["applications"][0]["service"] = "tcp://127.0.0.1:1"
    server.edge.change(to_another_port)
    server.edge.reload()
    assert_fails(client.tunnel(), UNAVAILABLE, "upgrade", "the connector's list of origins does not name it")


def test_a_stopped_sshd_is_named(world, server, client):
    server.sshd.close()
    assert_fails(client.tunnel(), UNAVAILABLE, "upgrade", r"it refused the connection \(by the connector office\)")
