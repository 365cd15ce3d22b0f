"""Whatever system call fails in a listener: it does not start and says why, or it costs one connection at most."""

import contextlib
import re
import signal
import socket

import pytest

from support import limits, system_faults
from support.clients import CFPIPE, ERROR_LINE
from support.listener import read_all

REQUEST = b"".join(b"%07d\n" % i for i in range(2000))
CONNECTIONS = 3

pytestmark = system_faults.MARKS


@pytest.fixture
def user(world, kind):
    return system_faults.user_of_an_echo(world, kind)


def exchange(address):
    """Whether the request came back whole; what came back must be the beginning of it in any case."""
    host, port = address.rsplit(":", 1)
    received = b""
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), limits.COMMAND_DEADLINE) as connection:
        connection.settimeout(limits.COMMAND_DEADLINE)
        connection.sendall(REQUEST)
        connection.shutdown(socket.SHUT_WR)
        received = read_all(connection)
    assert REQUEST.startswith(received)
    return received == REQUEST


def listen(user, before):
    """A listener below `before`, which some connections are made to: which of them were whole (none: it did not start), its
    status, what it said."""
    argv = [*before, CFPIPE, "access", "tcp", "--hostname", user.edge.host(), "--url", "127.0.0.1:0"]
    child = user.world.start(argv, user.env)
    try:
        address = child.stderr.wait_for(r"^cfpipe: listening on (\S+)$").group(1)
    except AssertionError:
        return None, child.wait(), child.stderr.text
    whole = [exchange(address) for _ in range(CONNECTIONS)]
    return whole, child.stop(signal.SIGTERM), child.stderr.text


def test_a_listener_lives_on_or_says_why(user):
    log = user.world.path("recorded.trace")
    recorded, status, said = listen(user, system_faults.watching(log, system_faults.AS_CHILD))
    assert recorded == [True] * CONNECTIONS and status == 0, said
    lived = 0
    for fault in system_faults.faults_of(log):
        if fault.call in ("epoll_ctl", "fcntl", "write"):
            continue  # Boost.Asio looks at none of its pipe for signals, and these writes are its handler's
        whole, status, said = listen(user, fault.argv(user.world.path("fault.trace"), system_faults.AS_CHILD))
        errors = [line for line in said.splitlines() if ERROR_LINE.fullmatch(line)]
        if whole is None:
            assert status in system_faults.STATUSES and len(errors) == 1, (fault, status, said)
            continue
        assert status == 0, (fault, status, said)
        assert whole.count(False) <= 1, (fault, whole, said)
        assert not re.search("terminate|what\\(\\)", said), (fault, said)
        lived += 1
    assert lived > 20
