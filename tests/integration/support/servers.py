"""A real sshd that trusts one certificate authority."""

import grp
import json
import os
import pty
import shutil

from support import limits


def gives_terminals():
    """Whether an sshd that runs as this user can: it wants terminals to be of group `tty`, and fails if it cannot
    make them so. As an ordinary user it cannot, and where devpts is mounted without gid= (some containers) they are not.
    """
    if os.getuid() == 0:
        return True
    master, slave = pty.openpty()
    try:
        tty = grp.getgrnam("tty").gr_gid
        return os.fstat(slave).st_gid == tty or tty in os.getgroups()
    finally:
        os.close(master)
        os.close(slave)


class Sshd:
    """`path`: of a Unix-domain socket that it is to listen on. `run_by` wraps the command that runs it. `like`: another one, in
    another network, whose port and host key it has."""

    def __init__(self, world, name="sshd", path=None, run_by=list, like=None):
        self.state = world.path(name)
        self.state.mkdir()
        self.ca_keys = self.state / "trusted-user-ca-keys"
        self.ca_keys.touch()
        program = limits.ROOT / "scripts/throwaway-sshd"
        argv = [program, "--state", self.state, "--ca-keys", self.ca_keys]
        argv += ["--socket", path] if path else []
        if like:
            argv += ["--port", like.address.split(":")[1]]
            shutil.copy(like.state / "ssh_host_ed25519_key", self.state)
        self.child = world.start(run_by(argv))
        if path:
            self.child.stdout.wait_for(r"\Aready /")
        else:
            self.address = f"127.0.0.1:{self.child.ready_port()}"
        # What the account's shell would read there is none of a test's business.
        (self.state / "home").mkdir()
        (self.state / "home/.curlrc").touch()  # without one in HOME curl goes on to the account's own
        self.configure(f"SetEnv HOME={self.state}/home")
        world.closing(self)

    def trust(self, public_key_line):
        """sshd reads the file anew for every connection."""
        self.ca_keys.write_text(public_key_line)

    def configure(self, line):
        """Another line of sshd_config, for the connections to come."""
        with open(self.state / "sshd_config", "a") as config:
            config.write(line + "\n")

    def log(self):
        path = self.state / "sshd.log"
        return path.read_text() if path.exists() else ""

    def close(self):
        self.child.stop()


class SlowRelay:
    """A long wire to a server on loopback. `delay_ms` is one way; a connect costs a round trip, as on a real one."""

    def __init__(self, world, to, delay_ms, listen="127.0.0.1:0"):
        self.round_trip = 2 * delay_ms / 1000  # seconds
        self._log = world.path(f"slow-relay-{len(list(world.directory.glob('slow-relay-*')))}")
        self._log.touch()
        program = limits.BUILD / "bench/slow_relay"
        self.child = world.start([program, "--to", to, "--delay-ms", delay_ms, "--log", self._log,
                                  "--listen", listen])
        self.port = self.child.ready_port()
        self.address = f"127.0.0.1:{self.port}"
        world.closing(self)

    def events(self, kind=None):
        """What has happened, oldest first; times as time.monotonic() has them, at the client's end of the wire."""
        events = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [e for e in events if kind in (None, e["event"])]

    def connections(self):
        return len(self.events("open"))

    def close(self):
        assert self.child.stop() == 0, self.child.stderr.text
