"""cfpipe-edge as a service: what its manager is told, at whose socket the test listens, and the unit, as systemd sees it."""

import os
import shutil
import signal
import socket

import pytest

from support import limits
from support.bare_machine import BareMachine
from support.configured_edge import ConfiguredEdge
from support.origin import Origin

POLICIES = [{"name": "all", "decision": "allow", "include": [{"everyone": True}]}]


class Manager:
    def __init__(self, world):
        self.path = world.path("notify")
        self._socket = world.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._socket.bind(str(self.path))
        self._socket.settimeout(limits.READY_DEADLINE)

    def next(self, passing=("WATCHDOG=1",)):
        """The next thing that is said, but for signs of life."""
        while (said := self._socket.recv(4096).decode()) in passing:
            pass
        return said


@pytest.fixture
def manager(world):
    manager = Manager(world)
    world.env.update(NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="30000000")
    return manager


def test_the_manager_is_told_from_start_to_end(world, manager):
    edge = ConfiguredEdge(world, world.closing(Origin(lambda connection, events: None)).address, POLICIES)
    # The first is that of the program which made the TLS certificate.
    assert [manager.next() for _ in range(3)] == ["READY=1", "STOPPING=1", "READY=1"]
    assert manager.next(passing=()) == "WATCHDOG=1"
    os.kill(edge.child.pid, signal.SIGHUP)
    reloading, stamp = manager.next().split("\n")
    assert reloading == "RELOADING=1" and int(stamp.removeprefix("MONOTONIC_USEC=")) > 0
    assert manager.next() == "READY=1"
    edge.config.write_text("listen: nowhere")
    os.kill(edge.child.pid, signal.SIGHUP)
    assert manager.next().startswith("RELOADING=1") and manager.next() == "READY=1"
    os.kill(edge.child.pid, signal.SIGTERM)
    assert manager.next() == "STOPPING=1"
    assert edge.child.wait() == 0, edge.child.stderr.text


UNIT = "/usr/local/lib/systemd/system/cfpipe-edge.service"
SOCKET = "/usr/local/lib/systemd/system/cfpipe-edge.socket"
# Of systemd's measure of what a service could do to the machine, 0 to 100.
EXPOSURE = 20


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd to ask")
def test_the_unit_is_valid_and_shut_in(world):
    machine = BareMachine(world, [])
    machine.run(["cmake", "--install", limits.BUILD, "--prefix", "/usr/local"]).ok()
    machine.run(["systemd-sysusers"]).ok()
    account = machine.run(["getent", "passwd", "cfpipe-edge"]).ok().stdout.split(":")
    assert account[5] == "/var/lib/cfpipe" and account[6].strip().endswith("nologin"), account
    verified = machine.run(["systemd-analyze", "verify", UNIT, SOCKET]).ok()
    assert "cfpipe-edge" not in verified.stderr, verified
    machine.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", UNIT]).ok()
