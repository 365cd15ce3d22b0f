"""cfpipe-connector through what happens to an edge and a network: drains, silence, outages, refusals, and its own end."""

import json
import signal
import subprocess
import time

import pytest

from support import origin as origins
from support.cable import IP, Cable
from support.connector_fixtures import connector, edge  # fixtures
from support.process import wait_until

# A peer that is silent counts as dead after this many seconds; an edge that has come back is attached to again within so many.
DEAD_SECONDS = 10
BACK_SECONDS = 3
SLACK_SECONDS = 2
RETRY_AFTER_SECONDS = 3


@pytest.fixture
def echo(world):
    return world.closing(origins.Origin(origins.echo))


def test_a_drained_connection_is_replaced_and_its_tunnels_go_on(edge, connector, echo):
    connector.start(origins=[echo.address])
    old = edge.attached(2)[0]
    tunnel = old.open(authority=echo.address)
    tunnel.send(b"before")
    tunnel.wait_for(6)
    old.go_away()
    connector.said("drains a connection; its tunnels go on")
    new = edge.attached(3)
    assert not old.over
    tunnel.send(b" and after", ends=True)
    assert tunnel.to_the_end() == b"before and after"
    assert new[2].open(authority=echo.address).status == 200
    old.wait_over()


def test_a_silent_edge_is_noticed_and_dialled_again(edge, connector, echo):
    connector.start(origins=[echo.address])
    links = edge.attached(2)
    tunnel = links[0].open(authority=echo.address)
    assert tunnel.status == 200
    links[0].silent = True
    begun = time.monotonic()
    links[0].wait_over()
    assert time.monotonic() - begun < DEAD_SECONDS + SLACK_SECONDS
    assert links[1].pings > 0 and not links[1].over
    edge.attached(2)
    # Another test may change this machine's network meanwhile, which is an occasion to look.
    connector.said("no sign of life|it does not answer")


def test_an_edge_that_was_killed_has_its_connector_back(edge, connector, echo):
    connector.start(origins=[echo.address])
    tunnel = edge.attached(2)[0].open(authority=echo.address)
    assert tunnel.status == 200
    edge.stop()
    connector.said("not attached: tcp: the connection was refused")
    edge.start()
    begun = time.monotonic()
    again = edge.attached(2)
    assert time.monotonic() - begun < BACK_SECONDS
    assert again[0].open(authority=echo.address).status == 200


def test_another_connection_is_opened_when_all_are_busy(edge, connector, echo):
    connector.start("--extra-idle", "1", origins=[echo.address])
    tunnels = [link.open(authority=echo.address) for _ in range(75) for link in edge.attached(2)[:2]]
    assert {tunnel.status for tunnel in tunnels} == {200}
    third = edge.attached(3)[2]
    assert third.open(authority=echo.address).status == 200
    # And closed once it carries nothing any more, while the usual ones stay.
    for link in edge.attached(3):
        for stream in list(link.streams.values()):
            stream.reset()
    third.wait_over()
    assert third.terminated is not None and len(edge.attached(2)) == 2


def test_an_edge_that_takes_no_more_is_not_pestered(edge, connector, echo):
    connector.start(origins=[echo.address])
    links = edge.attached(2)
    edge.attach_status = 429
    asked = len(edge.attempts)
    tunnels = [link.open(authority=echo.address) for _ in range(90) for link in links]
    assert {tunnel.status for tunnel in tunnels} == {200}
    wait_until(lambda: len(edge.attempts) > asked, "it asks for another connection")
    assert links[0].open(authority=echo.address).status == 200
    assert len(edge.attempts) == asked + 1


def test_an_edge_that_asks_to_wait_is_left_alone(edge, connector):
    edge.attach_status, edge.retry_after = 503, RETRY_AFTER_SECONDS
    connector.start()
    wait_until(lambda: len(edge.attempts) == 2, "both connections ask")
    edge.attach_status, begun = None, time.monotonic()
    connector.said(r"not attached: .* \(status 503\).*; the next attempt is in 4 s")
    edge.attached(2)
    assert time.monotonic() - begun > RETRY_AFTER_SECONDS - 1


def test_young_connections_that_are_drained_are_no_failures(edge, connector):
    """Each failure would double the pause: that of the fourth is longer than one second."""
    def seconds_after_the_fourth():
        connector.start()
        for _ in range(4):
            youngest = edge.attached(2)[-1]
            begun = time.monotonic()
            youngest.go_away()
            youngest.wait_over()
            edge.attached(2)
        taken = time.monotonic() - begun
        connector.child.stop()
        wait_until(lambda: all(link.over for link in edge.links), "the connector is gone")
        return taken
    # A machine that is busy makes it later, nothing makes it sooner.
    assert any(seconds_after_the_fourth() < 1 for _ in range(3))


def test_a_revoked_connector_says_so_and_does_not_insist(edge, connector):
    connector.start()
    links = edge.attached(2)
    edge.revoke_all()
    for link in links:
        link.close()
    connector.said(r"error not attached: attach: the edge refuses this connector: auth\.localhost:\d+: the connector is unknown "
                   r"or was revoked \(status 403\); .* the next attempt is in 300 s")
    wait_until(lambda: len([a for a in edge.attempts if "cfpipe-signature" not in a]) == 4, "both were refused")
    once = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    assert "the edge refuses this connector" in once.failed(77).stderr
    # Another enrolment is tried at once.
    connector.enroll("--replace").ok()
    connector.child.process.send_signal(signal.SIGHUP)
    edge.attached(2)


@pytest.mark.parametrize("still_known", [True, False], ids=["still-known", "revoked"])
def test_an_enrolment_that_is_replaced_while_it_attaches_is_left(edge, connector, still_known):
    edge.holds = True
    connector.start()
    wait_until(lambda: len(edge.attempts) == 2, "both connections ask")
    [old] = edge.keys
    connector.enroll("--replace").ok()
    [new] = set(edge.keys) - {old}
    connector.child.process.send_signal(signal.SIGHUP)
    connector.said("reloaded: ")
    if not still_known:
        del edge.keys[old]
    edge.holds = False
    wait_until(lambda: [link.claim[0] for link in edge.links if link.settled and not link.over] == [new, new],
               "the new one is attached, and the old one is not")


@pytest.mark.parametrize("status, what, code", [(429, "the edge asks for fewer requests", 69), (503, "the edge cannot serve this", 69),
                                                (404, "the edge's answer makes no sense here", 76)])
def test_other_refusals_are_named(edge, connector, status, what, code):
    edge.attach_status = status
    done = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    assert what in done.failed(code).stderr


@pytest.mark.parametrize("challenge", ["", "two words", "x" * 3000])
def test_no_challenge_is_signed_that_is_none(edge, connector, challenge):
    edge.challenge = challenge
    done = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    assert "the edge sent no challenge" in done.failed(76).stderr
    assert not any("cfpipe-signature" in attempt for attempt in edge.attempts)


def test_another_upgrade_is_not_taken(edge, connector):
    edge.protocol = "websocket"
    done = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    assert "the upgrade was answered wrongly" in done.failed(76).stderr


def test_garbage_behind_the_upgrade_ends_that_connection_alone(edge, connector):
    edge.behind = b"\xff\x00garbage" * 400
    connector.start()
    connector.said("a connection to .* is over: ")
    edge.behind = b""
    assert len(edge.attached(2)) >= 2
    assert connector.child.process.poll() is None


def test_http2_may_begin_in_the_same_write_as_the_upgrade(edge, connector, echo):
    edge.behind = None
    connector.start(origins=[echo.address])
    assert edge.attached(2)[0].open(authority=echo.address).status == 200


def test_tunnels_may_end_before_it_does(edge, connector, echo):
    connector.start(origins=[echo.address])
    link = edge.attached(2)[0]
    tunnel = link.open(authority=echo.address)
    assert tunnel.status == 200
    connector.child.process.send_signal(signal.SIGTERM)
    wait_until(lambda: link.terminated is not None, "GOAWAY")
    tunnel.send(b"still there", ends=True)
    assert tunnel.to_the_end() == b"still there"
    assert connector.child.wait() == 0


def test_without_tunnels_it_ends_at_once(edge, connector):
    connector.start()
    edge.attached(2)
    begun = time.monotonic()
    assert connector.child.stop() == 0
    assert time.monotonic() - begun < SLACK_SECONDS


def test_tunnels_are_reset_when_their_time_is_up(world, edge, connector, echo):
    config = world.path("connector.yaml")
    config.write_text("drain: 1s\n")
    connector.start(config=config, origins=[echo.address])
    tunnel = edge.attached(2)[0].open(authority=echo.address)
    assert tunnel.status == 200
    assert connector.child.stop() == 0
    assert tunnel.wait_reset() == 8 and not tunnel.ended


def test_a_second_signal_ends_it_at_once(edge, connector, echo):
    connector.start(origins=[echo.address])
    link = edge.attached(2)[0]
    assert link.open(authority=echo.address).status == 200
    connector.child.process.send_signal(signal.SIGTERM)
    wait_until(lambda: link.terminated is not None, "GOAWAY")
    begun = time.monotonic()
    assert connector.child.stop() == 0
    assert time.monotonic() - begun < SLACK_SECONDS


def test_a_reload_takes_another_list(world, edge, connector, echo):
    config = world.path("connector.yaml")
    config.write_text("origins: ['127.0.0.1:1']\n")
    connector.start(config=config)
    link = edge.attached(2)[0]
    assert link.open(authority=echo.address).fault == "not-allowed"
    config.write_text(f"origins: ['{echo.address}']\n")
    connector.child.process.send_signal(signal.SIGHUP)
    connector.said("reloaded: tunnels may lead to " + echo.address)
    tunnel = link.open(authority=echo.address)
    assert tunnel.status == 200
    config.write_text("origins:\n- 127.1:22\n")
    connector.child.process.send_signal(signal.SIGHUP)
    connector.said(r"connector\.yaml:2: '127\.1:22' is no origin")
    connector.said("not reloaded")
    tunnel.send(b"goes on", ends=True)
    assert tunnel.to_the_end() == b"goes on"
    assert link.open(authority=echo.address).status == 200


def test_a_faulty_configuration_is_not_run(world, connector):
    config = world.path("connector.yaml")
    config.write_text("origins: [127.0.0.1:22]\norgins: [a:1]\n")
    done = connector.command("run", "--state", connector.state, "--config", config)
    assert f"{config}:2: unknown key 'orgins'" in done.failed(78).stderr


def test_a_change_of_the_network_is_an_occasion_to_look(world, edge, connector):
    cable = Cable(world)
    way = cable.relay(edge.port)
    argv = cable.inside(["cfpipe-connector", "run", "--state", connector.state, "--ca-file", edge.ca_file, "--connect-to", way])
    child = world.start(argv)
    links = edge.attached(2)
    before = [link.pings for link in links]
    subprocess.run(cable.inside([IP, "addr", "add", "198.18.77.9/32", "dev", "lo"]), check=True)
    child.stderr.wait_for("the network has changed")
    wait_until(lambda: all(link.pings > old for link, old in zip(links, before)), "a PING on each connection")
    assert not any(link.over for link in links)
    # A cable that is pulled, and another way: what does not answer is given up within three seconds.
    cable.pull()
    begun = time.monotonic()
    subprocess.run(cable.inside([IP, "addr", "add", "198.18.77.10/32", "dev", "lo"]), check=True)
    child.stderr.wait_for("is over: it does not answer")
    assert time.monotonic() - begun < DEAD_SECONDS / 2
    assert child.stop() == 0


def test_the_service_manager_hears_when_it_is_attached(world, edge, connector):
    import socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(world.path("notify")))
        manager.settimeout(30)
        connector.start(env={**world.env, "NOTIFY_SOCKET": str(world.path("notify"))})
        heard = []
        while not heard or not heard[-1].endswith("2 connections, 0 tunnels"):
            heard.append(manager.recv(4096).decode())
        assert "READY=1" in heard
        assert heard[-1] == f"STATUS=attached to {edge.name} as office: 2 connections, 0 tunnels"
        assert connector.child.stop() == 0
        manager.setblocking(False)
        assert "STOPPING=1" in manager.recv(4096).decode()


def test_logs_are_json_where_they_are_asked_to_be(edge, connector):
    connector.start("--log-format", "json")
    edge.attached(2)
    assert connector.child.stop() == 0
    lines = [json.loads(line) for line in connector.child.stderr.text.splitlines()]
    assert {"time", "level", "message"} == set(lines[0])
    assert any(line["message"].startswith("attached to ") for line in lines)
