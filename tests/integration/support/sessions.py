"""Sessions of ssh that stay open while a test does something beside them."""

import socket

from support import limits, stream

# Another program may take a port between its choice and its use.
TRIES = 10


class Session:
    """`ssh host` with a remote program that says `open` and then waits for the end of its input.

    That is `cat`, or, with a script, a shell that reads it from its standard input, and whatever comes after it.
    """

    def __init__(self, ssh, *options, script=None):
        command = "bash" if script else "echo open; cat"
        self.child = ssh.start(command, "-o", "ExitOnForwardFailure=yes", *options)
        self.stderr = self.child.stderr
        if script:
            self._say(script)
        self.greeting = self.read_line()

    def read_line(self):
        return self.child.process.stdout.readline().decode()

    def is_open(self):
        return self.greeting == "open\n"

    def answers(self, text="still here\n", answer=None):
        """Whether what is typed comes back, or the answer to it."""
        self._say(text)
        return self.read_line() == (answer or text)

    def end(self, number=None):
        """Ends its input, or ends it by a signal; returns its exit status."""
        if number:
            self.child.process.send_signal(number)
        self.child.process.stdin.close()
        status = self.child.wait()
        self.child.process.stdout.close()
        return status

    def _say(self, text):
        try:
            stream.write_all(self.child.process.stdin.fileno(), text.encode())
        except BrokenPipeError:
            pass  # it has ended; what it said before is more to the point


def opened(ssh, *options, **more):
    session = Session(ssh, *options, **more)
    assert session.is_open(), session.stderr.text
    return session


def on_a_free_port(ssh, options, **more):
    """(session, port): ssh listens on a port of 127.0.0.1; `options(port)` are its options for that."""
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        session = Session(ssh, *options(port), **more)
        if session.is_open():
            return session, port
        status = session.end()
        assert "cannot listen to port" in session.stderr.text, (status, session.stderr.text)
    raise AssertionError(f"no port was free {TRIES} times")


def curl(ssh, *argv):
    return ssh.tool("curl", "--silent", "--show-error", "--max-time", str(limits.COMMAND_DEADLINE), *argv)


def through_socks(proxy_port, host, port):
    """A connection through the SOCKS 5 proxy on 127.0.0.1 (RFC 1928); the name is resolved behind it."""
    connection = socket.create_connection(("127.0.0.1", proxy_port), limits.COMMAND_DEADLINE)
    connection.sendall(b"\x05\x01\x00")
    assert _exactly(connection, 2) == b"\x05\x00"
    name = host.encode()
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    reply = _exactly(connection, 10)  # with an IPv4 address, as ssh has it
    assert reply[:4] == b"\x05\x00\x00\x01", reply
    return connection


def _exactly(connection, count):
    data = connection.recv(count, socket.MSG_WAITALL)
    assert len(data) == count, data
    return data
