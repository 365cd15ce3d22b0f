"""What a connector of others' making does once it has attached: HTTP/2 by python-h2, of which the edge is the client."""

import collections
import select
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from support.connector import Connector

READ_BYTES = 1 << 16
# Hundreds of them wait at once.
threading.stack_size(512 * 1024)


class Tunnel:
    """A CONNECT of the edge."""

    def __init__(self, link, number, headers):
        self.link, self.number, self.headers = link, number, headers
        self.received, self.ended, self.reset = bytearray(), False, None
        self.waiting = bytearray()  # for windows
        self.ends = False


class Link(threading.Thread):
    """An attached connection, served by a thread of its own. `serve(tunnel, event)` is called on it with each event of a tunnel;
    what it answers is sent behind it. `window`: bytes that a tunnel may have been sent and not read."""

    def __init__(self, connector, serve, window=1 << 20):
        super().__init__(daemon=True)
        wire = connector.connect()
        answer = connector.attach(wire)
        assert answer.status == 101, answer
        self._tls, came = wire.raw()
        self._wakes, self._wake = socket.socketpair()
        self._out, self._acts = bytearray(), collections.deque()
        self.serve, self.tunnels, self.over = serve, {}, threading.Event()
        # python-h2 4.1 takes a CONNECT without :path and :scheme (RFC 9113 8.5) for a fault.
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_inbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
            **self.h2.local_settings, h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 24)
        self._hear(came)
        connector.world.closing(self)
        self.start()

    def run(self):
        try:
            while True:
                self._turn()
        except (OSError, ValueError, EOFError, h2.exceptions.ProtocolError):
            pass  # the edge has ended it, or the test has
        self.over.set()
        self._tls.close()

    def _turn(self):
        """TLS of one connection is for one thread."""
        self._out += self.h2.data_to_send()
        try:
            while self._out:
                del self._out[: self._tls.send(self._out)]
        except ssl.SSLWantWriteError:
            pass
        ready, _, _ = select.select([self._tls, self._wakes], [self._tls] if self._out else [], [],
                                    0 if self._tls.pending() else None)
        if self._wakes in ready:
            self._wakes.recv(READ_BYTES)
        while self._acts:
            self._acts.popleft()()
        try:
            data = self._tls.recv(READ_BYTES)
            if not data:
                raise EOFError
            self._hear(data)
        except ssl.SSLWantReadError:
            pass

    def _hear(self, data):
        if data:
            for event in self.h2.receive_data(data):
                self._take(event)

    def _take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.tunnels[event.stream_id] = Tunnel(self, event.stream_id, dict(event.headers))
        tunnel = self.tunnels.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.WindowUpdated):
            for one in [tunnel] if tunnel else list(self.tunnels.values()):
                self._flush(one)
        if not tunnel:
            return
        if isinstance(event, h2.events.DataReceived):
            tunnel.received += event.data
        elif isinstance(event, h2.events.StreamEnded):
            tunnel.ended = True
        elif isinstance(event, h2.events.StreamReset):
            tunnel.reset = event.error_code
        if isinstance(event, (h2.events.RequestReceived, h2.events.DataReceived, h2.events.StreamEnded, h2.events.StreamReset)):
            self.serve(tunnel, event)

    # For serve():
    def answer(self, tunnel, status=200, ends=False, **fields):
        headers = [(":status", str(status)), *((name.replace("_", "-"), value) for name, value in fields.items())]
        self.h2.send_headers(tunnel.number, headers, end_stream=ends)

    def send(self, tunnel, data, ends=False):
        tunnel.waiting += data
        tunnel.ends = tunnel.ends or ends
        self._flush(tunnel)

    def taken(self, tunnel, count):
        """Gives the window back."""
        self.h2.acknowledge_received_data(count, tunnel.number)

    def _flush(self, tunnel):
        while tunnel.waiting:
            room = min(self.h2.local_flow_control_window(tunnel.number), self.h2.max_outbound_frame_size, len(tunnel.waiting))
            if room <= 0:
                return
            self.h2.send_data(tunnel.number, bytes(tunnel.waiting[:room]))
            del tunnel.waiting[:room]
        if tunnel.ends:
            tunnel.ends = False
            self.h2.end_stream(tunnel.number)

    # From the test's thread:
    def act(self, what):
        """`what(h2)` on the link's thread, and what comes of it is sent."""
        self._acts.append(lambda: what(self.h2))
        self._wake.send(b"!")

    def write(self, data):
        """Bytes as they are."""
        def put():
            self._out += data
        self._acts.append(put)
        self._wake.send(b"!")

    def close(self):
        def leave():
            raise EOFError
        if not self.over.is_set():
            self._acts.append(leave)
            self._wake.send(b"!")
            self.join()


def echo(tunnel, event):
    """The origin says back what it is told, to the end."""
    if isinstance(event, h2.events.RequestReceived):
        tunnel.link.answer(tunnel)
    elif isinstance(event, h2.events.DataReceived):
        tunnel.link.send(tunnel, event.data)
        tunnel.link.taken(tunnel, event.flow_controlled_length)
    elif isinstance(event, h2.events.StreamEnded):
        tunnel.link.send(tunnel, b"", ends=True)


def enrolled(world, edge, name="office"):
    """A connector with its key, known to the edge."""
    token = edge.command("connector", "create", name, "--auth-domain", edge.auth_domain).ok().stdout.strip()
    made = Connector(world, edge)
    status, said = made.enroll(token)
    assert status == 200, said
    return made


class ManyConnectors:
    """So many idle connections at an edge of their own, and what each takes of its memory."""

    # As many as one connector may have (edge/connector/registry.h).
    PER_CONNECTOR = 32

    def __init__(self, world, edge, count):
        self.count = count
        self.links = collections.deque()
        self._attach(world, edge, self.PER_CONNECTOR)  # what the first ones take is the edge's own
        before = edge.child.resident_bytes()
        self._attach(world, edge, count)
        self.bytes_each = (edge.child.resident_bytes() - before) / count

    def _attach(self, world, edge, count):
        for first in range(0, count, self.PER_CONNECTOR):
            connector = enrolled(world, edge)
            for _ in range(min(self.PER_CONNECTOR, count - first)):
                self.links.append(Link(connector, echo))
