"""Many tunnels at once through our own edge: what bench/many_tunnels sees, and what TLS alone would take."""

import json
import subprocess

from support import limits
from support.clients import Client
from support.edges import Edge

PROGRAM = limits.BUILD / "bench/many_tunnels"
RUN_DEADLINE = 600  # seconds, for the most tunnels there are on a busy machine


class Many:
    """An edge of its own for each count, so that none inherits another's heap."""

    def __init__(self, world):
        self.world = world
        self.origin = world.start([PROGRAM, "origin"])
        self.address = f"127.0.0.1:{self.origin.ready_port()}"

    def open(self, count, at_once=64, idle=2):
        edge = Edge(self.world, "own", self.address)
        client = Client(self.world, edge)
        client.login()
        token = self.world.path(f"token-{edge.port}")
        token.write_text(client.token() + "\n")
        argv = [PROGRAM, "open", "--url", edge.host(), "--ca-file", edge.ca_file, "--token-file", token, "--edge",
                edge.child.pid, "--count", count, "--at-once", at_once, "--idle", idle]
        seen = json.loads(self._run(argv))
        seen["tls_state_bytes"] = self._tls_state(edge)
        seen["own_bytes_per_tunnel"] = seen["edge_bytes_per_tunnel"] - seen["tls_state_bytes"]
        edge.stop()
        return seen

    def _tls_state(self, edge):
        """Bytes of heap that OpenSSL keeps for one idle connection with the same settings and certificate."""
        return int(self._run([PROGRAM, "tls-state", "--certificate", edge.state / "tls-cert.pem", "--key",
                              edge.state / "tls-key.pem", "--ca-file", edge.ca_file, "--name", edge.hosts[0]]))

    def _run(self, argv):
        done = subprocess.run([str(word) for word in argv], env=self.world.env, capture_output=True,
                              timeout=RUN_DEADLINE)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout
