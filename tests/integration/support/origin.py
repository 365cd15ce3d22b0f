"""Origins behind the edge, in threads of the test: each connection is handed to a function."""

import socket
import threading

from support import limits, stream
from support.process import Lines


class Origin:
    """Listens on loopback, at `at` (address and port), or on a Unix-domain socket at `path`; `serve(connection, events)` runs in a thread of its own
    for every connection."""

    def __init__(self, serve, path=None, at=("127.0.0.1", 0)):
        self._serve = serve
        if path:
            self._listener = socket.create_server(str(path), family=socket.AF_UNIX, backlog=128)
        else:
            self._listener = socket.create_server(at, backlog=128)
            self.address = "%s:%d" % self._listener.getsockname()
        self.events = Lines()
        self._connections = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            with self._lock:
                self._connections.append(connection)
                self._threads.append(thread)
            thread.start()

    def _run(self, connection):
        try:
            self._serve(connection, self.events)
        except OSError as error:
            self.events.put(error)
        finally:
            connection.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); close() alone would not
        self._listener.close()
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join(limits.GOODBYE_DEADLINE)


def echo(connection, events):
    while data := connection.recv(65536):
        connection.sendall(data)


def sink(connection, events):
    """Reads to the end and reports (digest, length)."""
    events.put(stream.digest_of(connection.recv))


def source(total, seed=1):
    """Sends the stream, ends its direction, and waits for the peer to end the other."""
    def serve(connection, events):
        for block in stream.blocks(total, seed):
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        events.put(("sent", total))
        while connection.recv(65536):
            pass
    return serve


def answer_after_eof(total, seed=1):
    """Says nothing until the peer has ended its direction, then reports what came and sends the stream."""
    def serve(connection, events):
        events.put(stream.digest_of(connection.recv))
        for block in stream.blocks(total, seed):
            connection.sendall(block)
    return serve
