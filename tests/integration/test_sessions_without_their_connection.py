"""What goes on while a session has lost its connection: limits, the end of a token, ends of its directions, streams for which there is
no room, and a server that waits no longer."""

import hashlib
import pathlib
import select
import threading

import pytest

from support import limits, origin as origins, stream
from support.breakable import BreakableWay
from support.clients import LOST, Client
from support.clocks import Clock
from support.configured_edge import ConfiguredEdge
from support.origin import Origin
from support.process import wait_until
from support.servers import Sshd
from support.supervised import EVERYBODY

SECONDS = 4
# A server that could not write for so long, in seconds, waits for room.
STANDS_STILL = 2
MUCH = 96 * limits.MIB
# What one direction may hold on its way while nothing arrives: the edge's replay buffer, what is under way, and the system's buffers.
HELD = 32 * limits.MIB


class Session:
    """`serve`: the server, or its address."""

    def __init__(self, world, serve, *more, clock=None, **edge):
        address = world.closing(Origin(serve)).address if callable(serve) else serve
        self.edge = ConfiguredEdge(world, address, EVERYBODY, **edge)
        self.client = Client(world, self.edge)
        self.client.login()
        # A tunnel that was asked for in early data ends with its connection until it has proven that it is no replay.
        for ticket in self.client.home.glob("*.tls-ticket"):
            ticket.unlink()
        self.way = BreakableWay(world, self.edge.port)
        self._log = world.path("client.log")
        self.child = self.client.start("access", "ssh", "--hostname", self.edge.host(), "--connect-to", self.way.place,
                                       "--log-file", self._log, *more, env=clock.env if clock else None)
        self._tells("is open")

    def _tells(self, what):
        wait_until(lambda: self._log.exists() and what in self._log.read_text(), f"the client's log says: {what}")

    def say(self, text):
        self.child.process.stdin.write(text)
        self.child.process.stdin.flush()

    def hears(self, text):
        return self.child.process.stdout.read(len(text)) == text

    def lose(self):
        self.way.break_now()
        self._tells("has lost its connection")


def test_its_limit_goes_on(world):
    session = Session(world, origins.echo, more_app={"session_limit": f"{SECONDS}s"})
    session.say(b"before")
    assert session.hears(b"before")
    session.lose()
    assert session.edge.wait_for_audit("tunnel_close")["reason"] == "the application's session_limit has been reached"
    session.way.mend()
    with session.child.process.stdout as output:
        assert output.read() == b""
    assert session.child.wait() == LOST
    assert "it could not be resumed: the edge cannot continue the session" in session.child.stderr.text


def test_a_token_that_has_ended_meanwhile_is_replaced_without_a_browser(world):
    clock = Clock(world)
    session = Session(world, origins.echo, clock=clock, run_by=clock.run(), more_app={"session_duration": "60s"})
    session.say(b"before")
    assert session.hears(b"before")
    session.lose()
    browsed = session.client.browser_runs()
    clock.set("+3m")
    session.way.mend()
    session.say(b"after")
    assert session.hears(b"after")
    assert session.client.browser_runs() == browsed and "the token was not accepted" not in session.child.stderr.text
    session.child.process.stdin.close()
    assert session.child.wait() == 0, session.child.stderr.text


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_each_direction_still_ends_by_itself(world, transport):
    session = Session(world, origins.answer_after_eof(3 * limits.MIB), "--transport", transport)
    session.say(b"question")
    session.lose()
    session.child.process.stdin.close()
    session.way.mend()
    assert stream.digest_of(session.child.process.stdout.read) == (stream.digest(3 * limits.MIB), 3 * limits.MIB)
    assert session.child.wait() == 0 and session.child.stderr.text == ""


def test_a_server_that_goes_on_speaking_waits_for_room(world):
    """And loses nothing."""
    said, asked, filled = [0], threading.Event(), threading.Event()

    def serve(connection, events):
        asked.wait(limits.COMMAND_DEADLINE)
        for block in stream.blocks(MUCH):
            if not select.select([], [connection], [], STANDS_STILL)[1]:
                filled.set()
            connection.sendall(block)
            said[0] += len(block)
    session = Session(world, serve)
    session.lose()
    asked.set()
    filled.wait(limits.COMMAND_DEADLINE)
    assert 0 < said[0] < HELD
    session.way.mend()
    assert stream.digest_of(session.child.process.stdout.read) == (stream.digest(MUCH), MUCH)
    session.child.process.stdin.close()
    assert session.child.wait() == 0


def test_a_client_that_goes_on_speaking_waits_for_room(world):
    """So does the program that writes to it, and nothing is lost."""
    session = Session(world, lambda connection, events: events.put(stream.digest_of(connection.recv)))
    session.lose()
    sent = hashlib.sha256()

    def send():
        for block in stream.blocks(MUCH):
            session.child.process.stdin.write(block)
            sent.update(block)
        session.child.process.stdin.close()
    sending = threading.Thread(target=send)
    sending.start()
    session.way.mend()
    sending.join()
    assert session.child.process.stdout.read() == b"" and session.child.wait() == 0
    assert sent.digest() == hashlib.sha256(b"".join(stream.blocks(MUCH))).digest()


@pytest.mark.parametrize("lost", [False, True])
def test_a_server_that_waits_no_longer_ends_it_as_ever(world, lost):
    """Who has not signed in within sshd's LoginGraceTime, with a connection or without."""
    sshd = Sshd(world)
    config = sshd.state / "sshd_config"
    config.write_text(config.read_text().replace("LoginGraceTime 60", "LoginGraceTime 1"))
    session = Session(world, sshd.address)
    assert session.child.process.stdout.readline().startswith(b"SSH-2.0-")
    if lost:
        session.lose()
    serving = pathlib.Path(f"/proc/{sshd.child.pid}/task/{sshd.child.pid}/children")
    wait_until(lambda: not serving.read_text(), "sshd gives up")
    session.way.mend()
    assert session.child.process.stdout.read() == b""
    session.child.process.stdin.close()
    assert session.child.wait() == 0 and session.child.stderr.text == ""
