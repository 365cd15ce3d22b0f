"""Our edge keeps a tunnel whose client has lost its connection, and the client comes back to it: not a byte is lost, and ssh and sshd
notice nothing."""

import os
import random
import re
import signal
import subprocess
import time

import pytest

from support import limits
from support.cable import Cable
from support.clients import CFPIPE, LOST, REFUSED, Client, Ssh
from support.configured_edge import ConfiguredEdge
from support.origin import Origin, echo
from support.process import wait_until
from support.supervised import EVERYBODY
from support.way import Way, answers, echoes_whole, end

TRANSFER = limits.MIB * (8 if limits.SANITIZED else 64)


@pytest.fixture
def way(world):
    return Way(world, world.closing(Origin(echo)).address, more={"admin_listen": "127.0.0.1:0"})


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_what_is_typed_during_the_break_arrives_behind_it(way, transport):
    child = way.start("--transport", transport)
    for number in range(3):
        assert answers(child, b"before %d" % number)
        way.way.break_now()
        child.process.stdin.write(b"during")
        child.process.stdin.flush()
        wait_until(lambda: "not resumed yet" in way.log(), "an attempt was made in vain")
        assert "cfpipe_edge_tunnels_detached 1\n" in way.metrics()
        wait_until(lambda: way.listed()["detached"], "the edge's commands see that the client is away")
        way.way.mend()
        assert child.process.stdout.read(6) == b"during"
        assert "cfpipe_edge_tunnels_detached 0\n" in way.metrics()
        wait_until(lambda: way.listed()["detached"] == "", "and that it is back")
        way.world.path("client.log").write_text("")
    assert end(child) == 0 and child.stderr.text == ""
    opened, resumed, closed = (way.rows(f"tunnel_{kind}") for kind in ("open", "resume", "close"))
    assert len(opened) == len(closed) == 1 and len(resumed) == 3
    assert {row["tunnel"] for row in resumed} == {opened[0]["id"]}
    assert re.search(r'cfpipe_edge_tunnels_resumed_total{application="vm.localhost"} 3\b', way.metrics())


def test_the_session_of_a_client_that_was_killed_makes_way_for_another(world):
    """It may come back, for all that the edge knows; but one is all that its person may have."""
    way = Way(world, world.closing(Origin(echo)).address, more={"admin_listen": "127.0.0.1:0", "limits": {"tunnels_per_user": 1}})
    killed = way.start()
    assert answers(killed, b"before")
    killed.kill()
    wait_until(lambda: "cfpipe_edge_tunnels_detached 1\n" in way.metrics(), "the edge waits for its client")
    other = way.start()
    assert answers(other, b"after")
    wait_until(lambda: way.rows("tunnel_close"), "the first has ended")
    [closed] = way.rows("tunnel_close")
    assert "its client had been away for longest" in closed["reason"]
    assert end(other) == 0 and other.stderr.text == ""


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_large_streams_are_whole_over_many_breaks(world, transport):
    random.seed(1)
    way = Way(world, world.closing(Origin(echo)).address, lambda: random.randrange(1, TRANSFER // 10))
    child = way.start("--transport", transport)
    assert echoes_whole(child, TRANSFER)
    assert child.wait() == 0, child.stderr.text
    assert way.way.breaks > 5


def test_a_shell_goes_on(world, sshd):
    way = Way(world, sshd.address, certificates={"principals": ["email_prefix"]})
    sshd.trust(way.edge.ssh_ca())
    ssh = Ssh(way.client, "match")
    ssh.config.write_text(ssh.config.read_text().replace(" --hostname ", f" --connect-to {way.way.place} --hostname "))
    shell = ssh.start("while read line; do echo \"said $line\"; done")
    for number in range(5):
        assert not number or shell.process.stdout.readline() == b"said %d\n" % (number - 1)
        shell.process.stdin.write(b"%d\n" % number)
        shell.process.stdin.flush()
        if number % 2:
            way.way.break_now()
            way.way.mend()
    assert shell.process.stdout.readline() == b"said 4\n"
    shell.process.stdin.close()
    with shell.process.stdout:
        assert shell.wait() == 0


def test_one_that_does_not_come_back_is_ended(world):
    way = Way(world, world.closing(Origin(echo)).address, more={"resume": "10s"})
    child = way.start()
    assert answers(child, b"before")
    way.way.break_now()
    row = way.edge.wait_for_audit("tunnel_close")
    assert row["reason"] == "the client has not come back within 10s"
    way.way.mend()
    with child.process.stdout as output:
        assert output.read() == b""
    assert child.wait() == LOST
    child.process.stdin.close()
    assert child.stderr.text.startswith("cfpipe: tunnel: the connection was lost: it could not be resumed: "), child.stderr.text


def test_what_was_revoked_meanwhile_is_not_resumed(way):
    child = way.start()
    assert answers(child, b"before")
    way.way.break_now()
    way.edge.command("revoke", "--email", way.edge.email).ok()
    assert way.edge.wait_for_audit("tunnel_close")["reason"] == "access was revoked"
    way.way.mend()
    with child.process.stdout as output:
        assert output.read() == b""
    assert child.wait() == REFUSED, child.stderr.text
    child.process.stdin.close()


@pytest.mark.parametrize("by", ["edge", "client"])
def test_either_end_may_have_it_otherwise(world, by):
    way = Way(world, world.closing(Origin(echo)).address, more={"resume": "off"} if by == "edge" else {})
    child = way.start(resume=by != "client")
    assert answers(child, b"before")
    way.way.break_now()
    way.way.mend()
    with child.process.stdout as output:
        assert output.read() == b""
    assert child.wait() == LOST and way.way.connections == 1
    child.process.stdin.close()
    assert way.edge.wait_for_audit("tunnel_close")["reason"] == "the client's connection was lost"


def test_an_edge_that_is_stopped_for_a_while_is_waited_for(way):
    child = way.start("--ping-interval", "1")
    assert answers(child, b"before")
    os.kill(way.edge.child.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: "has lost its connection" in way.log(), "the client has noticed")
    finally:
        os.kill(way.edge.child.pid, signal.SIGCONT)
    assert answers(child, b"after")
    assert end(child) == 0


class Laptop:
    """A client behind a cable, whose tunnel is open."""

    def __init__(self, world):
        self.cable, self.world = Cable(world), world
        self.edge = ConfiguredEdge(world, world.closing(Origin(echo)).address, EVERYBODY)
        client = Client(world, self.edge)
        client.login()
        argv = [CFPIPE, "access", "ssh", "--hostname", self.edge.host(), "--connect-to", self.cable.relay(self.edge.port), "--log-file",
                world.path("client.log")]
        self.child = world.start(self.cable.inside(argv), client.env, stdin=subprocess.PIPE, collect=False)
        assert answers(self.child, b"before")

    def log(self):
        return self.world.path("client.log").read_text()


def test_another_address_is_gone_over_to_at_once(world):
    laptop = Laptop(world)
    for _ in range(3):  # pings and acknowledgements between
        assert answers(laptop.child, b"still")
    laptop.cable.move()
    began = time.monotonic()
    assert answers(laptop.child, b"after")
    took = time.monotonic() - began
    assert took < (10 if limits.SANITIZED else 3), laptop.log()
    assert len([row for row in laptop.edge.audit() if row["kind"] == "tunnel_resume"]) == 1
    assert end(laptop.child) == 0


def test_a_way_that_swallows_everything_is_left(world):
    laptop = Laptop(world)
    laptop.cable.pull()
    laptop.child.process.stdin.write(b"into the void")
    laptop.child.process.stdin.flush()
    wait_until(lambda: "has lost its connection" in laptop.log(), "the client has noticed", 20)
    laptop.cable.plug_in()
    assert laptop.child.process.stdout.read(13) == b"into the void"
    assert end(laptop.child) == 0
