"""A network namespace behind a cable that can be pulled: nothing that is sent then arrives, and nothing says so."""

import os
import socket
import subprocess
import threading

import pytest

IP = "/usr/sbin/ip"
# Addresses of the two ends; 198.18.0.0/15 is for tests of networks (RFC 2544).
HERE, THERE = "198.18.77.1", "198.18.77.2"
HERE_TOO = "198.18.77.5"


def _ip(*args):
    return subprocess.run([IP, *args], capture_output=True, text=True)


class Cable:
    """Programs that `inside` wraps see a network of their own, with one way out: through the cable to `relay()`."""

    def __init__(self, world):
        self._name = f"cfp-{os.getpid()}"
        self._device = f"cfp{os.getpid()}"
        self._relays = []
        world.closing(self)
        steps = [
            ("netns", "add", self._name),
            ("link", "add", self._device, "type", "veth", "peer", "name", "cable", "netns", self._name),
            ("addr", "add", f"{HERE}/30", "dev", self._device),
            ("link", "set", self._device, "up"),
            ("-n", self._name, "addr", "add", f"{THERE}/30", "dev", "cable"),
            ("-n", self._name, "link", "set", "cable", "up"),
            ("-n", self._name, "link", "set", "lo", "up"),
        ]
        for step in steps:
            try:
                done = _ip(*step)
            except OSError as error:
                pytest.skip(f"no network namespaces here: {error}")
            if done.returncode != 0:
                pytest.skip(f"no network namespaces here: ip {' '.join(step)}: {done.stderr.strip()}")

    def inside(self, argv):
        return [IP, "netns", "exec", self._name, *argv]

    def another(self):
        """A second address of this machine's end."""
        done = _ip("addr", "add", f"{HERE_TOO}/32", "dev", self._device)
        assert done.returncode == 0, done.stderr
        return HERE_TOO

    def relay(self, port):
        """`address:port` inside that leads to a port of this machine's loopback."""
        listener = socket.create_server((HERE, 0))
        self._relays.append(listener)

        def accept():
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return
                far = socket.create_connection(("127.0.0.1", port))
                self._relays += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"{HERE}:{listener.getsockname()[1]}"

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def pull(self):
        """From now on everything that either side sends is lost."""
        done = _ip("link", "set", self._device, "down")
        assert done.returncode == 0, done.stderr

    def close(self):
        for one in self._relays:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        _ip("link", "del", self._device)
        _ip("netns", "del", self._name)
