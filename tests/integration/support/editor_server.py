"""What an editor leaves on the server: started through a shell, it goes on by itself and serves every window.

`editor_server.py DIR` prints `listening PORT`, from a server that runs already or from one that it starts, and returns.
A connection sends a line: `echo` is answered with all that follows, `download N` with N bytes, `stop` ends the server.
"""

import fcntl
import os
import pathlib
import socket
import socketserver
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import stream  # noqa: E402


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        words = self.rfile.readline().decode().split()
        if words == ["echo"]:
            while data := self.rfile.read1(65536):
                self.wfile.write(data)
        elif words[:1] == ["download"]:
            for block in stream.blocks(int(words[1])):
                self.wfile.write(block)
        elif words == ["stop"]:
            self.server.shutdown()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def serve(told):
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    with Server(("127.0.0.1", 0), Connection) as server:
        os.write(told, b"%d" % server.server_address[1])
        os.close(told)
        server.serve_forever(poll_interval=0.05)


def port_of_one_that_runs(lock):
    lock.seek(0)
    text = lock.read()
    if not text:
        return None
    try:
        socket.create_connection(("127.0.0.1", int(text))).close()
    except OSError:
        return None
    return int(text)


def main(directory):
    with open(pathlib.Path(directory) / "server-port", "a+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = port_of_one_that_runs(lock)
        if port is None:
            reads, tells = os.pipe()
            if os.fork() == 0:
                os.close(reads)
                lock.close()
                serve(tells)
                os._exit(0)
            os.close(tells)
            port = int(os.read(reads, 16))
            lock.truncate(0)
            lock.write(str(port))
    print(f"listening {port}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
