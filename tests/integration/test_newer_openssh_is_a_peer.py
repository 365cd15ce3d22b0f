"""OpenSSH of Debian 13 and of Debian testing at both ends. The client of 10.5 reads keys and certificates before it starts a ProxyCommand,
older ones after that; what is served in time for one has to be in time for the other."""

import re

import pytest

from support import limits
from support.clients import CFPIPE
from support.debian import OtherDebian
from support.edges import AUTH_HOST, HOST, PROGRAMS
from support.terminal import Terminal

pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers' library is not on those machines")

OLDEST = {"trixie": 10, "testing": 10}  # what the suites have, as OpenSSH counts
BROWSER = limits.ROOT / "scripts/scripted-browser"
SSHD_CONFIG = "Port 2222\nListenAddress 127.0.0.1\nTrustedUserCAKeys /root/ca.pub\n"
SSH_CONFIG = """Host *
  UserKnownHostsFile /root/known_hosts
  StrictHostKeyChecking accept-new
  BatchMode yes
  LogLevel ERROR

"""


class Machine(OtherDebian):
    """With an edge, an sshd behind it that trusts it, and a client that has logged in but has no certificate yet."""

    def __init__(self, world, suite):
        super().__init__(world, suite, limits.BUILD)
        self.env |= {"CFPIPE_HOME": "/root/state", "SSL_CERT_FILE": "/root/edge/tls-ca.pem", "PATH": f"{limits.BUILD}:{self.env['PATH']}"}
        self.run(["useradd", "--create-home", "ann"]).ok()
        edge = self.start([PROGRAMS["own"], "dev", "--listen", "127.0.0.1:0", "--origin", "127.0.0.1:2222", "--hostname", HOST,
                           "--auth-domain", AUTH_HOST, "--email", "ann@example.com", "--state", "/root/edge"])
        self.host = f"{HOST}:{edge.ready_port()}"
        self.write("/root/ca.pub", self.run([PROGRAMS["own"], "ca", "show", "--app", HOST, "--state", "/root/edge"]).ok().stdout)
        self.write("/etc/ssh/sshd_config.d/90-test.conf", SSHD_CONFIG)
        self.run(["mkdir", "-p", "/run/sshd", "/root/.ssh"]).ok()
        self.sshd = self.start(["/usr/sbin/sshd", "-D", "-e"])
        self.sshd.stderr.wait_for("Server listening")
        self._login()

    def _login(self):
        """The browser is one of this machine, in that one's network."""
        login = self.start([CFPIPE, "access", "login", "--quiet", "--no-browser", "--auth-domain", AUTH_HOST, f"https://{self.host}/"])
        login.stderr.wait_for(r"^https://\S+$")
        url = re.search(r"^https://\S+$", login.stderr.text, re.MULTILINE).group()
        network = ["nsenter", "--target", str(self._first.pid), "--net", "--"]
        authority = self.world.path("tls-ca.pem")
        authority.write_text(self.run(["cat", self.env["SSL_CERT_FILE"]]).ok().stdout)
        self.world.run([*network, BROWSER, url], {**self.world.env, "SSL_CERT_FILE": str(authority)}).ok()
        assert login.wait() == 0, login.stderr.text

    def configure(self, style):
        argv = [CFPIPE, "access", "ssh-config", "--hostname", self.host, "--short-lived-cert", "--style", style]
        self.write("/root/.ssh/config", SSH_CONFIG + self.run(argv).ok().stdout)


@pytest.fixture(params=OLDEST)
def machine(world, request):
    machine = Machine(world, request.param)
    version = machine.run(["ssh", "-V"]).ok().stderr
    assert int(re.match(r"OpenSSH_(\d+)", version).group(1)) >= OLDEST[request.param], version
    return machine


@pytest.mark.parametrize("style", ["match", "agent"])
def test_its_ssh_logs_in_at_its_sshd_the_first_time_and_again(machine, style):
    machine.configure(style)
    for _ in range(2):
        assert machine.run(["ssh", f"ann@{HOST}", "id -un"]).ok().stdout == "ann\n"
    assert len(re.findall("Accepted publickey for ann .*-CERT ", machine.sshd.stderr.text)) == 2, machine.sshd.stderr.text


def test_its_ssh_opens_a_shell_in_the_chain_style(world, machine):
    machine.configure("chain")
    terminal = world.closing(Terminal(machine.inside(["ssh", f"ann@{HOST}"]), {**machine.env, "TERM": "dumb"}))
    terminal.type("echo answer-$((6*7))-$(id -un); exit\n")
    terminal.expect(r"answer-42-ann\r\n")
    terminal.wait()


def test_its_scp_copies_both_ways(machine):
    machine.configure("agent")
    machine.run(["/bin/sh", "-c", "head -c 1000000 /dev/urandom > /root/original"]).ok()
    machine.run(["scp", "-q", "/root/original", f"ann@{HOST}:there"]).ok()
    machine.run(["scp", "-q", f"ann@{HOST}:there", "/root/back"]).ok()
    machine.run(["cmp", "/root/original", "/root/back"]).ok()


def test_its_connection_is_shared_for_its_sessions(machine):
    machine.configure("match")
    for _ in range(2):
        assert machine.run(["ssh", "-o", "ControlMaster=auto", "-o", "ControlPath=/root/master", "-o", "ControlPersist=yes",
                           f"ann@{HOST}", "echo in"]).ok().stdout == "in\n"
    machine.run(["ssh", "-o", "ControlPath=/root/master", "-O", "exit", HOST]).ok()
    assert len(re.findall("Accepted publickey", machine.sshd.stderr.text)) == 1, machine.sshd.stderr.text
