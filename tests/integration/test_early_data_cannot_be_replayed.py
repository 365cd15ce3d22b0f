"""An attacker replays the first flight of a client with its upgrade request: no tunnel opens."""

import json
import socket
import threading
import time

import pytest

from support import limits, origin
from support.clients import Client
from support.edges import Edge, PROGRAMS
from support.process import wait_until
from support.wire import FAR_ADDRESS, TRIES

HANDSHAKE_SECONDS = 10  # kHandshakeDeadline of the edge
BANNER = b"SSH-2.0-origin\r\n"


class Recorder:
    """Sits between client and edge. Keeps what each client says before it is answered; holds it back if told to."""

    def __init__(self, to, port):
        self._to = to
        self.flights = []
        self.hold = False
        self._listener = socket.create_server(("127.0.0.1", port))
        self._sockets = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._to)
            flight = {"bytes": b"", "answered": False}
            self.flights.append(flight)
            self._sockets += [client, server]
            for pump in (self._up, self._down):
                thread = threading.Thread(target=pump, args=(client, server, flight), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _up(self, client, server, flight):
        self._pump(client, server, lambda data: self._record(flight, data))

    def _record(self, flight, data):
        if not flight["answered"]:
            flight["bytes"] += data
        return not self.hold

    def _down(self, client, server, flight):
        def answered(_):
            flight["answered"] = True
            return True
        self._pump(server, client, answered)

    def _pump(self, source, sink, look):
        try:
            while data := source.recv(65536):
                if look(data):
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(limits.GOODBYE_DEADLINE)
        for one in self._sockets:
            one.close()


class Scene:
    """Client, recorder, edge and an origin that counts, and greets as sshd does."""

    def __init__(self, world):
        self.world = world
        self.reached = []
        self.origin = world.closing(origin.Origin(self._serve))
        for left in reversed(range(TRIES)):
            self.edge = Edge(world, "own", self.origin.address, address=FAR_ADDRESS)
            try:
                self.recorder = world.closing(Recorder((FAR_ADDRESS, self.edge.port), self.edge.port))
                break
            except OSError:  # another program has that port of 127.0.0.1
                self.edge.stop()
                if not left:
                    raise
        self.client = Client(world, self.edge)
        self.client.login()
        self.client.banner()

    def _serve(self, connection, events):
        self.reached.append(time.monotonic())
        connection.sendall(BANNER)
        while connection.recv(65536):
            pass

    def audit(self, kind):
        argv = [PROGRAMS["own"], "audit", "--json", "--state", self.edge.state]
        rows = [json.loads(line) for line in self.world.run(argv).ok().stdout.splitlines()]
        return [row for row in rows if row["kind"] == kind]

    def opened(self):
        return len(self.audit("tunnel_open")), len(self.reached)

    def play(self, flight):
        """Sends a recorded flight; returns once the edge has answered with a flight of its own."""
        player = socket.create_connection((FAR_ADDRESS, self.edge.port), limits.COMMAND_DEADLINE)
        player.sendall(flight)
        assert player.recv(65536)
        return player


@pytest.fixture
def scene(world):
    return Scene(world)


def carries_early_data(flight):
    """Records behind the ClientHello, the first of the flight, and the change of ciphers that goes with it."""
    kinds = []
    while flight:
        kinds.append(flight[0])
        flight = flight[5 + int.from_bytes(flight[3:5], "big"):]
    return kinds[:1] == [22] and 23 in kinds


def test_flight_that_the_edge_has_seen_opens_nothing_again(scene):
    scene.recorder.flights.clear()
    assert scene.client.banner() == BANNER.decode()
    flight = scene.recorder.flights[0]["bytes"]
    assert carries_early_data(flight)
    before = scene.opened()
    for _ in range(2):
        with scene.play(flight) as player:
            # Not only not at once: the edge is given the end, and says goodbye in its own time.
            player.shutdown(socket.SHUT_WR)
            while player.recv(65536):
                pass
    assert scene.opened() == before
    assert scene.client.banner() == BANNER.decode()
    assert scene.opened() == (before[0] + 1, before[1] + 1)


def test_flight_that_was_held_back_opens_one_tunnel_at_most_and_not_for_long(scene):
    """The first replay looks like the client itself until the handshake does not finish."""
    wait_until(lambda: len(scene.audit("tunnel_close")) == scene.opened()[0], "the tunnel that brought the ticket has ended")
    scene.recorder.flights.clear()
    scene.recorder.hold = True
    child = scene.client.start("access", "ssh", "--hostname", scene.edge.host())
    deadline = time.monotonic() + limits.COMMAND_DEADLINE
    while not (scene.recorder.flights and carries_early_data(scene.recorder.flights[0]["bytes"])):
        assert time.monotonic() < deadline, "the client said nothing"
        time.sleep(0.01)
    child.kill()
    flight = scene.recorder.flights[0]["bytes"]
    before = scene.opened()
    first = scene.play(flight)
    with first, scene.play(flight):
        start = time.monotonic()
        while len(scene.audit("tunnel_close")) < before[0] + 1:
            assert time.monotonic() - start < HANDSHAKE_SECONDS + limits.READY_DEADLINE, scene.audit("tunnel_open")
            time.sleep(0.2)
    assert scene.opened() == (before[0] + 1, before[1] + 1)
