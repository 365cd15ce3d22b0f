"""The client in listener mode, and what connects to it."""

import socket

from support import limits


class Listener:
    """`access tcp --url ADDRESS`, running; connections to it are the test's."""

    def __init__(self, client, address="127.0.0.1:0", *more, host=None, **env):
        argv = ["access", "tcp", "--hostname", host or client.edge.host(), "--url", address, *more]
        self.client = client
        self.child = client.start(*argv, env=env, stdin=None, collect=True)
        client.world.closing(self)
        self.address = self.child.stderr.wait_for(r"^cfpipe: listening on (\S+)$").group(1)

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def connect(self):
        """A connection with a deadline on everything that is done with it."""
        family = socket.AF_UNIX if self.address.startswith("/") else socket.AF_INET
        connection = socket.socket(family)
        # Blocking, it succeeds even if the connection is reset the next moment; the system accepts at once.
        connection.connect(self.address if family == socket.AF_UNIX else ("127.0.0.1", self.port))
        connection.settimeout(limits.COMMAND_DEADLINE)
        return connection

    def stop(self, *number):
        status = self.child.stop(*number)
        assert self.child.stdout.text == ""
        return status

    def close(self):
        if self.child.process.poll() is None:
            self.stop()


def read_all(connection):
    """Everything up to the end; a connection that broke is a ConnectionError."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def read_until_broken(connection):
    """Everything up to where the connection breaks, which has to be otherwise than by an end."""
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return received
        assert data, f"it ended in peace after {len(received)} bytes"
        received += data


def first_line(connection):
    received = b""
    while not received.endswith(b"\n"):
        data = connection.recv(1)
        if not data:
            break
        received += data
    return received.decode()
