"""What editors with remote windows do (VS Code among them): `ssh -T -D PORT host bash` with a script on standard input.

The script starts a server or finds the one that runs; the window reaches it through the SOCKS port, with many connections
of short and long life; several windows are open to a host at once, and the server outlives them.
"""

import concurrent.futures
import signal
import sys

import pytest

from support import editor_server, limits, stream
from support.listener import first_line
from support.pairs import EDGE_AND_STYLE
from support.sessions import on_a_free_port, through_socks

pytestmark = EDGE_AND_STYLE

WINDOWS = 3
CONNECTIONS = 6  # of each window
DOWNLOAD_BYTES = 12 * limits.MIB


class Window:
    def __init__(self, ssh, directory):
        self.session, self.socks = on_a_free_port(ssh, lambda port: ("-T", "-D", f"127.0.0.1:{port}"), script=f"""
echo open
{sys.executable} {editor_server.__file__} {directory} < /dev/null
""")
        self.port = int(self.session.read_line().removeprefix("listening "))

    def connect(self, request):
        connection = through_socks(self.socks, "localhost", self.port)
        connection.sendall(request + b"\n")
        return connection

    def shell_answers(self):
        """The session under it is there for more commands."""
        return self.session.answers("echo $((6*7))\n", "42\n")


def echoes(connection, text=b"a key press\n"):
    connection.sendall(text)
    return first_line(connection).encode() == text


@pytest.fixture
def windows(ssh):
    ssh.run("true").ok()  # known_hosts is written by now
    with concurrent.futures.ThreadPoolExecutor(WINDOWS) as pool:
        return list(pool.map(lambda _: Window(ssh, ssh.world.path("tmp")), range(WINDOWS)))


def test_windows_share_a_server_that_outlives_them(ssh, windows):
    assert len({window.port for window in windows}) == 1, "each has started a server"
    channels = [[window.connect(b"echo") for _ in range(CONNECTIONS)] for window in windows]
    downloads = [window.connect(b"download %d" % DOWNLOAD_BYTES) for window in windows]
    for window, connections in zip(windows, channels):  # all are open at once, and no download is read yet
        assert all(echoes(connection) for connection in connections)
        assert window.shell_answers()
    for download in downloads:
        with download:
            assert stream.digest_of(download.recv) == (stream.digest(DOWNLOAD_BYTES), DOWNLOAD_BYTES)

    for connection in channels[1]:
        connection.close()
    assert windows[1].session.end(signal.SIGTERM) == 255
    for number in (0, 2):
        assert all(echoes(connection) for connection in channels[number])
        for connection in channels[number]:
            connection.close()
        assert windows[number].session.end() == 0

    again = Window(ssh, ssh.world.path("tmp"))
    assert again.port == windows[0].port, "the server had ended"
    with again.connect(b"echo") as connection:
        assert echoes(connection)
    with again.connect(b"stop") as connection:
        assert connection.recv(1) == b""
    assert again.session.end() == 0
    assert ssh.client.browser_runs() == 1
