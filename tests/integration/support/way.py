"""A client whose way to its edge breaks when the test says so."""

import hashlib
import json
import threading
import urllib.request

from support import stream
from support.breakable import BreakableWay
from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.supervised import EVERYBODY


class Way:
    """An edge, a client that is signed in, and the way between the two that breaks."""

    def __init__(self, world, origin, next_break=lambda: None, **edge):
        self.world = world
        self.edge = ConfiguredEdge(world, origin, EVERYBODY, **edge)
        self.client = Client(world, self.edge)
        self.client.login()
        self.way = BreakableWay(world, self.edge.port, next_break)

    def start(self, *more, resume=True, **options):
        argv = ["access", "ssh", *([] if resume else ["--no-resume"]), "--hostname", self.edge.host(), "--connect-to", self.way.place]
        return self.client.start(*argv, "--log-file", self.world.path("client.log"), *more, **options)

    def log(self):
        return self.world.path("client.log").read_text()

    def metrics(self):
        port = int(self.edge.child.stderr.wait_for(r"metrics at http://127.0.0.1:(\d+)/").group(1))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return answer.read().decode()

    def listed(self):
        lines = self.edge.command("tunnel", "list", "--json").ok().stdout.splitlines()
        return json.loads(lines[0]) if lines else {"detached": None}

    def rows(self, kind):
        return [row for row in self.edge.audit() if row["kind"] == kind]


def answers(child, text):
    child.process.stdin.write(text)
    child.process.stdin.flush()
    return child.process.stdout.read(len(text)) == text


def end(child):
    child.process.stdin.close()
    with child.process.stdout as output:
        assert output.read() == b""
    return child.wait()


def echoes_whole(child, total, first=b""):
    """Sends a stream and the end of standard input, and reads what comes, behind `first`, meanwhile: whether it is the same."""
    sent, received = hashlib.sha256(), hashlib.sha256()

    def send():
        for block in stream.blocks(total):
            child.process.stdin.write(block)
            sent.update(block)
        child.process.stdin.close()

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    with child.process.stdout as output:
        assert output.read(len(first)) == first
        while data := output.read(1 << 20):
            received.update(data)
    sending.join()
    return received.digest() == sent.digest()
