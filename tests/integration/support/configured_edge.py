"""Our own edge from a configuration file, on loopback, with its built-in sign-in page."""

import json
import re

from support import world as worlds
from support.edges import AUTH_HOST, Edge, HOST, PROGRAMS


class ConfiguredEdge(Edge):
    """`policies`: the YAML value as Python has it; `certificates`: short_lived_certificates."""

    def __init__(self, world, origin, policies, certificates=None, groups=(), email=worlds.EMAIL, host=HOST):
        self.world, self.kind, self.hosts, self.email = world, "own", (host,), email
        self.state = world.path(f"edge-configured-{len(list(world.directory.glob('edge-*')))}")
        self._make_tls(origin)
        self.config = world.path(f"{self.state.name}.yaml")
        # JSON is YAML.
        self.config.write_text(json.dumps({
            "listen": "127.0.0.1:0",
            "tls": {"certificate": str(self.state / "tls-cert.pem"), "key": str(self.state / "tls-key.pem")},
            "auth_domain": AUTH_HOST,
            "state": str(self.state),
            "identity_provider": {"type": "dev", "email": email, "groups": list(groups)},
            "applications": [{
                "hostname": host,
                "service": f"tcp://{origin}",
                "short_lived_certificates": certificates or {"principals": ["email_prefix"]},
                "policies": policies,
            }],
        }))
        self.child = world.start([PROGRAMS["own"], "run", "--config", self.config])
        world.closing(self)
        self.port = self.child.ready_port()

    def _make_tls(self, origin):
        """`dev` makes a certificate authority of its own when it starts; what it made is used on."""
        argv = [PROGRAMS["own"], "dev", "--auth-domain", AUTH_HOST, "--hostname", self.hosts[0]]
        child = self.world.start(argv + ["--listen", "127.0.0.1:0", "--origin", origin, "--state", self.state])
        child.ready_port()
        assert child.stop() == 0, child.stderr.text

    def command(self, *argv):
        """Another of the program's commands, about this edge."""
        return self.world.run([PROGRAMS["own"], *argv, "--config", self.config])

    def audit(self):
        return [json.loads(line) for line in self.command("audit", "--json").ok().stdout.splitlines()]

    def service_token(self, name, *options):
        """Makes one: (id, secret)."""
        shown = self.command("service-token", "create", name, *options).ok().stdout
        return re.fullmatch("TUNNEL_SERVICE_TOKEN_ID=(.+)\nTUNNEL_SERVICE_TOKEN_SECRET=(.+)\n", shown).groups()
