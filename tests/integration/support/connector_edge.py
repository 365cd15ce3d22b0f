"""An edge for connectors on Python's ssl and python-h2: enrolment, attach, and HTTP/2 with the edge as the client. It shares no
code with the programs, and what a connector signs is verified by openssl(1). Its methods may be called from the test's thread."""

import asyncio
import base64
import itertools
import json
import secrets
import ssl
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from support import limits
from support.process import wait_until

HOST = "auth.localhost"
PROTOCOL = "cfpipe-connector/1"
ATTACH = "/cdn-cgi/cfpipe/connector"
ENROL = ATTACH + "/enroll"
READ_BYTES = 65536
CONNECTION_WINDOW = 16 << 20  # more than what a stream that is not read holds
# What RFC 8410 has in front of the 32 bytes of an Ed25519 public key.
SPKI = bytes.fromhex("302a300506032b6570032100")


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def joined(*parts):
    """What is signed: each part with its length in front of it."""
    return b"".join(b"%d:%s" % (len(part), part) for part in (p if isinstance(p, bytes) else p.encode() for p in parts))


class Stream:
    """A tunnel, as the edge sees it."""

    def __init__(self, link, number):
        self.link, self.number = link, number
        self.headers, self.received = None, bytearray()
        self.ended, self.reset_code = False, None
        self.unread = 0  # bytes whose window has not been given back
        self.reads = True
        self.room = asyncio.Event()

    @property
    def status(self):
        wait_until(lambda: self.headers or self.reset_code is not None or self.link.over, "an answer to CONNECT")
        return int(self.headers[":status"]) if self.headers else None

    @property
    def fault(self):
        return self.status and self.headers.get("cfpipe-fault")

    def send(self, data, ends=False):
        self.link.edge.run(self.link.send(self, data, ends))

    def end(self):
        self.send(b"", ends=True)

    def reset(self, code=h2.errors.ErrorCodes.CANCEL):
        self.link.edge.run(self.link.reset(self, code))

    def wait_for(self, count):
        """The first so many bytes."""
        wait_until(lambda: len(self.received) >= count or self.ended or self.reset_code is not None, f"{count} bytes")
        return bytes(self.received[:count])

    def to_the_end(self):
        wait_until(lambda: self.ended or self.reset_code is not None or self.link.over, "the end of the stream",
                   limits.TRANSFER_DEADLINE)
        # A server that has answered may say that the rest of the request is of no use (RFC 9113 8.1).
        assert self.ended and self.reset_code in (None, h2.errors.ErrorCodes.NO_ERROR), f"reset: {self.reset_code}"
        return bytes(self.received)

    def wait_reset(self):
        wait_until(lambda: self.reset_code is not None or self.link.over, "a reset")
        return self.reset_code


class Link:
    """A connection of a connector that was attached."""

    def __init__(self, edge, reader, writer, claim):
        self.edge, self.reader, self.writer, self.claim = edge, reader, writer, claim
        # The library does not know a CONNECT that is plain (RFC 9113 8.5).
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.streams, self.over, self.settled, self.terminated = {}, False, False, None
        self.pings = 0
        self.silent = False

        if edge.window:
            codes = h2.settings.SettingCodes
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values={
                codes.INITIAL_WINDOW_SIZE: edge.window, codes.ENABLE_PUSH: 0})
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_WINDOW)

    async def serve(self):
        try:
            self.flush()
            while data := await self.reader.read(READ_BYTES):
                if self.silent:
                    continue
                for event in self.h2.receive_data(data):
                    self.handle(event)
                self.flush()
        except (OSError, h2.exceptions.ProtocolError) as error:
            self.edge.events.append(f"broken: {error!r}")
        finally:
            self.over = True
            for stream in self.streams.values():
                stream.room.set()
            self.writer.transport.abort()

    def flush(self):
        if not self.silent and (data := self.h2.data_to_send()):
            self.writer.write(data)

    def handle(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settled = True
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.terminated = event.last_stream_id
            # RFC 9113 6.8: open streams go on; the library believes that all is over.
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        if isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for waiting in self.streams.values():
                waiting.room.set()
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.received += event.data
            if stream.reads:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                stream.unread += event.flow_controlled_length
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset_code = event.error_code
            stream.room.set()

    def open(self, *head, method="CONNECT", authority="127.0.0.1:22", subject="alice@example.com", client="203.0.113.4",
             ends=False):
        """A request; a tunnel unless said otherwise."""
        fields = [(":method", method), (":authority", authority), *head]
        fields += [("cfpipe-subject", subject)] if subject is not None else []
        fields += [("cfpipe-client", client)] if client is not None else []
        return self.edge.run(self._open(fields, ends))

    async def _open(self, fields, ends):
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = stream = Stream(self, number)
        self.h2.send_headers(number, fields, end_stream=ends)
        self.flush()
        return stream

    async def send(self, stream, data, ends):
        """All of it, as the windows allow."""
        view = memoryview(data)
        while len(view) and stream.reset_code is None and not self.over:
            room = min(self.h2.local_flow_control_window(stream.number), self.h2.max_outbound_frame_size)
            if room <= 0:
                stream.room.clear()
                await stream.room.wait()
                continue
            self.h2.send_data(stream.number, bytes(view[:room]))
            view = view[room:]
            self.flush()
            await self.writer.drain()
        if ends:
            self.h2.end_stream(stream.number)
            self.flush()

    async def reset(self, stream, code):
        self.h2.reset_stream(stream.number, code)
        self.flush()

    def give_back(self, stream):
        """The window of what was not read so far, and of all that comes."""
        async def give():
            stream.reads = True
            self.h2.acknowledge_received_data(stream.unread, stream.number)
            stream.unread = 0
            self.flush()
        self.edge.run(give())

    def send_raw(self, data):
        async def put():
            self.writer.write(data)
        self.edge.run(put())

    def go_away(self):
        async def leave():
            self.h2.close_connection()
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            self.flush()
        self.edge.run(leave())

    def close(self):
        async def cut():
            self.writer.transport.abort()
        self.edge.run(cut())

    def wait_over(self, deadline=limits.COMMAND_DEADLINE):
        wait_until(lambda: self.over, "the connection is over", deadline)


class ConnectorEdge:
    """Listens on loopback as `host`. Behaves unless told otherwise: `raw_answer` answers everything, `attach_status` answers every attach, with `retry_after`; `challenge`, `behind`
    (bytes in the same write as the 101; None: the preface) and `protocol` replace what belongs there; `window` is each stream's; `holds`: no attach is answered."""

    def __init__(self, world, host=HOST):
        self.world, self.host = world, host
        certificate, key = world.certificate("connector-edge", host)
        self.ca_file = world.path("test-ca.pem")
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._tls.set_alpn_protocols(["http/1.1"])
        self.attach_status, self.challenge, self.behind, self.protocol, self.window = None, None, b"", PROTOCOL, None
        self.enrol_status, self.raw_answer, self.holds, self.retry_after = None, None, False, None
        self.offered = []  # ALPN protocols chosen
        self.tokens, self.keys, self.names = set(), {}, {}
        self.links, self.attempts, self.events = [], [], []
        self._files, self._loop = itertools.count(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port, self._server, self._writers = 0, None, set()
        self.start()
        world.closing(self)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(limits.TRANSFER_DEADLINE)

    @property
    def name(self):
        return f"{self.host}:{self.port}"

    def start(self):
        async def listen():
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]
        self.run(listen())

    def stop(self):
        """As a process that is killed: nothing is said to any connection."""
        async def die():
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
        self.run(die())

    def close(self):
        self.stop()

        async def end():
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(limits.GOODBYE_DEADLINE)
        self._loop.close()

    def new_token(self):
        """For one enrolment."""
        secret = unpadded(secrets.token_bytes(32))
        self.tokens.add(secret)
        return f"{self.name}/{secret}"

    def revoke_all(self):
        self.keys.clear()

    def attached(self, count=1, deadline=limits.COMMAND_DEADLINE):
        """The connections that are attached and have shown their SETTINGS, once there are so many."""
        def now():
            return [link for link in self.links if not link.over and link.settled]
        wait_until(lambda: len(now()) >= count, f"{count} connections attached; {self.events}", deadline)
        return now()

    # ---- one connection ----

    async def _accept(self, reader, writer):
        self._writers.add(writer)
        try:
            self.offered.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            nonce = None
            while request := await self._request(reader):
                method, path, headers, body = request
                if self.raw_answer is not None:
                    writer.write(self.raw_answer)
                    await writer.drain()
                    continue
                if (method, path) == ("POST", ENROL):
                    self._answer(writer, *self._enrolled(headers, body))
                    continue
                if (method, path) != ("GET", ATTACH) or headers.get("upgrade") != PROTOCOL:
                    self._answer(writer, 404, {}, b"")
                    continue
                self.attempts.append(headers)
                while self.holds:
                    await asyncio.sleep(0.01)
                link, nonce = self._attach(reader, writer, headers, nonce)
                if link:
                    self.links.append(link)
                    await link.serve()
                    return
        except (OSError, asyncio.IncompleteReadError) as error:
            self.events.append(f"connection: {error!r}")
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    @staticmethod
    async def _request(reader):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        return method, path, headers, body

    @staticmethod
    def _answer(writer, status, headers, body):
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        if status != 101:
            lines.append(f"Content-Length: {len(body)}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def verify(self, key, message, signature):
        """By openssl(1)."""
        stem = self.world.path(f"verify-{next(self._files)}")
        files = {kind: stem.with_suffix(kind) for kind in (".der", ".message", ".signature")}
        for kind, content in ((".der", SPKI + key), (".message", message), (".signature", signature)):
            files[kind].write_bytes(content)
        done = self.world.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files[".der"], "-rawin",
                               "-in", files[".message"], "-sigfile", files[".signature"]])
        return done.status == 0

    def _enrolled(self, headers, body):
        if self.enrol_status:
            return self.enrol_status, {"Cfpipe-Reason": "told to"}, b"{}"
        asked = json.loads(body)
        assert set(asked) == {"token", "key", "signature", "host", "version"}, asked
        if asked["token"] not in self.tokens:
            return 403, {"Cfpipe-Reason": "the enrolment token is unknown, was used, or has expired"}, b"{}"
        key = decoded(asked["key"])
        message = joined("cfpipe-connector-enroll-1", self.name, asked["token"], key)
        if headers["host"] != self.name or not self.verify(key, message, decoded(asked["signature"])):
            return 403, {"Cfpipe-Reason": "the signature is wrong"}, b"{}"
        self.tokens.remove(asked["token"])
        number = unpadded(secrets.token_bytes(12))
        self.keys[number], self.names[number] = key, asked["host"]
        return 200, {"Content-Type": "application/json"}, json.dumps({"id": number, "name": "office"}).encode()

    def _attach(self, reader, writer, headers, nonce):
        """(Link or None, the nonce that is asked to be signed)."""
        def refuse(status, reason="", **more):
            self._answer(writer, status, {"Cfpipe-Reason": reason, **more}, reason.encode())
        claim = [headers[name] for name in ("cfpipe-connector", "cfpipe-connector-instance", "cfpipe-connector-version")]
        if self.attach_status:
            refuse(self.attach_status, "told to", **({"Retry-After": self.retry_after} if self.retry_after else {}))
            return None, None
        if claim[0] not in self.keys:
            refuse(403, "the connector is unknown or was revoked")
            return None, None
        if "cfpipe-signature" not in headers:
            nonce = unpadded(secrets.token_bytes(24)) if self.challenge is None else self.challenge
            refuse(401, "sign the challenge", **{"Cfpipe-Challenge": nonce})
            return None, nonce
        message = joined("cfpipe-connector-attach-1", self.name, *claim, nonce or "")
        good = headers["cfpipe-nonce"] == nonce and headers["host"] == self.name
        if not good or not self.verify(self.keys[claim[0]], message, decoded(headers["cfpipe-signature"])):
            refuse(403, "the signature is wrong")
            return None, None
        link = Link(self, reader, writer, claim)
        behind = self.behind if self.behind is not None else link.h2.data_to_send()
        self._answer(writer, 101, {"Connection": "Upgrade", "Upgrade": self.protocol}, behind)
        return link, None
