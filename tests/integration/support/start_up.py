"""How long programs take to start, seen from outside: for the tests and for scripts/bench."""

import os
import socket
import statistics
import time

from support import limits
from support.clients import CFPIPE

NULL = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
NOTHING = ("/bin/true",)
VERSION = (str(CFPIPE), "--version")


def spawn(argv, env):
    return os.posix_spawn(argv[0], argv, env, file_actions=NULL)


def until_exit(argv, env):
    """Seconds from its start to its end."""
    start = time.perf_counter()
    pid = spawn(argv, env)
    os.waitpid(pid, 0)
    return time.perf_counter() - start


class Dial:
    """Starts a client that knows application and token at a port without a TLS server."""

    def __init__(self, client):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(limits.COMMAND_DEADLINE)
        port = self._listener.getsockname()[1]
        client.forget_sessions()  # the resumption that fails would be followed by a second connection without one
        self._env = client.env
        self._argv = (str(CFPIPE), "access", "ssh", "--hostname", client.edge.host(), "--connect-to", f"127.0.0.1:{port}")

    def once(self):
        """Seconds from its start to its connection, and to the first byte on it, which is TLS's."""
        start = time.perf_counter()
        pid = spawn(self._argv, self._env)
        try:
            connection, _ = self._listener.accept()
            connected = time.perf_counter()
            with connection:
                connection.settimeout(limits.COMMAND_DEADLINE)
                first = connection.recv(1)
            spoke = time.perf_counter()
        finally:
            os.waitpid(pid, 0)
        assert first, "no TLS on the connection"
        return connected - start, spoke - start

    def close(self):
        self._listener.close()


def median_ratio(values, base):
    """The median of the ratios of neighbours in time."""
    return statistics.median(a / b for a, b in zip(values, base))
