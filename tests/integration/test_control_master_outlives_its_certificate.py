"""ControlMaster: many sessions in one tunnel, and a certificate that ends under them ends none of them."""

import datetime
import re
import time

import pytest

from support import certificates
from support.clients import Client, Ssh
from support.edges import Edge
from support.pairs import EDGE_AND_STYLE
from support.process import wait_until
from support.world import USER

LIFE_SECONDS = 15  # of a certificate: enough for a login on a busy machine, few enough to be waited for
SESSIONS = 5


class Master:
    """A connection that stays in the background for others to share, at a socket of its own."""

    def __init__(self, ssh, name):
        self.ssh, self.socket = ssh, ssh.world.path(name)
        ssh.run("true", "-M", "-S", self.socket, "-o", "ControlPersist=yes").ok()
        ssh.world.closing(self)

    def run(self, command, **options):
        """In a session of this connection, and never of one made for the purpose, which ssh would do if it had to."""
        return self.ssh.run(command, "-S", self.socket, "-o", "ProxyCommand=false", **options)

    def control(self, command):
        return self.ssh.tool("ssh", "-S", self.socket, "-O", command, self.ssh.host)

    def close(self):
        if self.socket.exists():
            self.control("exit").ok()
            wait_until(lambda: not self.socket.exists(), "the master has ended")


def serials(sshd):
    """Of the certificates that have logged in, in order."""
    return re.findall(r"Accepted publickey for .* \(serial (\d+)\)", sshd.log())


@EDGE_AND_STYLE
def test_sessions_share_one_tunnel(ssh, sshd):
    master = Master(ssh, "master")
    for number in range(SESSIONS):
        assert master.run(f"cat; exit {number}", input=b"shared\n").status == number
    assert "Master running" in master.control("check").ok().stderr
    assert len(serials(sshd)) == 1
    master.close()
    wait_until(lambda: not [p for p in ssh.client.home.iterdir() if p.is_socket()], "its agent has gone too")
    assert ssh.run("true", "-S", master.socket).ok().status == 0  # the next session makes a connection again
    assert len(serials(sshd)) == 2


@pytest.fixture(params=["match", "agent"])
def short(request, world, sshd):
    """OpenSSH whose certificates soon end."""
    edge = Edge(world, "mock", sshd.address, faults=[f"sign-ttl={LIFE_SECONDS}"])
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    client.login()
    return Ssh(client, request.param)


def certificate_of(ssh):
    """(options with which another ssh would use it, when it ends)."""
    copy = ssh.world.path("certificate.pub")
    agents = [p for p in ssh.client.home.iterdir() if p.is_socket()]
    if agents:
        line = ssh.tool("ssh-add", "-L", SSH_AUTH_SOCK=str(agents[0])).ok().stdout
        options = ["-o", f"IdentityAgent={agents[0]}"]
    else:
        key = ssh.client.file("*-cf_key")
        line = (ssh.client.home / f"{key.name}-cert.pub").read_text()
        options = ["-i", key, "-o", f"CertificateFile={copy}"]
    copy.write_text(line)
    end = re.search(r"Valid: from \S+ to (\S+)", certificates.shown(ssh.world, copy)).group(1)
    return options, datetime.datetime.fromisoformat(end + "+00:00").timestamp()


def logs_in_with(ssh, sshd, options):
    """Past the tunnel, with what an ssh of this user's is given and nothing else."""
    host, port = sshd.address.split(":")
    argv = ["/usr/bin/ssh", "-F", "none", "-p", port, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", *options, host, "true"]
    return ssh.world.run(argv, ssh.client.env)


def test_certificate_may_end_under_a_master(short, sshd):
    old = Master(short, "old")
    options, end = certificate_of(short)
    before = serials(sshd)

    wait_until(lambda: time.time() > end, "the certificate has ended", LIFE_SECONDS + 5)
    refused = logs_in_with(short, sshd, options)
    assert refused.status == 255 and "Permission denied" in refused.stderr, refused

    text = b"as if nothing had been\n" * 100_000
    assert old.run("cat", input=text).ok().output == text
    assert serials(sshd) == before

    new = Master(short, "new")
    assert new.run("id -un").ok().stdout.strip() == USER
    assert len(serials(sshd)) == len(before) + 1
    assert serials(sshd)[-1] not in before
    assert short.client.browser_runs() == 1
    # Neither is in the other's way.
    new.close()
    assert old.run("echo still here").ok().stdout == "still here\n"
