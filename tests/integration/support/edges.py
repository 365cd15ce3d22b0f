"""The two edges: our own, and an independent one that can be told to misbehave. Same command line, same state."""

import json
import re

from support import limits, world as worlds

AUTH_HOST = "auth.localhost"
HOST = "vm.localhost"
PROGRAMS = {
    "own": limits.BUILD / "cfpipe-edge",
    "mock": limits.BUILD / "tests/integration/edge_mock/edge_mock",
}


class Edge:
    auth_host = AUTH_HOST

    def __init__(self, world, kind, origin, hosts=(HOST,), email=worlds.EMAIL, faults=(), address="127.0.0.1",
                 service_token=None, auth_host=AUTH_HOST):
        self.world, self.kind, self.hosts, self.email = world, kind, tuple(hosts), email
        self.auth_host = auth_host
        self.state = world.path(f"edge-{kind}-{len(list(world.directory.glob('edge-*')))}")
        if kind == "own":
            argv = [PROGRAMS[kind], "dev", "--auth-domain", auth_host]
            argv += [part for host in hosts for part in ("--hostname", host)]
        else:
            argv = [PROGRAMS[kind], "--auth-host", auth_host]
            argv += [part for host in hosts for part in ("--host", host)]
            argv += [part for fault in faults for part in ("--fault", fault)]
            argv += ["--service-token", ":".join(service_token)] if service_token else []
        self._argv = [*argv, "--origin", origin, "--email", email, "--state", self.state]
        self._address = address
        self._start(0)
        world.closing(self)

    def _start(self, port):
        self.child = self.world.start([*self._argv, "--listen", f"{self._address}:{port}"])
        self.port = self.child.ready_port()

    def start_again(self):
        """On the same port, with the same state, once it has been stopped."""
        self._start(self.port)

    @property
    def ca_file(self):
        return self.state / "tls-ca.pem"

    @property
    def auth_domain(self):
        return f"{self.auth_host}:{self.port}"

    def host(self, name=None):
        """The application's name as the client is told it: with the port this edge happens to listen on."""
        return f"{name or self.hosts[0]}:{self.port}"

    def url(self, name=None):
        return f"https://{self.host(name)}/"

    def login_address(self):
        """What a client shows of a login here: a short link, which the mock does not have."""
        address = rf"{re.escape(self.auth_domain)}/l/[a-z0-9-]+" if self.kind == "own" else r"\S+/cdn-cgi/access/cli\?\S+"
        return re.compile(f"https://{address}")

    def ssh_ca(self, name=None):
        """The public key line for TrustedUserCAKeys."""
        if self.kind == "mock":
            return (self.state / "ssh-ca.pub").read_text()
        return self.ca("show", host=name).ok().stdout

    def ca(self, command, *more, host=None):
        """`cfpipe-edge ca COMMAND` beside the running edge."""
        argv = [PROGRAMS["own"], "ca", command, "--app", host or self.hosts[0], "--state", self.state, *more]
        return self.world.run(argv)

    def audit(self):
        finished = self.world.run([PROGRAMS["own"], "audit", "--json", "--state", self.state]).ok()
        return [json.loads(line) for line in finished.stdout.splitlines()]

    def requests(self):
        """What the mock was asked, in order."""
        assert self.kind == "mock"
        return [json.loads(line) for line in (self.state / "log.jsonl").read_text().splitlines()]

    def stop(self):
        """A clean end (SIGTERM), after which its port is closed."""
        assert self.child.stop() == 0, self.child.stderr.text

    def close(self):
        if self.child.process.poll() is None:
            self.stop()
