"""Style agent: who may ask the agent, for what, for how long, and what it never does."""

import os
import re
import socket
import struct
import subprocess

import pytest

from support import world as worlds
from support.clients import Ssh

OTHER_USER = 65534  # user and group
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


class Session:
    """An open ssh session, whose agent goes on being served."""

    def __init__(self, ssh, *options):
        self.world = ssh.world
        self.child = ssh.start("echo open; cat", *options)
        assert self.child.process.stdout.readline() == b"open\n", self.child.stderr.text
        found = [p for p in ssh.client.home.iterdir() if p.is_socket()]
        assert len(found) == 1, found
        self.socket = found[0]
        self.env = {**self.world.env, "SSH_AUTH_SOCK": str(self.socket)}

    def ssh_add(self, *options, input=b""):
        return self.world.run(["ssh-add", *options], self.env, input)

    def end(self):
        self.child.process.stdin.close()
        assert self.child.wait() == 0, self.child.stderr.text
        self.child.process.stdout.close()


@pytest.fixture
def session(user):
    session = Session(Ssh(user, "agent"))
    yield session
    session.end()


def test_ssh_add_shows_one_certificate_and_no_more(session, kind):
    shown, name = {"own": ("ED25519", "ssh-ed25519"), "mock": ("ECDSA", "ecdsa-sha2-nistp256")}[kind]
    assert re.fullmatch(rf"256 SHA256:\S+ \S+ \({shown}-CERT\)\n", session.ssh_add("-l").ok().stdout)
    assert session.ssh_add("-L").ok().stdout.startswith(f"{name}-cert-v01@openssh.com ")


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_nothing_is_added_removed_or_locked(world, session):
    key = world.path("own-key")
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).ok()
    shown = session.ssh_add("-L").ok().stdout
    world.script("askpass", "echo secret")
    session.env.update(SSH_ASKPASS=str(world.path("bin", "askpass")), SSH_ASKPASS_REQUIRE="force", DISPLAY=":none")
    certificate = world.path("certificate.pub")
    certificate.write_text(shown)
    for options in (["-q", str(key)], ["-q", "-t", "60", "-c", str(key)], ["-D"], ["-d", str(certificate)], ["-x"], ["-X"],
                    ["-s", "/usr/lib/none.so"]):
        assert session.ssh_add(*options).status != 0, options
        assert session.ssh_add("-L").ok().stdout == shown, options


@ROOT_ONLY
@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_another_user_is_hung_up_on(world, user, session):
    # As if the file's mode did not protect it: the process at the other end is looked at as well.
    for path in (world.directory, user.home):
        path.chmod(0o755)
    session.socket.chmod(0o777)
    argv = ["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups", "ssh-add", "-l"]
    asked = world.run(argv, session.env)
    assert asked.status != 0 and asked.output == b"", asked
    assert session.ssh_add("-l").ok().stdout


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_message_beyond_all_bounds_ends_that_connection_alone(session):
    with socket.socket(socket.AF_UNIX) as hostile:
        hostile.settimeout(30)
        hostile.connect(str(session.socket))
        hostile.sendall(struct.pack(">IB", 256 * 1024 + 1, 11) + bytes(1024))
        try:
            assert hostile.recv(1) == b""
        except ConnectionResetError:
            pass
    assert session.ssh_add("-l").ok().stdout


def hop(sshd, command):
    """The command line, for a shell on the host, that logs in to the same sshd once more."""
    host, port = sshd.address.split(":")
    options = "-F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    return f"ssh {options} -p {port} {worlds.USER}@{host} {command}"


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_forwarded_agent_signs_only_if_that_was_asked_for(user, sshd):
    refusing = Ssh(user, "agent")
    refused = refusing.run(hop(sshd, "echo further"), "-A")
    assert refused.status != 0 and refused.stdout == "", refused
    assert refused.stderr.count("cfpipe: certificate: warning: the agent was asked to sign where ssh -A") == 1, refused

    argv = ["access", "ssh-config", "--hostname", user.edge.host(), "--style", "agent", "--forward-agent"]
    allowing = Ssh(user, text=user.run(*argv).ok().stdout)
    allowed = allowing.run(hop(sshd, "echo further"), "-A").ok()
    assert allowed.stdout == "further\n", allowed
    assert "cfpipe:" not in allowed.stderr
    # Another hop behind that one, each ssh binding the agent to its own session.
    twice = allowing.run(hop(sshd, "-A '" + hop(sshd, "echo further still") + "'").replace("ssh -F", "ssh -A -F", 1), "-A")
    assert twice.ok().stdout == "further still\n", twice


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_ssh_tells_the_agent_which_session_it_is_for(world, user):
    """Without that, the tests above would show nothing."""
    done = Ssh(user, "agent").run("true", "-v").ok()
    assert "bound agent to hostkey" in done.stderr, done
