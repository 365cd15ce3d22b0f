"""A network namespace behind a cable that can be pulled: nothing that is sent then arrives, and nothing says so."""

import ipaddress
import os
import socket
import struct
import subprocess
import threading

import pytest

IP = "/usr/sbin/ip"
# For tests of networks (RFC 2544). Each cable has eight addresses of these.
ADDRESSES = ipaddress.ip_network("198.18.0.0/16")
CABLES = ADDRESSES.num_addresses // 8


def numbered(kind, most):
    """The first number that no other of that kind on this machine has, and what holds it."""
    for number in range(most):
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0cfpipe-{kind}-{number}")
            return number, held
        except OSError:
            held.close()
    raise AssertionError(f"too many of kind {kind}")


def ip(*args):
    return subprocess.run([IP, *args], capture_output=True, text=True)


def set_up(steps):
    """What `ip` is told, one command after the other. Where it cannot, the test is skipped."""
    for step in steps:
        try:
            done = ip(*step)
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        if done.returncode != 0:
            pytest.skip(f"no network namespaces here: ip {' '.join(step)}: {done.stderr.strip()}")


class Cable:
    """Programs that `inside` wraps see a network of their own, with one way out: through the cable to `relay()`. `here` and `there`
    are the addresses of its two ends."""

    def __init__(self, world):
        number, self._held = numbered("cable", CABLES)
        self._name = f"cfp-{os.getpid()}-{number}"
        self._device = f"cfp{number}"
        addresses = ADDRESSES.network_address + 8 * number
        self.here, self.there, self._here_too = (str(addresses + host) for host in (1, 2, 5))
        self._relays = []
        ip("link", "del", self._device)  # of a run that was killed
        world.closing(self)
        steps = [
            ("netns", "add", self._name),
            ("link", "add", self._device, "type", "veth", "peer", "name", "cable", "netns", self._name),
            ("addr", "add", f"{self.here}/30", "dev", self._device),
            ("link", "set", self._device, "up"),
            ("-n", self._name, "addr", "add", f"{self.there}/30", "dev", "cable"),
            ("-n", self._name, "link", "set", "cable", "up"),
            ("-n", self._name, "link", "set", "lo", "up"),
        ]
        set_up(steps)

    def inside(self, argv):
        return [IP, "netns", "exec", self._name, *argv]

    def another(self):
        """A second address of this machine's end."""
        done = ip("addr", "add", f"{self._here_too}/32", "dev", self._device)
        assert done.returncode == 0, done.stderr
        return self._here_too

    def relay(self, port, address="127.0.0.1"):
        """`address:port` inside that leads to a port of this machine's loopback. Where nothing listens there, a connection is
        taken and reset."""
        listener = socket.create_server((self.here, 0))
        self._relays.append(listener)

        def accept():
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return
                try:
                    far = socket.create_connection((address, port))
                except ConnectionRefusedError:
                    self._reset(near)
                    near.close()
                    continue
                self._relays += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"{self.here}:{listener.getsockname()[1]}"

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # What was reset on one side is on the other, too.
            for end in (source, sink):
                self._reset(end)

    @staticmethod
    def _reset(end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is over

    def pull(self):
        """From now on everything that either side sends is lost."""
        done = ip("link", "set", self._device, "down")
        assert done.returncode == 0, done.stderr

    def plug_in(self):
        done = ip("link", "set", self._device, "up")
        assert done.returncode == 0, done.stderr

    def move(self):
        """The other end gets another address, and has not got the first any more."""
        number = self.there.rpartition(".")
        moved = f"{number[0]}.{int(number[2]) + 4}"
        for step in (("-n", self._name, "addr", "add", f"{moved}/29", "dev", "cable"),
                     ("route", "add", f"{moved}/32", "dev", self._device),
                     ("-n", self._name, "addr", "del", f"{self.there}/30", "dev", "cable")):
            done = ip(*step)
            assert done.returncode == 0, (step, done.stderr)

    def close(self):
        for one in self._relays:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        ip("link", "del", self._device)
        ip("netns", "del", self._name)
        self._held.close()
