"""A connector that is not ours: Python's TLS, and Ed25519 by the openssl command. It enrols and attaches as
docs/CONNECTOR_PROTOCOL.md says."""

import base64
import collections
import email
import json
import socket
import ssl

from support import limits
from support.edges import AUTH_HOST

ENROLL, ATTACH, PROTOCOL = "/cdn-cgi/cfpipe/connector/enroll", "/cdn-cgi/cfpipe/connector", "cfpipe-connector/1"
KEY_BYTES = 32


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_text(*parts):
    """What is signed: each part behind its length."""
    parts = [part if isinstance(part, bytes) else part.encode() for part in parts]
    return b"".join(str(len(part)).encode() + b":" + part for part in parts)


Answer = collections.namedtuple("Answer", "status headers text")


class Wire:
    """A TLS connection on which requests are answered one after another, and what comes behind a 101 is left to be read."""

    def __init__(self, tls):
        self._tls, self._stream = tls, tls.makefile("rb")

    def ask(self, method, path, headers, body=""):
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(body)}"] * bool(body)
        self._tls.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body.encode())
        _, status, _ = self._stream.readline().decode().split(" ", 2)
        head = b"".join(iter(self._stream.readline, b"\r\n"))
        headers = email.message_from_bytes(head)
        return Answer(int(status), headers, self.read(int(headers["Content-Length"] or 0)).decode())

    def read(self, size):
        return self._stream.read(size)

    def raw(self):
        """The TLS socket, which does not block from now on, and what was read of it beyond the last answer."""
        self._tls.setblocking(False)
        try:
            return self._tls, self._stream.peek()
        except ssl.SSLWantReadError:
            return self._tls, b""

    def close(self):
        self._stream.close()
        self._tls.close()


class Connector:
    """`edge`: where it connects. `token`: as `connector create` has printed it."""

    def __init__(self, world, edge, name="connector"):
        self.world, self.edge = world, edge
        self.key_file = world.path(f"{name}-{len(list(world.directory.glob('*.pem')))}.pem")
        world.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key_file]).ok()
        self.authority = f"{AUTH_HOST}:{edge.port}"  # that is signed
        self.id, self.instance, self.version = "", base64url(b"instance" + bytes(4)), "9.8.7"

    def public_key(self):
        """Its last bytes are the key (RFC 8410 4)."""
        der = self.world.path("public.der")
        self.world.run(["openssl", "pkey", "-in", self.key_file, "-pubout", "-outform", "DER", "-out", der]).ok()
        return der.read_bytes()[-KEY_BYTES:]

    def sign(self, *parts):
        text, signature = self.world.path("signed.txt"), self.world.path("signature")
        text.write_bytes(signed_text(*parts))
        self.world.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key_file, "-in", text, "-out", signature]).ok()
        return base64url(signature.read_bytes())

    def connect(self):
        """A connection of HTTP/1.1 to the auth domain."""
        context = ssl.create_default_context(cafile=str(self.edge.ca_file))
        context.set_alpn_protocols(["http/1.1"])
        plain = socket.create_connection(("127.0.0.1", self.edge.port), timeout=limits.COMMAND_DEADLINE)
        return self.world.closing(Wire(context.wrap_socket(plain, server_hostname=AUTH_HOST)))

    def enroll(self, token, /, **changes):
        """The answer: status and JSON."""
        _, _, secret = token.partition("/")
        key = self.public_key()
        body = {"token": secret, "key": base64url(key), "host": "a-server", "version": self.version,
                "signature": self.sign("cfpipe-connector-enroll-1", self.authority, secret, key), **changes}
        answer = self.connect().ask("POST", ENROLL, {"Host": self.host(), "Content-Type": "application/json"}, json.dumps(body))
        said = json.loads(answer.text)
        if answer.status == 200:
            self.id = said["id"]
        return answer.status, said

    def host(self):
        return f"{AUTH_HOST}:{self.edge.port}"

    def request(self, wire, more=(), host=None, upgrade=PROTOCOL):
        """Asks to attach; the answer."""
        headers = {"Host": host or self.host(), "Connection": "Upgrade", "Upgrade": upgrade, "Cfpipe-Connector": self.id,
                   "Cfpipe-Connector-Instance": self.instance, "Cfpipe-Connector-Version": self.version, **dict(more)}
        return wire.ask("GET", ATTACH, headers)

    def challenge(self, wire):
        answer = self.request(wire)
        assert answer.status == 401, answer.text
        return answer.headers["Cfpipe-Challenge"]

    def signed(self, challenge):
        """The headers of the second request."""
        signature = self.sign("cfpipe-connector-attach-1", self.authority, self.id, self.instance, self.version, challenge)
        return {"Cfpipe-Nonce": challenge, "Cfpipe-Signature": signature}

    def attach(self, wire):
        """The answer to the second request."""
        return self.request(wire, self.signed(self.challenge(wire)))
