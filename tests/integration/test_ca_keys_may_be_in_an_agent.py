"""`ca: {agent: …, public_key: …}`: the key of an application's certificate authority is in an ssh-agent, or behind one in a
PKCS#11 module, and the edge has never seen it. Agent, module and sshd are the real ones."""

import json
import os

import pytest

from support import world as worlds
from support.clients import Client, Ssh
from support.configured_edge import ConfiguredEdge
from support.edges import HOST
from support.process import wait_until

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
MODULE, PIN = "/usr/lib/softhsm/libsofthsm2.so", "1234"
CONFIG = 78


class CaAgent:
    """An ssh-agent, without a key at first."""

    def __init__(self, world, **env):
        self.world, self.socket = world, world.path("ca-agent.sock")
        self.env = {**world.env, "SSH_AUTH_SOCK": str(self.socket), **env}
        self.start()

    def start(self):
        self.child = self.world.start(["/usr/bin/ssh-agent", "-D", "-a", self.socket], self.env)
        self.child.stdout.wait_for("SSH_AUTH_SOCK=")  # said once it listens, which is later than the file is there

    def stop(self):
        self.child.stop()
        wait_until(lambda: not self.socket.exists(), "the agent has ended")

    def add(self, *what, **env):
        self.world.run(["ssh-add", "-q", *what], {**self.env, **env}).ok()

    def ca(self, line):
        """What the configuration says of it."""
        return {"agent": str(self.socket), "public_key": line.strip()}


def key_pair(world, *kind):
    key = world.path("ca-key")
    world.run(["ssh-keygen", "-q", *kind, "-N", "", "-C", "the team's CA", "-f", key]).ok()
    return key, world.path("ca-key.pub").read_text()


def edge_with(world, sshd, ca):
    sshd.trust(ca["public_key"] + "\n")
    return ConfiguredEdge(world, sshd.address, POLICIES, certificates={"principals": ["email_prefix"], "ca": ca})


@pytest.mark.parametrize("kind", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-b", "3072")], ids=["ed25519", "ecdsa", "rsa"])
def test_sshd_takes_what_an_agent_has_signed(world, sshd, kind):
    agent = CaAgent(world)
    key, line = key_pair(world, *kind)
    agent.add(key)
    key.unlink()
    edge = edge_with(world, sshd, agent.ca(line))
    assert edge.command("ca", "show", "--app", HOST).ok().stdout == line
    client = Client(world, edge)
    client.login()
    assert Ssh(client, "agent").run("echo in").ok().stdout == "in\n"
    krl = world.path("revoked.krl")
    edge.command("ca", "revoke", "--app", HOST, "--identity", worlds.EMAIL).ok()
    edge.command("ca", "krl", "--app", HOST, "--output", krl).ok()
    sshd.configure(f"RevokedKeys {krl}")
    client.ssh_gen().ok()
    for command in ("generate", "rotate", "cancel", "retire"):
        refused = edge.command("ca", command, "--app", HOST).failed(CONFIG)
        assert "is in an agent" in refused.stderr and refused.stdout == "", refused


def test_without_the_agent_nothing_is_signed_until_it_is_back(world, sshd):
    agent = CaAgent(world)
    key, line = key_pair(world, "-t", "ed25519")
    edge = edge_with(world, sshd, agent.ca(line))
    edge.child.stderr.wait_for(f"the CA of {HOST} cannot sign: agent:SHA256:.*it has no keys")
    client = Client(world, edge)
    client.login()
    says = f"the certificate authority of {HOST} does not sign now"
    failed = client.ssh_gen()
    assert failed.status != 0 and says in failed.stderr, failed
    agent.stop()
    failed = client.ssh_gen()
    assert failed.status != 0 and says in failed.stderr, failed
    edge.child.stderr.wait_for(rf"a certificate for {HOST}: \S+ca-agent.sock: No such file")
    agent.start()
    agent.add(key)
    client.ssh_gen().ok()
    assert Ssh(client, "match").run("echo in").ok().stdout == "in\n"


@pytest.mark.skipif(not os.path.exists(MODULE), reason="softhsm2 is not installed: run scripts/deps")
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_sshd_takes_what_a_hardware_module_has_signed(world, sshd, kind):
    tokens, conf, key = world.path("tokens"), world.path("softhsm2.conf"), world.path("key.pem")
    tokens.mkdir()
    conf.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    env = {**world.env, "SOFTHSM2_CONF": str(conf)}
    options = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]}[kind]
    world.run(["openssl", "genpkey", *options, "-out", key]).ok()
    world.run(["softhsm2-util", "--init-token", "--free", "--label", "ca", "--pin", PIN, "--so-pin", PIN], env).ok()
    world.run(["softhsm2-util", "--import", key, "--token", "ca", "--label", "ca", "--id", "01", "--pin", PIN], env).ok()
    key.unlink()
    # What ssh-keygen shows it has from the module itself.
    line = world.run(["ssh-keygen", "-D", MODULE], env).ok().stdout.splitlines()[0]
    agent = CaAgent(world, SOFTHSM2_CONF=str(conf))
    agent.add("-s", MODULE, SSH_ASKPASS=str(world.script("pin", f"echo {PIN}")), SSH_ASKPASS_REQUIRE="force", DISPLAY="none")
    client = Client(world, edge_with(world, sshd, agent.ca(line)))
    client.login()
    assert Ssh(client, "agent").run("echo in").ok().stdout == "in\n"


@pytest.mark.parametrize("ca, says", [
    ({"agent": "relative.sock", "public_key": "{line}"}, "'agent' must be the absolute path of an ssh-agent's socket"),
    ({"agent": "/" + "x" * 120, "public_key": "{line}"}, "of at most 107 bytes"),
    ({"agent": "/run/ca.sock", "public_key": "ssh-ed25519 AAAA"}, "'public_key' must be the CA's public key"),
    ({"agent": "/run/ca.sock"}, "public_key"),
    ({"public_key": "{line}"}, "agent"),
    ({"agent": "/run/ca.sock", "public_key": "{line}", "pin": "1"}, "pin"),
])
def test_faults_are_named(world, sshd, ca, says):
    line = key_pair(world, "-t", "ed25519")[1].strip()
    edge = ConfiguredEdge(world, sshd.address, POLICIES)
    text = edge.config.read_text()
    config = json.loads(text)
    config["applications"][0]["short_lived_certificates"]["ca"] = {k: v.replace("{line}", line) for k, v in ca.items()}
    edge.config.write_text(json.dumps(config))
    failed = edge.command("check-config").failed(CONFIG)
    assert says in failed.stderr, failed
