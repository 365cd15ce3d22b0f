#!/usr/bin/python3
"""An HTTP/2 edge for the client's tests, on python3-h2: extended CONNECT (RFC 8441), a WebSocket in each stream, an origin
behind it. It shares no code with the client and stands in front of an edge that speaks HTTP/1.1 only: what comes over a
connection that has chosen that is passed on to the other edge as it is. Well-behaved unless told otherwise; see README.md.
"""

import argparse
import asyncio
import json
import pathlib
import ssl
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

import frames

READ_BYTES = 65536
# What one stream may hold for a peer that gives no window, in bytes: then the origin is not read.
HELD_BYTES = 4 * READ_BYTES
WINDOW_BYTES = 1 << 20


class Log:
    def __init__(self, path):
        self._file = open(path, "a", buffering=1)

    def write(self, event, **fields):
        self._file.write(json.dumps({"event": event, **fields}) + "\n")


class Tunnel:
    """One stream that was answered with 200, and its connection to the origin."""

    def __init__(self, connection, stream, reader, writer):
        self.connection, self.stream = connection, stream
        self.reader, self.writer = reader, writer
        self.frames = frames.Reader()
        self.down = 0
        self.held = bytearray()
        self.ends = False
        self.drained = asyncio.Event()
        self.task = asyncio.create_task(self._from_origin())

    async def _from_origin(self):
        faults = self.connection.faults
        try:
            while data := await self.reader.read(READ_BYTES):
                limit = faults.get("reset-after")
                if limit is not None:
                    data = data[: limit - self.down]
                self.down += len(data)
                self.send(frames.binary(data))
                while len(self.held) > HELD_BYTES:
                    self.drained.clear()
                    await self.drained.wait()
                if limit is not None and self.down == limit:
                    while self.held:
                        self.drained.clear()
                        await self.drained.wait()
                    return self.connection.reset(self, h2.errors.ErrorCodes.INTERNAL_ERROR)
        except OSError:
            pass
        self.send(frames.close(1000))
        self.ends = True
        self.connection.push(self)

    def send(self, data):
        self.held += data
        self.connection.push(self)

    async def to_origin(self, data):
        """What has come from the client; False at its end."""
        for opcode, payload in self.frames.feed(data):
            if opcode == frames.CLOSE:
                self.send(frames.close(1000))
                self.ends = True
                self.connection.push(self)
                return False
            if opcode == frames.PING:
                self.send(frames.pong(payload))
            elif opcode in (frames.BINARY, frames.CONTINUATION):
                self.writer.write(payload)
                await self.writer.drain()
        return True

    def close(self):
        self.task.cancel()
        self.writer.close()


class Connection:
    """One TLS connection that has chosen h2."""

    def __init__(self, peer, number, reader, writer):
        self.peer, self.number, self.reader, self.writer = peer, number, reader, writer
        self.faults, self.log = peer.faults, peer.log
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        codes = h2.settings.SettingCodes
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
            codes.ENABLE_CONNECT_PROTOCOL: 0 if "no-connect-protocol" in self.faults else 1,
            codes.INITIAL_WINDOW_SIZE: self.faults.get("window", WINDOW_BYTES),
            codes.MAX_CONCURRENT_STREAMS: self.faults.get("max-streams", 100),
        })
        self.tunnels = {}
        self.opened = 0

    async def run(self):
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(16 * WINDOW_BYTES)
        self.flush()
        try:
            while data := await self.reader.read(READ_BYTES):
                for event in self.h2.receive_data(data):
                    await self.handle(event)
                self.flush()
                await self.writer.drain()
        except (OSError, h2.exceptions.ProtocolError) as error:
            self.log.write("broken", connection=self.number, why=str(error))
            self.flush()
        finally:
            for tunnel in self.tunnels.values():
                tunnel.close()
            self.log.write("connection-over", connection=self.number)
            self.writer.close()

    def flush(self):
        if data := self.h2.data_to_send():
            self.writer.write(data)

    async def handle(self, event):
        tunnel = self.tunnels.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            await self.request(event.stream_id, dict(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            if "no-updates" not in self.faults:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif self.h2.remote_flow_control_window(event.stream_id) == 0:
                print(f"window spent: stream {event.stream_id}", file=sys.stderr, flush=True)
            if tunnel and not tunnel.ends:
                await tunnel.to_origin(event.data)
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)) and tunnel:
            self.log.write("stream-over", connection=self.number, stream=event.stream_id,
                           how="reset" if isinstance(event, h2.events.StreamReset) else "end")
            if isinstance(event, h2.events.StreamReset):
                self.tunnels.pop(event.stream_id).close()
        elif isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for held in list(self.tunnels.values()):
                self.push(held)

    async def request(self, stream, head):
        verdict = self.verdict(head)
        self.log.write("request", connection=self.number, stream=stream, method=head.get(":method"),
                       protocol=head.get(":protocol"), path=head.get(":path"), verdict=verdict)
        if verdict == "refuse":
            return self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        if verdict != 200:
            location = f"https://{head.get(':authority')}/cdn-cgi/access/login/x" if verdict == 302 else None
            fields = [(":status", str(verdict)), *([("location", location)] if location else [])]
            return self.h2.send_headers(stream, fields, end_stream=True)
        reader, writer = await asyncio.open_connection(*self.peer.origin)
        self.h2.send_headers(stream, [(":status", "200")])
        self.tunnels[stream] = Tunnel(self, stream, reader, writer)
        self.opened += 1
        if self.opened == self.faults.get("goaway-after"):
            self.h2.close_connection(last_stream_id=stream)
            # RFC 9113 6.8: streams up to the last one go on; the library believes that the connection is over.
            self.h2.state_machine.state = h2.connection.ConnectionState.SERVER_OPEN
            self.log.write("goaway", connection=self.number, last=stream)

    def verdict(self, head):
        """The status of the answer, or `refuse`: what a CONNECT is worth."""
        if self.peer.spend("refuse"):
            return "refuse"
        if self.peer.spend("login"):
            return 302
        if "status" in self.faults:
            return self.faults["status"]
        if head.get(":method") != "CONNECT" or head.get(":protocol") != "websocket":
            return 400
        if head.get(":scheme") != "https" or head.get("sec-websocket-version") != "13":
            return 400
        if head.get("cf-access-token") not in self.peer.tokens():
            return 302
        return 200

    def push(self, tunnel):
        """Sends what the windows let through."""
        if tunnel.stream not in self.tunnels:
            return
        try:
            while tunnel.held:
                room = min(self.h2.local_flow_control_window(tunnel.stream), self.h2.max_outbound_frame_size)
                if room <= 0:
                    break
                self.h2.send_data(tunnel.stream, bytes(tunnel.held[:room]))
                del tunnel.held[:room]
            if not tunnel.held:
                tunnel.drained.set()
                if tunnel.ends:
                    self.h2.end_stream(tunnel.stream)
                    self.tunnels.pop(tunnel.stream).close()
        except h2.exceptions.ProtocolError:  # the stream has gone meanwhile
            if self.tunnels.pop(tunnel.stream, None):
                tunnel.close()
        self.flush()

    def reset(self, tunnel, code):
        self.h2.reset_stream(tunnel.stream, code)
        self.tunnels.pop(tunnel.stream, None)
        tunnel.writer.close()
        self.flush()


class Peer:
    def __init__(self, options):
        self.faults = options.fault
        self.origin, self.edge = options.origin, options.edge
        self.home = pathlib.Path(options.tokens)
        self.log = Log(options.log)
        self._left = {name: self.faults.get(name, 0) for name in ("refuse", "login")}
        self._connections = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(options.certificate, options.key)
        self._tls.set_alpn_protocols(["http/1.1"] if "http1-only" in self.faults else ["h2", "http/1.1"])
        self._tasks = set()

    def spend(self, fault):
        """True as often as the fault says."""
        self._left[fault] -= 1
        return self._left[fault] >= 0

    def tokens(self):
        """The tokens that the client has been given."""
        return [path.read_text() for path in self.home.glob("*-token") if "org-token" not in path.name]

    async def accept(self, reader, writer):
        self._connections += 1
        chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        self.log.write("connection", connection=self._connections, alpn=chosen)
        if chosen == "h2":
            await Connection(self, self._connections, reader, writer).run()
        else:
            await self.pass_on(reader, writer)

    async def pass_on(self, reader, writer):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.set_alpn_protocols(["http/1.1"])
        edge_reader, edge_writer = await asyncio.open_connection(*self.edge, ssl=tls, server_hostname="vm.localhost")
        await asyncio.gather(copy(reader, edge_writer), copy(edge_reader, writer))

    async def serve(self, address):
        server = await asyncio.start_server(self.accept, *address, ssl=self._tls)
        print("ready 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()


async def copy(reader, writer):
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def fault(text):
    name, _, value = text.partition("=")
    return name, int(value or 1)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--listen", "--origin", "--edge"):
        parser.add_argument(name, type=address, required=True)
    for name in ("--certificate", "--key", "--tokens", "--log"):
        parser.add_argument(name, required=True)
    parser.add_argument("--fault", type=fault, action="append", default=[])
    options = parser.parse_args()
    options.fault = dict(options.fault)
    try:
        asyncio.run(Peer(options).serve(options.listen))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
