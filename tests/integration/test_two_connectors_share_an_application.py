"""Two machines, each with an sshd and a connector of one name, serve one application: they share its tunnels, and what one of them
loses, the other one goes on with."""

import re
import time

import pytest

from support import limits
from support.clients import Client, Ssh
from support.connectors import HiddenServer, edge_for, listed
from support.process import wait_until
from support.sessions import opened

SESSIONS = 6
# Until the next tunnel is open, from the end of a connector on.
NEXT_SECONDS = 5 if limits.SANITIZED else 1
# sshd has given each machine's sessions a HOME of its own.
SAYS_WHERE = "echo open; echo $HOME; exec cat\n"


class Pair:
    def __init__(self, world):
        self.one = HiddenServer(world, lambda origin: edge_for(world, origin))
        self.edge = self.one.edge
        self.other = HiddenServer(world, lambda origin: self.edge, like=self.one)
        self.client = Client(world, self.edge)
        self.client.login()
        self.ssh = Ssh(self.client, "match")

    def session(self):
        """(an open session, the server that it is at)"""
        session = opened(self.ssh, script=SAYS_WHERE)
        home = session.read_line().strip()
        return session, next(one for one in (self.one, self.other) if str(one.sshd.state / "home") == home)


@pytest.fixture
def pair(world):
    return Pair(world)


def test_they_share_the_load_and_one_stands_in_for_the_other(pair):
    sessions = [pair.session() for _ in range(SESSIONS)]
    lost = [session for session, server in sessions if server is pair.one]
    kept = [session for session, server in sessions if server is pair.other]
    assert len(lost) == len(kept) == SESSIONS / 2
    wait_until(lambda: listed(pair.edge) == {"office": [(2, SESSIONS // 2)] * 2}, "both are listed with what they carry")

    pair.one.connector.kill()
    killed = time.monotonic()
    assert pair.client.banner().startswith("SSH-2.0-")
    assert time.monotonic() - killed < NEXT_SECONDS
    for session in lost:
        assert session.end() != 0
        assert re.search(r"^cfpipe: tunnel: the server's connection broke off", session.stderr.text, re.MULTILINE), session.stderr.text
    session, server = pair.session()
    assert server is pair.other
    assert all(one.answers() for one in kept) and session.answers()

    # The one that comes back has the least to do.
    pair.one.connector.start()
    again = [pair.session() for _ in range(2)]
    assert [server for _, server in again] == [pair.one, pair.one]
    assert all(one.answers() for one in (*kept, session))
    for one in (*kept, session, *(new for new, _ in again)):
        assert one.end() == 0, one.stderr.text
    wait_until(lambda: listed(pair.edge) == {"office": [(2, 0)] * 2}, "no tunnel is counted any more")
