"""The HTTP/2 peer in front of the mock edge: where the client's tunnels go when it is told to connect there."""

import json

from support import limits
from support.clients import Client
from support.edges import Edge
from support.listener import Listener

PROGRAM = limits.ROOT / "tests/integration/h2_peer/h2_peer.py"


class H2Peer:
    """Login, metadata and certificates are the mock's; a client that is logged in asks nothing of it before it dials."""

    def __init__(self, world, origin, *faults):
        self.world = world
        self.edge = Edge(world, "mock", origin)
        self.client = Client(world, self.edge)
        self.client.login()
        self.log = world.path("h2_peer.jsonl")
        certificate, key = self._leaf()
        argv = [PROGRAM, "--listen", "127.0.0.1:0", "--origin", origin, "--edge", f"127.0.0.1:{self.edge.port}",
                "--certificate", certificate, "--key", key, "--tokens", self.client.home, "--log", self.log]
        argv += [part for fault in faults for part in ("--fault", fault)]
        self.child = world.start(argv)
        self.port = self.child.ready_port()

    def _leaf(self):
        """Signed by the mock's own authority, which the client trusts."""
        key, request, leaf = (self.world.path(f"h2_peer.{kind}") for kind in ("key", "csr", "pem"))
        extensions = self.world.path("h2_peer.ext")
        extensions.write_text("subjectAltName=DNS:vm.localhost\n")
        for argv in (
            ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=vm.localhost",
             "-keyout", key, "-out", request],
            ["x509", "-req", "-in", request, "-CA", self.edge.ca_file, "-CAkey", self.edge.state / "tls-ca-key.pem",
             "-days", "1", "-extfile", extensions, "-out", leaf],
        ):
            self.world.run(["openssl", *argv]).ok()
        return leaf, key

    @property
    def way(self):
        return ("--connect-to", f"127.0.0.1:{self.port}")

    def listener(self, *more):
        return Listener(self.client, "127.0.0.1:0", *self.way, *more)

    def events(self, kind):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def requests(self):
        """Connection and verdict of every request on HTTP/2, in order."""
        return [(event["connection"], event["verdict"]) for event in self.events("request")]

    def protocols(self):
        return [event["alpn"] for event in self.events("connection")]
