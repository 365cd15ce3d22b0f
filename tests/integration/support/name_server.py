"""A name server of the test's own, and programs that ask no other."""

import contextlib
import socket
import struct
import subprocess
import threading

import pytest

ADDRESS = "127.0.53.53"
# What resolvers append to names that they do not find.
SEARCH = "evil.test"
MAX_QUERY_BYTES = 512
A = 1
TTL_SECONDS = 1
OK, NO_SUCH_NAME = 0x8180, 0x8183


def _labels(query, at=12):
    out = []
    while length := query[at]:
        out.append(query[at + 1:at + 1 + length].decode())
        at += 1 + length
    return ".".join(out).lower(), at + 1


class NameServer:
    """`names`: addresses by name. What it was asked for is in `asked`."""

    def __init__(self, world, names):
        self._names, self.asked, self._world = names, [], world
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        world.closing(self)
        try:
            self._socket.bind((ADDRESS, 53))
        except OSError as error:
            pytest.skip(f"no name server can be had here: {error}")
        threading.Thread(target=self._serve, daemon=True).start()

    def argv(self):
        """In front of a command that asks this server, and no hosts file but one that names localhost. Skips where that cannot be."""
        files = {"resolv.conf": f"nameserver {ADDRESS}\nsearch {SEARCH}\noptions ndots:5\n", "hosts": "127.0.0.1 localhost\n",
                 "nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\n"}
        mounts = []
        for name, text in files.items():
            path = self._world.path(name)
            path.write_text(text)
            mounts.append(f"mount --bind {path} /etc/{name}\n")
        script = self._world.script("with-names", "set -e\n" + "".join(mounts) + 'exec "$@"')
        argv = ["/usr/bin/unshare", "--mount", str(script)]
        tried = subprocess.run([*argv, "true"], env=self._world.env, capture_output=True, text=True)
        if tried.returncode != 0:
            pytest.skip(f"no mount namespace can be made here: {tried.stderr.strip()}")
        return argv

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, client = self._socket.recvfrom(MAX_QUERY_BYTES)
                self._socket.sendto(self._answer(query), client)

    def _answer(self, query):
        name, end = _labels(query)
        self.asked.append(name)
        question = query[12:end + 4]
        address = self._names.get(name)
        wants_address = struct.unpack("!H", query[end:end + 2])[0] == A
        records = b""
        if address and wants_address:
            records = struct.pack("!HHHIH", 0xC00C, A, 1, TTL_SECONDS, 4) + socket.inet_aton(address)
        flags = OK if address else NO_SUCH_NAME
        return query[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0) + question + records

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
