"""An edge at the far end of a long wire: everything the client says to it, on every connection, goes through a relay."""

import time

from support.clients import Client
from support.edges import Edge
from support.servers import SlowRelay

# The edge itself; the names under .localhost lead to the relay, on the same port of 127.0.0.1.
FAR_ADDRESS = "127.0.0.2"
# Another program may have the relay's port already.
TRIES = 10


class LongWire:
    """With a client that has logged in."""

    def __init__(self, world, kind, origin, delay_ms, **options):
        for left in reversed(range(TRIES)):
            self.edge = Edge(world, kind, origin, address=FAR_ADDRESS, **options)
            try:
                self.relay = self._relay(world, 0)
                break
            except AssertionError:
                self.edge.stop()
                if not left:
                    raise
        self.client = Client(world, self.edge)
        self.client.login()  # not what is measured
        self.relay.close()
        self.relay = self._relay(world, delay_ms)

    def _relay(self, world, delay_ms):
        here = f"127.0.0.1:{self.edge.port}"
        return SlowRelay(world, f"{FAR_ADDRESS}:{self.edge.port}", delay_ms, listen=here)

    def round_trips(self, *more, command=("access", "ssh")):
        """From exec to the server's banner, in round trips, and the connections it took; then the tunnel ends in peace."""
        before = self.relay.connections()
        start = time.monotonic()
        child = self.client.start(*command, "--hostname", self.edge.host(), *more)
        with child.process.stdout as output:
            line = output.readline()
            took = time.monotonic() - start
            child.process.stdin.close()
            status = child.wait()
        assert (line[:8], status) == (b"SSH-2.0-", 0), (child.argv, line, child.stderr.text)
        return took / self.relay.round_trip, self.relay.connections() - before
