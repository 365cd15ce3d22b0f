"""A way to an edge that breaks when the test says so: its connections are reset, and new ones refused until it is mended."""

import selectors
import socket
import struct
import threading


class BreakableWay:
    """`place` is what --connect-to takes. After `bytes_left` bytes, both directions together, it breaks by itself, and is mended for
    the next connection: `breaks` counts."""

    def __init__(self, world, port, next_break=lambda: None):
        self._port, self._next_break = port, next_break
        self._lock = threading.Lock()
        self._open, self._mended = [], True
        self.connections = self.breaks = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        world.closing(self)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._mended:
                    _reset([near])
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    _reset([near])
                    continue
                for end in (near, far):  # no network waits before it passes on a short packet
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.append((near, far))
                self.connections += 1
            threading.Thread(target=self._carry, args=(near, far, self._next_break()), daemon=True).start()

    def _carry(self, near, far, left):
        other = {near: far, far: near}
        with selectors.DefaultSelector() as ready:
            for end in other:
                ready.register(end, selectors.EVENT_READ)
            try:
                while ready.get_map():
                    for key, _ in ready.select():
                        data = key.fileobj.recv(65536 if left is None else max(1, min(65536, left)))
                        if not data:
                            ready.unregister(key.fileobj)
                            other[key.fileobj].shutdown(socket.SHUT_WR)
                            continue
                        other[key.fileobj].sendall(data)
                        left = None if left is None else left - len(data)
                        if left is not None and left <= 0:
                            self.breaks += 1
                            return
            except (OSError, ValueError):
                pass  # broken
            finally:
                _reset([near, far])

    def break_now(self):
        """What is open is reset, and what comes is, too."""
        with self._lock:
            self._mended = False
            for ends in self._open:
                _reset(ends)
            self._open.clear()

    def mend(self):
        with self._lock:
            self._mended = True

    def close(self):
        self._listener.close()
        self.break_now()


def _reset(ends):
    for end in ends:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is over
        end.close()
