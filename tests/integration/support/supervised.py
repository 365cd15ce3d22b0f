"""An edge with a process in front that holds its listeners, and tunnels through it."""

import http.client
import os
import signal

from support import limits
from support.activation import Manager
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS
from support.origin import echo, Origin
from support.process import wait_until

EVERYBODY = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


class Supervised:
    """An edge with a process in front that holds its listeners, as the unit runs it."""

    def __init__(self, world, origin=None, policies=EVERYBODY, more=None, make=ConfiguredEdge, **options):
        self.world = world
        more = {"drain": "8h", "admin_listen": "127.0.0.1:0", "audit": {"file": str(world.path("audit.jsonl"))}, **(more or {})}
        self.edge = make(world, origin or world.closing(Origin(echo)).address, policies, more=more, **options)
        self.edge.stop()
        argv = [PROGRAMS["own"], "run", "--supervise", "--config", self.edge.config]
        self.manager = Manager(world, argv)
        self._use(self.manager.start())
        world.closing(self)

    def _use(self, child):
        self.edge.child = child
        self.edge.port = child.ready_port() or self.edge.port  # behind a Unix-domain socket it is another program's
        self.admin = int(child.stderr.wait_for(r"metrics at http://127\.0\.0\.1:(\d+)/").group(1))

    def restart(self):
        """As `systemctl restart` does it."""
        port = self.edge.port
        self._use(self.manager.restart(signal.SIGUSR1))
        assert self.edge.port == port

    def replace(self, says="serves in the place of"):
        before = self.edge.child.stderr.text.count(says)
        os.kill(self.edge.child.pid, signal.SIGUSR2)
        wait_until(lambda: self.edge.child.stderr.text.count(says) > before, says)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=limits.COMMAND_DEADLINE)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def close(self):
        """What drains still is not waited for."""
        for _ in range(2):
            self.edge.child.process.send_signal(signal.SIGTERM)


class Tunnel:
    def __init__(self, client):
        self._child = client.start("access", "ssh", "--hostname", client.edge.host())

    def answers(self, text):
        self._child.process.stdin.write(text)
        self._child.process.stdin.flush()
        return self._child.process.stdout.read(len(text)) == text

    def ended(self):
        """By the other side: (status, what the client says)."""
        with self._child.process.stdout as output:
            assert output.read() == b""
        status = self._child.wait()
        self._child.process.stdin.close()
        return status, self._child.stderr.text

    def end(self):
        self._child.process.stdin.close()
        with self._child.process.stdout as output:
            assert output.read() == b""
        return self._child.wait()
