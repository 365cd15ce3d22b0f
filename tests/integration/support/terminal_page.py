"""What the terminal's page says to the edge and hears from it, without a browser: frames over a WebSocket."""

import base64
import json
import os
import select
import socket
import ssl
import struct
import time

from support import limits, world as worlds
from support.configured_edge import ConfiguredEdge
from support.visitor import Web

ALLOW = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
PATH = "/cdn-cgi/access/terminal"


def edge_with_terminal(world, origin, **options):
    """An edge whose one application a browser gets a terminal of."""
    more = {"browser_rendering": "ssh", **options.pop("more_app", {})}
    return ConfiguredEdge(world, origin, options.pop("policies", ALLOW), more_app=more, **options)


def terminal_of(world, sshd, **options):
    """The same before an sshd that trusts its certificates."""
    edge = edge_with_terminal(world, sshd.address, **options)
    sshd.trust(edge.ssh_ca())
    return edge


def signed_in(edge, email=worlds.EMAIL):
    """A browser that may open the page."""
    web = Web(edge.ca_file)
    web.follow(web.submit(web.follow(edge.url()), email=email))
    assert "CF_Authorization" in web.cookies[edge.hosts[0]]
    return web


class Refused(Exception):
    """The edge did not open the WebSocket."""


class TerminalPage:
    """`origin`: what the browser says whose page it is; None: nothing."""

    def __init__(self, edge, web, session=None, origin="own"):
        host = edge.hosts[0]
        self._closed = False
        raw = socket.create_connection(("127.0.0.1", edge.port), timeout=limits.READY_DEADLINE)
        context = ssl.create_default_context(cafile=str(edge.ca_file))
        self._socket = context.wrap_socket(raw, server_hostname=host)
        self._read, self._frames = b"", b""
        self.output, self.position, self.acks = b"", 0, True
        self.events, self.sent, self.taken = [], 0, 0
        self.files, self.files_taken, self.file_acks = b"", 0, True
        query = f"?session={session}" if session else ""
        said = [f"GET {PATH}{query} HTTP/1.1", f"Host: {edge.host()}", "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
                "Cookie: " + "; ".join(f"{k}={v}" for k, v in web.cookies.get(host, {}).items())]
        if origin:
            said.append(f"Origin: {edge.url().rstrip('/') if origin == 'own' else origin}")
        self._socket.sendall("\r\n".join([*said, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = self._socket.recv(4096)
            if not part:
                raise Refused(head.decode())
            head += part
        head, _, self._read = head.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Refused(head.decode())
        edge.world.closing(self)

    def say(self, kind, payload=b""):
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        self.sent += len(payload) if kind == "d" else 0
        self._message(kind.encode() + struct.pack(">I", len(payload)) + payload)

    def _message(self, data, opcode=2):
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x80 | opcode])
        head += bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size) if size < 65536 else \
            bytes([0x80 | 127]) + struct.pack(">Q", size)
        pad = (mask * (size // 4 + 1))[:size]
        body = (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
        self._socket.sendall(head + mask + body)

    def start(self, user=None, cols=80, rows=24, position=None):
        said = {"cols": cols, "rows": rows}
        said.update({"user": user} if user is not None else {})
        said.update({"position": position} if position is not None else {})
        self.say("s", said)
        return self

    def type(self, text):
        self.say("d", text.encode())

    def close(self):
        """The page goes, as a browser does that leaves it."""
        if self._closed:
            return
        self._closed = True
        try:
            self._message(struct.pack(">H", 1001), opcode=8)
        except OSError:
            pass  # the edge has closed before
        self._socket.close()

    def _messages(self):
        """Takes whole WebSocket frames off what has been read: the edge does not fragment."""
        while len(self._read) >= 2:
            opcode, size, at = self._read[0] & 15, self._read[1] & 127, 2
            if size == 126:
                at, size = 4, struct.unpack(">H", self._read[2:4].ljust(2, b"\0"))[0]
            elif size == 127:
                at, size = 10, struct.unpack(">Q", self._read[2:10].ljust(8, b"\0"))[0]
            if len(self._read) < at + size:
                return
            body, self._read = self._read[at:at + size], self._read[at + size:]
            if opcode in (0, 2):
                self._frames += body
            elif opcode == 8 and not self._closed:
                self.close()  # RFC 6455 5.5.1: a Close is answered by one

    def _take(self):
        while len(self._frames) >= 5:
            size = struct.unpack(">I", self._frames[1:5])[0]
            if len(self._frames) < 5 + size:
                return
            kind, body = self._frames[:1], self._frames[5:5 + size]
            self._frames = self._frames[5 + size:]
            if kind == b"o":
                self.output += body
                self.position += len(body)
                if self.acks:
                    self.say("a", {"position": self.position})
            elif kind == b"i":
                self.taken = json.loads(body)["position"]
            elif kind == b"O":
                self.files += body
                if self.file_acks:
                    self.say("A", {"position": len(self.files)})
            elif kind == b"I":
                self.files_taken = json.loads(body)["position"]
            else:
                event = json.loads(body)
                if event["event"] == "open":
                    self.position = event["position"]
                self.events.append(event)

    def hear(self, seconds=limits.READY_DEADLINE):
        """Takes in what comes next; False if nothing does in that time, or ever will."""
        if self._closed or not self._socket.pending() and not select.select([self._socket], [], [], seconds)[0]:
            return False
        part = self._socket.recv(1 << 16)
        self._read += part
        self._messages()
        self._take()
        return bool(part)

    def until(self, found, what):
        deadline = time.monotonic() + limits.READY_DEADLINE
        while not (result := found()):
            assert time.monotonic() < deadline and self.hear(), f"no {what}: {self.events}\n{self.output[-2000:]!r}"
        return result

    def event(self, kind):
        """The first event of that kind."""
        def found():
            return next((e for e in self.events if e["event"] == kind), None)
        return self.until(found, kind)

    def shows(self, text):
        """Until the output has that in it."""
        return self.until(lambda: text.encode() in self.output, text)

    def prompts_after(self, text):
        """The same, and then the prompt of open_shell(), behind which nothing comes by itself."""
        return self.until(lambda: b"ready> " in self.output.partition(text.encode())[2], f"prompt behind {text}")

    def ended(self):
        """The last word; the edge closes behind it."""
        event = self.event("ended")
        while self.hear():
            pass
        return event


def open_shell(edge, web=None, **start):
    """A page with a shell, at its prompt."""
    page = TerminalPage(edge, web or signed_in(edge)).start(**start)
    page.event("open")
    page.type("PS1='ready''> '\n")
    page.shows("ready> ")
    return page
