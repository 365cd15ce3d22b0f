"""Fixtures of the integration tests. What the client does is checked against two edges that share no code."""

import os
import socket

import pytest

from support.clients import Client, Ssh
from support.edges import Edge, PROGRAMS
from support.process import adopt_orphans
from support.servers import Sshd
from support.world import World

EDGES = sorted(PROGRAMS)

adopt_orphans()

# Programs that tests start without an environment of their own speak English, and know none of the user's keys.
# What a proxy of this machine is for, npm's packages, is not on loopback.
os.environ.update(LC_ALL="C.UTF-8", TZ="UTC", no_proxy="localhost,127.0.0.1", NO_PROXY="localhost,127.0.0.1")
os.environ.pop("SSH_AUTH_SOCK", None)
os.environ.pop("LANGUAGE", None)


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed_call = outcome.get_result().failed


@pytest.fixture
def world(request):
    world = World()
    yield world
    failed = getattr(request.node, "failed_call", True)
    wrong = world.close()
    if failed or wrong:
        for title, text in world.logs():
            request.node.add_report_section("teardown", title, text)
    if (failed or wrong) and os.environ.get("CFPIPE_TEST_KEEP"):
        print(f"everything of this test is in {world.directory}")
    else:
        world.remove()
    assert not wrong, "\n".join(wrong)


@pytest.fixture(params=EDGES)
def kind(request):
    """Which edge: `own` or `mock`."""
    return request.param


@pytest.fixture
def sshd(world):
    return Sshd(world)


@pytest.fixture
def edge(world, kind, sshd):
    """An edge in front of sshd, which trusts that edge's certificates and nothing else."""
    edge = Edge(world, kind, sshd.address)
    sshd.trust(edge.ssh_ca())
    return edge


@pytest.fixture
def client(world, edge):
    """A client that has not logged in yet."""
    return Client(world, edge)


@pytest.fixture
def user(client):
    """A client that has logged in."""
    client.login()
    return client


@pytest.fixture(params=["match", "agent"])
def ssh(request, user):
    """OpenSSH with the configuration that `ssh-config` prints, in both of the styles that need no second ssh."""
    return Ssh(user, request.param)


@pytest.fixture
def misbehaving(world, sshd):
    """A client (logged in, unless the fault is in the way of that) of an independent edge with the given faults."""
    def start(*faults, login=True):
        edge = Edge(world, "mock", sshd.address, faults=faults)
        sshd.trust(edge.ssh_ca())
        client = Client(world, edge)
        if login:
            client.login()
        return client
    return start


@pytest.fixture
def nobody_listens():
    """A port that is taken, so that no other program gets it, and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
