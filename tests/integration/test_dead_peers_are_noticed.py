"""A network that goes away without a word ends every tunnel over it within 45 seconds, with its reason."""

import os
import time

from support import limits
from support.cable import Cable
from support.clients import CFPIPE, LOST, Client
from support.edges import Edge
from support.origin import Origin, echo

# From the last sign of life to the end, in seconds; and what a busy machine may add to it.
DEAD_SECONDS = 45
LATE_SECONDS = 30 if limits.SANITIZED else 5
SAYS = "cfpipe: tunnel: the edge stopped answering: no answer for 42 seconds; check the network, and connect again\n"


class Tunnel:
    """Through the cable to an origin that says back what it hears, in use already."""

    def __init__(self, cable, client):
        way = cable.relay(client.edge.port)
        argv = cable.inside([CFPIPE, "access", "ssh", "--no-resume", "--hostname", client.edge.host(), "--connect-to", way])
        self.child = client.world.start(argv, client.env, stdin=-1, collect=False)
        self.say(b"hello")
        assert self.child.process.stdout.read(5) == b"hello", self.child.stderr.text

    def say(self, data):
        os.write(self.child.process.stdin.fileno(), data)

    def ends_before(self, moment):
        status = self.child.wait(max(0.1, moment - time.monotonic()))
        assert self.child.process.stdout.read() == b""
        self.child.process.stdin.close()
        self.child.process.stdout.close()
        return status, self.child.stderr.text


def test_a_dead_peer_is_noticed_idle_and_in_use(world):
    cable = Cable(world)
    origin = world.closing(Origin(echo))
    clients = [Client(world, Edge(world, kind, origin.address), name=f"state-{kind}") for kind in ("own", "mock")]
    for client in clients:
        client.login()
    tunnels = {f"{client.edge.kind} {use}": Tunnel(cable, client) for client in clients for use in ("idle", "typing")}
    cable.pull()
    pulled = time.monotonic()
    end = pulled + DEAD_SECONDS + LATE_SECONDS
    time.sleep(8)  # the user types in the middle of a silence
    for name, tunnel in tunnels.items():
        if name.endswith("typing"):
            tunnel.say(b"anybody?")
    assert all(tunnel.child.process.poll() is None for tunnel in tunnels.values())
    ended = {name: tunnel.ends_before(end) for name, tunnel in tunnels.items()}
    assert ended == {name: (LOST, SAYS) for name in tunnels}
