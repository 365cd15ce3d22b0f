"""A state directory on a disk that is full: rows of the audit wait in the spool and follow, also after a restart; where nothing
keeps them, nothing new is granted, unless the configuration says otherwise."""

import contextlib
import http.client
import json
import os
import subprocess

import pytest

from support import limits
from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.origin import Origin
from support.process import wait_until
from support.supervised import Supervised, Tunnel

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
MIB = 2**20
pytestmark = pytest.mark.skipif(os.getuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0,
                                reason="only root can mount a small disk")


class Disk:
    """A file system of its own for the state of the one edge of this world."""

    def __init__(self, world, size):
        self.path = world.path("edge-configured-1")
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "cfpipe-test", self.path], check=True)
        self.filler = self.path / "filler"

    def fill(self):
        with open(self.filler, "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"\0" * 4096)

    def make_room(self):
        self.filler.unlink()

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True)


class Scene:
    def __init__(self, world, size, audit=None):
        self.disk = world.closing(Disk(world, size))
        origin = world.closing(Origin(lambda connection, events: connection.sendall(b"banner\r\n")))
        more = {"admin_listen": "127.0.0.1:0", **({"audit": audit} if audit else {})}
        self.edge = ConfiguredEdge(world, origin.address, POLICIES, more=more)
        assert self.edge.state == self.disk.path
        self.client = Client(world, self.edge)
        self.client.login()

    def get(self, path):
        port = int(self.edge.child.stderr.wait_for(r"metrics at http://127\.0\.0\.1:(\d+)/metrics").group(1))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limits.COMMAND_DEADLINE)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def metric(self, name):
        lines = self.get("/metrics")[1].splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"cfpipe_edge_{name} ")))

    def kinds(self, *wanted):
        return [row["kind"] for row in self.edge.audit() if row["kind"] in wanted]

    def refused(self):
        finished = self.client.run("access", "ssh", "--hostname", self.edge.host())
        assert finished.status != 0, finished
        return finished.stderr


def test_rows_wait_in_the_spool_and_follow(world):
    scene = Scene(world, 16 * MIB)
    scene.disk.fill()
    for _ in range(3):
        assert scene.client.banner() == "banner\r\n"
    wait_until(lambda: scene.metric("audit_spooled_rows") == 6, "the spool has the tunnels' beginnings and ends")
    assert scene.kinds("tunnel_open", "tunnel_close") == []
    status, text = scene.get("/readyz")
    assert status == 200 and text.startswith("ready, but 6 rows of the audit wait"), text
    assert scene.metric("audit_recording") == 1 and scene.metric("audit_failures_total") == 0
    scene.disk.make_room()
    wait_until(lambda: scene.metric("audit_spooled_rows") == 0, "the state has them")
    rows = [row for row in scene.edge.audit() if row["kind"].startswith("tunnel_")]
    assert [row["kind"] for row in rows] == ["tunnel_open", "tunnel_close"] * 3
    for opened, closed in zip(rows[::2], rows[1::2]):
        assert opened["tunnel"] == closed["tunnel"] == opened["id"]
    assert scene.get("/readyz") == (200, "ready\n")


def test_rows_of_the_spool_follow_after_a_restart(world):
    scene = Scene(world, 16 * MIB)
    scene.disk.fill()
    assert scene.client.banner() == "banner\r\n"
    wait_until(lambda: scene.metric("audit_spooled_rows") == 2, "the spool has both rows")
    scene.edge.child.process.kill()
    scene.edge.child.wait()
    scene.disk.make_room()
    scene.edge.child = world.start(scene.edge.child.argv)
    scene.edge.port = scene.edge.child.ready_port()
    wait_until(lambda: scene.kinds("tunnel_open", "tunnel_close") == ["tunnel_open", "tunnel_close"], "the rows have followed")


def test_restarts_while_the_disk_is_full_lose_no_row(world):
    """Three processes, each with rows that wait: beginnings of tunnels in the one's spool, their ends in another's or later."""
    disk = world.closing(Disk(world, 32 * MIB))
    supervised = Supervised(world)
    assert supervised.edge.state == disk.path
    client = Client(world, supervised.edge)
    client.login()
    tunnels = [Tunnel(client)]  # recorded before the disk is full
    assert tunnels[0].answers(b"before")
    disk.fill()
    for number in range(3):
        tunnels.append(Tunnel(client))
        assert tunnels[-1].answers(b"of process %d" % number)
        if number < 2:
            supervised.replace()
    for tunnel in tunnels[:2]:
        assert tunnel.end() == 0
    def rows(*kinds):
        return [row for row in supervised.edge.audit() if row["kind"] in kinds]
    assert len(rows("tunnel_open", "tunnel_close")) == 1
    disk.make_room()
    for tunnel in tunnels[2:]:
        assert tunnel.end() == 0
    wait_until(lambda: len(rows("tunnel_close")) >= 4, "all have followed")
    opened, closed = rows("tunnel_open"), rows("tunnel_close")
    assert len(opened) == len(closed) == 4
    assert sorted(row["tunnel"] for row in closed) == sorted(row["id"] for row in opened)
    assert rows("audit_gap") == []
    def copied():
        lines = world.path("audit.jsonl").read_text().splitlines()
        return sorted(row["id"] for row in map(json.loads, lines) if row["kind"].startswith("tunnel_"))
    wait_until(lambda: len(copied()) >= 8, "the copy has all of them")
    assert copied() == sorted(row["id"] for row in opened + closed)


def test_nothing_is_granted_that_nothing_keeps(world):
    scene = Scene(world, 3 * MIB)  # too small for the spool
    assert scene.client.banner() == "banner\r\n"
    scene.disk.fill()
    scene.refused()  # whose row was the first that was lost
    assert "cannot keep its records" in scene.refused()
    status, text = scene.get("/readyz")
    assert status == 503 and text.startswith("nothing new is granted"), text
    assert scene.get("/healthz")[0] == 200
    assert scene.metric("audit_recording") == 0 and scene.metric("audit_failures_total") > 0
    scene.disk.make_room()
    wait_until(lambda: scene.get("/readyz")[0] == 200, "it is ready again")
    assert scene.client.banner() == "banner\r\n"
    assert scene.kinds("audit_gap") == ["audit_gap"]


def test_access_goes_on_where_the_configuration_says_so(world):
    scene = Scene(world, 3 * MIB, audit={"on_failure": "continue"})
    scene.disk.fill()
    for _ in range(2):
        assert scene.client.banner() == "banner\r\n"
    wait_until(lambda: scene.metric("audit_failures_total") == 4, "the lost rows are counted")
    assert scene.get("/readyz")[0] == 200
