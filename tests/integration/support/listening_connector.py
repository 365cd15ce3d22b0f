"""A connector that stands in front of a server, for the daemon of another edge's tunnel."""

import socket

from support import limits
from support.process import wait_until

PROGRAM = limits.BUILD / "cfpipe-connector"


class ListeningConnector:
    """`lines`: more of its configuration."""

    def __init__(self, world, to, *lines):
        self._world, self._to = world, to
        self._config = world.path(f"front-{len(list(world.directory.glob('front-*')))}.yaml")
        self.port = 0
        self._start(lines)

    def _start(self, lines):
        self._config.write_text("\n".join([f"listen: 127.0.0.1:{self.port}", f"origins: ['{self._to}']", *lines]))
        self.child = self._world.start([PROGRAM, "run", "--config", self._config, "--state", self._world.path("no-enrolment")])
        self.port = int(self.child.stderr.wait_for(r"listening on 127\.0\.0\.1:(\d+), in front of").group(1))
        self.address = f"127.0.0.1:{self.port}"

    def restart(self, *lines):
        """Another process at the same place."""
        self.child.kill()
        self.child.wait()
        self._start(lines)

    def announces(self, times=1):
        """Waits until the server has shown itself as one of SSH, so often."""
        wait_until(lambda: self.child.stderr.text.count("tunnels may outlive their connection") >= times, "it knows the server's version")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), limits.COMMAND_DEADLINE)
