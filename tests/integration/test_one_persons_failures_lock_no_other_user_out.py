"""OpenSSH 9.8 and later shut out an address from which logins fail. All people behind an edge come from one: `sshd-setup` says so
to sshd. The servers are those of Debian 13 and of Debian testing."""

import re

import pytest

from support import limits
from support.debian import OtherDebian
from support.edges import HOST, PROGRAMS
from support.process import wait_until

pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers' library is not on those machines")

EDGE = PROGRAMS["own"]
FAILURES = 8  # each costs 5 s of the 15 s from which on an address is shut out
SSH = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
       "-o", "LogLevel=ERROR", "-p", "2222"]


class Server:
    def __init__(self, world, suite):
        self.machine = OtherDebian(world, suite, limits.BUILD)
        self.machine.run(["useradd", "--create-home", "ann"]).ok()
        self.machine.run(["/bin/sh", "-c", "echo Port 2222 >> /etc/ssh/sshd_config"]).ok()
        for name in ("/root/ca", "/root/id", "/root/unknown"):
            self.machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name]).ok()
        self.machine.run(["ssh-keygen", "-q", "-s", "/root/ca", "-I", "ann@example.com", "-n", "ann", "/root/id.pub"]).ok()
        self.sshd = None

    def set_up(self, *more):
        line = self.machine.run(["cat", "/root/ca.pub"]).ok().stdout.encode()
        return self.machine.run([EDGE, "sshd-setup", "--app", HOST, "--ca-key", "-", *more], input=line)

    def setting(self, name):
        shown = self.machine.run(["/bin/sh", "-c", "mkdir -p /run/sshd; sshd -T"]).ok().stdout
        return re.search(f"^{name} (.*)$", shown, re.MULTILINE | re.IGNORECASE).group(1)

    def start(self):
        self.machine.run(["mkdir", "-p", "/run/sshd"]).ok()
        self.sshd = self.machine.start(["/usr/sbin/sshd", "-D", "-e"])
        self.sshd.stderr.wait_for("Server listening")

    def fail(self):
        for _ in range(FAILURES):
            assert self.machine.run([*SSH, "-i", "/root/unknown", "ann@127.0.0.1", "true"]).status == 255

    def ann(self):
        return self.machine.run([*SSH, "-i", "/root/id", "ann@127.0.0.1", "echo in"])


@pytest.fixture(params=["trixie", "testing"])
def server(world, request):
    return Server(world, request.param)


def test_without_it_everybody_is_locked_out(server):
    """What the others guard against: were it gone, their servers would prove nothing."""
    told = server.set_up().ok()
    assert "run this again with --edge-address" in told.stderr and "MaxStartups 10:30:100" in told.stderr, told
    server.start()
    assert server.ann().ok().stdout == "in\n"
    server.fail()
    refused = wait_until(lambda: (one := server.ann()).status == 255 and one, "sshd shuts the address out")
    assert "in\n" not in refused.stdout
    assert "penalty" in server.sshd.stderr.text


def test_with_it_others_get_in(server):
    told = server.set_up("--edge-address", "127.0.0.1,10.0.0.0/8").ok()
    assert "--edge-address" not in told.stderr, told
    assert server.setting("persourcepenaltyexemptlist") == "127.0.0.1,10.0.0.0/8"
    server.start()
    server.fail()
    assert server.ann().ok().stdout == "in\n"


def test_what_an_administrator_exempted_stays_so(server):
    server.machine.write("/etc/ssh/sshd_config.d/90-own.conf", "PerSourcePenaltyExemptList 192.0.2.1\n")
    server.set_up("--edge-address", "10.0.0.2").ok()
    assert server.setting("persourcepenaltyexemptlist") == "192.0.2.1,10.0.0.2"
    assert server.set_up("--edge-address", "10.0.0.2").ok().stdout == "nothing to change\n"
    server.set_up().ok()
    assert server.setting("persourcepenaltyexemptlist") == "192.0.2.1,10.0.0.2", "an address is forgotten"
    server.machine.run([EDGE, "sshd-setup", "--app", HOST, "--uninstall"]).ok()
    assert server.setting("persourcepenaltyexemptlist") == "192.0.2.1"


def test_keys_in_a_file_of_the_administrators_stay_there(server):
    server.machine.write("/etc/ssh/sshd_config.d/10-own.conf", "TrustedUserCAKeys /root/ca.pub\n")
    server.set_up("--edge-address", "127.0.0.1").ok()
    assert server.setting("trustedusercakeys") == "/root/ca.pub"
    assert server.setting("persourcepenaltyexemptlist") == "127.0.0.1"
    assert server.set_up("--edge-address", "127.0.0.1").ok().stdout == "nothing to change\n"
    server.machine.run([EDGE, "sshd-setup", "--app", HOST, "--uninstall"]).ok()
    assert server.setting("persourcepenaltyexemptlist") == "none"
    assert server.setting("trustedusercakeys") == "/root/ca.pub"


def test_a_server_whose_sshd_has_not_run_yet_is_set_up(server):
    """Where systemd's socket starts sshd, /run/sshd comes with the first connection."""
    server.machine.run(["rm", "-rf", "/run/sshd"]).ok()
    server.set_up("--edge-address", "127.0.0.1", "--dry-run").ok()
    server.set_up("--edge-address", "127.0.0.1").ok()
    assert server.machine.run(["test", "-e", "/run/sshd"]).status == 1, "it is sshd's service that makes it to stay"
    server.start()
    assert server.ann().ok().stdout == "in\n"


def test_what_is_no_address_is_refused(server):
    for wrong in ("edge.example.com", "10.0.0.1/8", "10.0.0.2;id", "10.0.0.2 10.0.0.3"):
        refused = server.set_up("--edge-address", wrong).failed(64)
        assert refused.stderr.count("\n") == 1 and "--edge-address" in refused.stderr, refused
