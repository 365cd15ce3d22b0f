"""A ProxyCommand: standard input and output to and from the Unix-domain socket named by the argument."""

import os
import socket
import sys
import threading


def copy(read, write, end):
    while data := read(65536):
        view = memoryview(data)
        while view:
            view = view[write(view) :]
    end()


def main(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        up = threading.Thread(target=copy, daemon=True, args=(
            lambda n: os.read(0, n), connection.send, lambda: connection.shutdown(socket.SHUT_WR)))
        up.start()
        copy(connection.recv, lambda view: os.write(1, view), lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
