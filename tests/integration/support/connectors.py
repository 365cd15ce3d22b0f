"""`cfpipe-connector` beside a real sshd, each pair in a network of its own that has no way in."""

import json
import re
import signal

from support import limits
from support.cable import Cable
from support.configured_edge import ConfiguredEdge
from support.edges import AUTH_HOST
from support.process import wait_until
from support.servers import Sshd

PROGRAM = limits.BUILD / "cfpipe-connector"
ALLOW = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


def edge_for(world, origin, name="office", **options):
    """An edge whose one application leads through the connectors of that name; None: the edge dials."""
    more = {**({"connector": name} if name else {}), **options.pop("more_app", {})}
    return ConfiguredEdge(world, origin, options.pop("policies", ALLOW), more_app=more, **options)


class Connector:
    """An enrolled connector that runs. `inside` wraps commands so that they run where the server is, and `way` is where the edge
    can be reached from there, or the URL of a proxy."""

    def __init__(self, world, edge, origins, name="office", inside=list, way=None, more=(), starts=True):
        self.world, self.edge, self.name = world, edge, name
        self.state = world.path(f"connector-{len(list(world.directory.glob('connector-*')))}")
        self._inside = inside
        way = ["--proxy" if "://" in way else "--connect-to", way] if way else []
        self._common = ["--state", self.state, "--ca-file", edge.ca_file, *way]
        token = edge.command("connector", "create", name, "--auth-domain", edge.auth_domain).ok().stdout
        world.run(inside([PROGRAM, "enroll", *self._common]), input=token.encode()).ok()
        self.id = json.loads((self.state / "connector.json").read_text())["id"]
        self._run = [PROGRAM, "run", *self._common, *[part for one in origins for part in ("--origin", one)], *more]
        if starts:
            self.start()

    def start(self):
        attached = self.attached()
        self.start_alone()
        wait_until(lambda: self.attached() > attached, "it attaches")

    def start_alone(self):
        """Whether the edge takes it or not."""
        self.child = self.world.start(self._inside(self._run))

    def attached(self):
        """How often it has attached, as the edge has it."""
        return len(re.findall(rf"connector .*\({self.id}, .*has attached", self.edge.child.stderr.text))

    def tunnels(self):
        """How many it has opened since it was started."""
        return len(re.findall(": open$", self.child.stderr.text, re.MULTILINE))

    def kill(self):
        self.child.process.send_signal(signal.SIGKILL)
        self.child.process.wait()


def listed(edge):
    """What runs, by name: [(connections, tunnels)] of each."""
    rows = [json.loads(line) for line in edge.command("connector", "list", "--json").ok().stdout.splitlines()]
    out = {}
    for row in rows:
        out.setdefault(row["name"], []).extend((run["connections"], run["tunnels"]) for run in row["attached"])
    return out


class HiddenServer:
    """sshd and its connector in a network namespace: the one thing outside that answers is the edge, and nothing inside does."""

    def __init__(self, world, make_edge, name="office", like=None):
        """`like`: another one, which this one serves beside."""
        self.cable = Cable(world)
        self.sshd = Sshd(world, f"sshd-{len(list(world.directory.glob('sshd-*')))}", run_by=self.cable.inside, like=like and like.sshd)
        self.edge = make_edge(self.sshd.address)
        self.sshd.trust(self.edge.ssh_ca())
        self.connector = Connector(world, self.edge, [self.sshd.address], name, self.cable.inside,
                                   self.cable.relay(self.edge.port))


__all__ = ["AUTH_HOST", "Connector", "HiddenServer", "PROGRAM", "edge_for", "listed"]
