"""A connector is killed again and again while people come and go: each command works or says why it did not, and afterwards the edge
holds what is attached and nothing else."""

import concurrent.futures
import os
import re

import pytest

from support import limits
from support.clients import Client, ERROR_LINE, LOST, Ssh, UNAVAILABLE
from support.connectors import Connector, edge_for, listed
from support.process import wait_until

KILLS, COMMANDS, WORKERS = 10, 120, 4
SSH_LOST = 255  # ssh's own


@pytest.fixture
def edge(world, sshd):
    edge = edge_for(world, sshd.address)
    sshd.trust(edge.ssh_ca())
    return edge


@pytest.fixture
def client(world, edge):
    client = Client(world, edge)
    client.login()
    return client


def descriptors(edge):
    return len(os.listdir(f"/proc/{edge.child.pid}/fd"))


def test_each_command_works_or_is_told_why(world, sshd, edge, client):
    connector = Connector(world, edge, [sshd.address])
    # With style agent, an ssh that has asked another one's client for its signature loses that with the client's tunnel.
    ssh = Ssh(client, "match")

    def by_ssh(number):
        done = ssh.run(f"echo {number}")
        return done, done.stdout == f"{number}\n", (SSH_LOST,)

    def by_tunnel(number):
        """Whose input ends at once: sshd says who it is, and hangs up."""
        done = client.tunnel()
        return done, done.stdout.startswith("SSH-2.0-"), (UNAVAILABLE, LOST)

    for command in (by_ssh, by_tunnel):
        assert command(0)[1]
    wait_until(lambda: listed(edge) == {"office": [(2, 0)]}, "nothing is open")
    wait_until(lambda: sum(row["kind"] == "tunnel_close" for row in edge.audit()) == 2, "both have ended")
    before = descriptors(edge)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        commands = [workers.submit((by_ssh, by_tunnel)[number % 2], number) for number in range(COMMANDS)]
        for kill in range(1, KILLS + 1):
            wanted = kill * COMMANDS // (KILLS + 1)
            wait_until(lambda: sum(one.done() for one in commands) >= wanted, f"{wanted} are done", limits.TRANSFER_DEADLINE)
            connector.kill()
            connector.start()
        results = [one.result() for one in commands]

    for done, worked, statuses in results:
        if done.status == 0:
            assert worked, done
        else:
            assert done.status in statuses, done
            assert any(ERROR_LINE.fullmatch(line) for line in done.stderr.splitlines()), done
    assert sum(worked for _, worked, _ in results) > COMMANDS / 2
    assert connector.attached() >= KILLS + 1

    wait_until(lambda: listed(edge) == {"office": [(2, 0)]}, "what is attached is listed, and no tunnel counts any more")
    rows = [row["kind"] for row in edge.audit()]
    assert rows.count("tunnel_open") == rows.count("tunnel_close")
    wait_until(lambda: descriptors(edge) == before, f"{before} descriptors are open, as before")
    assert not re.search(r"^\S+ (critical|error) ", edge.child.stderr.text, re.MULTILINE), edge.child.stderr.text
