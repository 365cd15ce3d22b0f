"""Our own edge from a configuration file, on loopback, with its built-in sign-in page unless told otherwise."""

import json
import os
import re
import signal
import time

from support import limits, world as worlds
from support.edges import AUTH_HOST, Edge, HOST, PROGRAMS
from support.process import wait_until


class ConfiguredEdge(Edge):
    """`policies`: the YAML value as Python has it; `certificates`: short_lived_certificates, False: none. `hosts`: of applications
    that are all alike. `provider`: identity_provider, a list of several, or a function from this edge, which has its
    TLS certificate by then, to it.
    `more`, `more_app`: further keys of the configuration and of each application. `names`: what else its TLS certificate
    is for. `run_by`: a command that runs it."""

    def __init__(self, world, origin, policies, certificates=None, groups=(), email=worlds.EMAIL, hosts=(HOST,),
                 provider=None, more=None, more_app=None, names=(), run_by=()):
        self.world, self.kind, self.hosts, self.email = world, "own", tuple(hosts), email
        self._names = [*hosts, *names]
        self.state = world.path(f"edge-configured-{len(list(world.directory.glob('edge-*')))}")
        self._make_tls(origin)
        self.config = world.path(f"{self.state.name}.yaml")
        provider = provider(self) if callable(provider) else provider
        named = worlds.NAMED if provider else []
        # JSON is YAML.
        self.config.write_text(json.dumps({
            "listen": "127.0.0.1:0",
            "tls": {"certificate": str(self.state / "tls-cert.pem"), "key": str(self.state / "tls-key.pem")},
            "auth_domain": AUTH_HOST,
            "state": str(self.state),
            **({"identity_providers": provider} if isinstance(provider, list) else
               {"identity_provider": provider or {"type": "dev", "email": email, "groups": list(groups)}}),
            **(more or {}),
            "applications": [{
                "hostname": host,
                "service": f"tcp://{origin}",
                **({} if certificates is False else
                   {"short_lived_certificates": certificates or {"principals": ["email_prefix", *named]}}),
                "policies": policies,
                **(more_app or {}),
            } for host in hosts],
        }))
        self._run = [*run_by, PROGRAMS["own"], "run", "--config", self.config]
        self._start(0)
        world.closing(self)

    def _start(self, port):
        if port:
            self.change(lambda config: config.update(listen=f"127.0.0.1:{port}", auth_domain=f"{AUTH_HOST}:{port}"))
        self.child = self.world.start(self._run)
        self.port = self.child.ready_port()

    def _make_tls(self, origin):
        """`dev` makes a certificate authority of its own when it starts; what it made is used on."""
        argv = [PROGRAMS["own"], "dev", "--auth-domain", AUTH_HOST]
        argv += [part for name in self._names for part in ("--hostname", name)]
        child = self.world.start(argv + ["--listen", "127.0.0.1:0", "--origin", origin, "--state", self.state])
        child.ready_port()
        assert child.stop() == 0, child.stderr.text

    def change(self, change):
        """`change` is given the configuration as Python has it; the edge knows of it once it has been reloaded."""
        config = json.loads(self.config.read_text())
        change(config)
        self.config.write_text(json.dumps(config))

    def reload(self, says="reloaded: "):
        before = self.child.stderr.text.count(says)
        os.kill(self.child.pid, signal.SIGHUP)
        wait_until(lambda: self.child.stderr.text.count(says) > before, f"the edge says: {says}")

    def command(self, *argv):
        """Another of the program's commands, about this edge."""
        return self.world.run([PROGRAMS["own"], *argv, "--config", self.config])

    def audit(self):
        return [json.loads(line) for line in self.command("audit", "--json").ok().stdout.splitlines()]

    def wait_for_audit(self, kind):
        """The first row of that kind: a client may know of its tunnel's end before the edge has written it down."""
        deadline = time.monotonic() + limits.READY_DEADLINE
        while not (rows := [row for row in self.audit() if row["kind"] == kind]):
            assert time.monotonic() < deadline, self.audit()
            time.sleep(0.05)
        return rows[0]

    def service_token(self, name, *options):
        """Makes one: (id, secret)."""
        shown = self.command("service-token", "create", name, *options).ok().stdout
        return re.fullmatch("TUNNEL_SERVICE_TOKEN_ID=(.+)\nTUNNEL_SERVICE_TOKEN_SECRET=(.+)\n", shown).groups()
