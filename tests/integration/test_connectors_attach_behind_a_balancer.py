"""A connector attaches through HAProxy that passes its connection on, and through programs that end TLS in front of the edge: it is
listed with its own address, carries sessions, is revoked and drains. Over HTTP/2 to the edge it does not, and its log says so."""

import json
import re
import signal
import urllib.request

import pytest

from support.balancers import EdgeBehind, EdgeInTheClear, put_haproxy_in_front, put_in_front
from support.cable import Cable
from support.clients import Client, Ssh
from support.connectors import ALLOW, Connector
from support.process import wait_until
from support.sessions import opened

FAILURES = 8
NO_NEW_ONES = "its connector is not attached|its connector takes no more tunnels|the connector is stopped or restarted"
# This HAProxy answers by itself: an upgrade to anything but a WebSocket has no form in HTTP/2 there.
REFUSED = "attach: the edge's answer makes no sense here: {} (status 501)"
# That end TLS and pass an upgrade on.
every_proxy = pytest.mark.parametrize("proxy", ["haproxy", "nginx", "caddy"])
LARGE = "x" * 1_000_000


def peers(edge):
    rows = [json.loads(line) for line in edge.command("connector", "list", "--json").ok().stdout.splitlines()]
    return sorted(run["peer"] for row in rows for run in row["attached"])


def in_the_clear(world, sshd, proxy):
    edge = EdgeInTheClear(world, sshd.address, ALLOW, proxy, more_app={"connector": "office"})
    sshd.trust(edge.ssh_ca())
    put_in_front(edge, proxy)
    return edge


def test_one_that_passes_connections_on_says_where_they_come_from(world, sshd):
    cable = Cable(world)
    edge = EdgeBehind(world, sshd.address, ALLOW, more_app={"connector": "office"})
    put_haproxy_in_front(edge, too=[cable.here])
    Connector(world, edge, ["127.0.0.1:22"], "attic", cable.inside, f"{cable.here}:{edge.front_port}")
    wait_until(lambda: peers(edge) == [cable.there], "it is listed with its address")
    assert edge.wait_for_audit("connector_attached")["peer"] == cable.there
    Connector(world, edge, [sshd.address])
    client = Client(world, edge)
    client.login()
    assert client.banner().startswith("SSH-2.0-")
    wait_until(lambda: peers(edge) == sorted([cable.there, "127.0.0.1"]), "so is the other one")


@every_proxy
def test_sessions_go_through_one_that_ends_tls(world, sshd, proxy):
    edge = in_the_clear(world, sshd, proxy)
    connector = Connector(world, edge, [sshd.address])
    wait_until(lambda: peers(edge) == ["127.0.0.1"], "it is listed with its address")
    assert edge.wait_for_audit("connector_attached")["peer"] == "127.0.0.1"
    client = Client(world, edge)
    client.login()
    ssh = Ssh(client, "match")
    assert ssh.run("cat", input=LARGE.encode()).ok().stdout == LARGE
    assert connector.tunnels() == 1
    edge.command("connector", "revoke", "office").ok()
    wait_until(lambda: "the edge refuses this connector" in connector.child.stderr.text, "it is told that it was revoked")
    wait_until(lambda: peers(edge) == [], "it is listed no more")


@every_proxy
def test_one_that_drains_behind_one_that_ends_tls_keeps_its_sessions(world, sshd, proxy):
    edge = in_the_clear(world, sshd, proxy)
    connector, client = Connector(world, edge, [sshd.address]), Client(world, edge)
    client.login()
    session = opened(Ssh(client, "match"))
    connector.child.process.send_signal(signal.SIGTERM)
    wait_until(lambda: re.search(NO_NEW_ONES, client.tunnel().stderr), "it takes no new ones")
    assert session.answers()
    assert session.end() == 0, session.stderr.text
    assert connector.child.wait() == 0


def test_one_that_speaks_http2_to_the_edge_is_pointed_out_once(world, sshd):
    edge = in_the_clear(world, sshd, "haproxy-http2")
    config = world.path("connector.yaml")
    config.write_text("metrics: 127.0.0.1:0\n")
    connector = Connector(world, edge, [sshd.address], more=["--config", config], starts=False)
    connector.start_alone()
    metrics = connector.child.stderr.wait_for(r"metrics at (\S+)").group(1)

    def failures():
        with urllib.request.urlopen(metrics) as answer:
            return int(re.search(r"^cfpipe_connector_connection_failures_total (\d+)", answer.read().decode(), re.MULTILINE).group(1))
    wait_until(lambda: failures() >= FAILURES, "it has tried some times")
    said = [line for line in connector.child.stderr.text.splitlines() if "not attached" in line]
    assert len(said) == 1 and REFUSED.format(edge.auth_domain) in said[0], said
    assert connector.attached() == 0
