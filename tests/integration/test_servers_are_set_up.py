"""`cfpipe-edge sshd-setup` on servers as Debian and Red Hat ship them, and on some that their administrators have changed. sshd is
the real one; the servers are machines of the test's own, or a directory where a configuration is all that is looked at."""

import os
import re
import subprocess

import pytest

from support import limits, world as worlds
from support.bare_machine import BareMachine
from support.clients import Client, Ssh
from support.edges import Edge, HOST, PROGRAMS
from support.process import wait_until

EDGE = PROGRAMS["own"]
INCLUDE = "Include {directory}/sshd_config.d/*.conf\n"
CONFIG, USAGE = 78, 64


class Server:
    """A directory with a configuration that sshd likes."""

    def __init__(self, world, text=INCLUDE + "UsePAM no\n"):
        self.world, self.directory = world, world.path("etc")
        self.directory.mkdir()
        world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / "host_key"]).ok()
        self.config = self.directory / "sshd_config"
        self.config.write_text(text.format(directory=self.directory) + f"\nHostKey {self.directory}/host_key\n")
        self.keys, self.drop_in = self.directory / "cfpipe_user_ca_keys", self.directory / "sshd_config.d/50-cfpipe.conf"
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)

    def setup(self, *more, app=HOST, key="-", input=b""):
        keys = [] if key is None else ["--ca-key", key]
        return self.world.run([EDGE, "sshd-setup", "--app", app, *keys, "--sshd-config", self.config, "--no-reload", *more], input=input)

    def files(self):
        """Path, mode and content of all that is there."""
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in self.directory.rglob("*") if path.is_file()}

    def trusts(self):
        shown = self.world.run(["/usr/sbin/sshd", "-T", "-f", self.config]).ok().stdout
        return re.search("^trustedusercakeys (.*)$", shown, re.MULTILINE).group(1)


@pytest.fixture
def ca(world):
    """The line of a CA, as `ca show` prints it."""
    argv = [EDGE, "ca", "{}", "--app", HOST, "--state", world.path("state")]
    world.run([arg if arg != "{}" else "generate" for arg in map(str, argv)]).ok()
    return world.run([arg if arg != "{}" else "show" for arg in map(str, argv)]).ok().stdout.encode()


@pytest.mark.parametrize("text", [INCLUDE + "UsePAM no\n", "# An sshd_config of before drop-ins.\nUsePAM no"], ids=["drop-ins", "none"])
def test_it_is_done_once_and_taken_back_without_a_trace(world, ca, text):
    server = Server(world, text)
    server.config.chmod(0o640)
    before = server.files()
    server.setup("--dry-run", input=ca).ok()
    assert server.files() == before
    done = server.setup(input=ca).ok()
    assert f"wrote {server.keys}" in done.stdout, done
    assert server.trusts() == str(server.keys) and ca.decode().strip() in server.keys.read_text()
    assert (server.keys.stat().st_mode & 0o777, server.config.stat().st_mode & 0o777) == (0o644, 0o640)
    after = server.files()
    assert server.setup(input=ca).ok().stdout == "nothing to change\n" and server.files() == after
    other = ca.replace(HOST.encode(), b"b.localhost")
    server.setup(app="b.localhost", input=other).ok()
    server.setup("--uninstall", key=None).ok()
    assert server.trusts() == str(server.keys) and HOST not in server.keys.read_text()
    server.setup("--uninstall", app="b.localhost", key=None).ok()
    assert server.files() == before and server.trusts() == "none"


def test_keys_come_from_the_state_too_and_those_of_a_rotation_are_two(world, ca):
    server = Server(world)
    world.run([EDGE, "ca", "rotate", "--app", HOST, "--state", world.path("state")]).ok()
    server.setup("--state", world.path("state"), key=None).ok()
    keys = [line for line in server.keys.read_text().splitlines() if not line.startswith("#")]
    assert len(keys) == 2 and ca.decode().strip() in keys
    file = world.path("ca.pub")
    file.write_bytes(ca)
    server.setup(key=file).ok()
    assert [line for line in server.keys.read_text().splitlines() if not line.startswith("#")] == [ca.decode().strip()]


@pytest.mark.parametrize("text, says", [
    (INCLUDE + "NoSuchKeyword yes\n", "mend that first.*NoSuchKeyword"),
    (INCLUDE + "TrustedUserCAKeys /etc/ssh/other.pub\n", "/etc/ssh/other.pub already"),
    ("TrustedUserCAKeys none\n" + INCLUDE, "sshd does not come to use"),
], ids=["broken", "another-authority", "said-before"])
def test_what_is_not_to_be_had_changes_nothing(world, ca, text, says):
    server = Server(world, text)
    before = server.files()
    failed = server.setup(input=ca).failed(CONFIG)
    assert re.fullmatch(f"cfpipe-edge: .*{says}.*\n", failed.stderr), failed
    assert server.files() == before and not server.drop_in.parent.exists()


def test_keys_that_sshd_trusts_in_another_file_are_left_there(world, ca):
    """As one has it who followed a page by hand."""
    server = Server(world)
    mine = server.directory / "ca.pub"
    mine.write_bytes(ca)
    server.config.write_text(f"TrustedUserCAKeys {mine}\n" + server.config.read_text())
    before = server.files()
    assert server.setup(input=ca).ok().stdout == "nothing to change\n"
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.path("other")]).ok()
    other = world.path("other.pub").read_bytes()
    assert "already" in server.setup(input=ca + other).failed(CONFIG).stderr
    assert server.files() == before


@pytest.mark.parametrize("given, says", [
    (b"", "no public key was given; pipe in what 'cfpipe-edge ca show' prints"),
    (b"\nssh-ed25519 AAAA nonsense\n", "line 2 is not the public key of a CA; give the lines of 'cfpipe-edge ca show'"),
    (b"c2VjcmV0IGhhbGYgb2YgYSBrZXk=\n", "line 1 is not the public key of a CA; give the lines of 'cfpipe-edge ca show'"),
    (b"x" * 70_000, "standard input holds more than public keys"),
])
def test_what_is_no_key_is_refused_and_not_shown(world, given, says):
    server = Server(world)
    before = server.files()
    failed = server.setup(input=given).failed(USAGE)
    assert failed.stderr == f"cfpipe-edge: {says}\n" and failed.stdout == "", failed
    assert server.files() == before


class Machine:
    """A server of the test's own, with an sshd that is reloaded as one without systemd is."""

    def __init__(self, world, change=lambda text: text):
        self.machine = BareMachine(world, [])
        config = self.machine.run(["cat", "/etc/ssh/sshd_config"]).ok().stdout
        self.machine.write("/etc/ssh/sshd_config", change(config))
        self.machine.run(["mkdir", "-p", "/run/sshd"]).ok()
        self.machine.run(["useradd", "--create-home", "ann"]).ok()
        self.sshd = self.machine.start(["/usr/sbin/sshd", "-D", "-e"])
        self.sshd.stderr.wait_for("Server listening")

    def log_in(self, world, key, *more):
        return self.machine.run(["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new",
                                 "-o", f"UserKnownHostsFile={world.path('known')}", "-i", key, *more, "ann@127.0.0.1", "echo in"])


@pytest.mark.parametrize("change", [
    lambda text: text,
    # Red Hat's: the Include is behind comments, and the name of the service is another.
    lambda text: "#\n# See sshd_config(5).\n\n" + text,
    lambda text: re.sub("^Include.*$", "", text, flags=re.MULTILINE),
], ids=["debian", "red-hat", "without-drop-ins"])
def test_a_running_sshd_lets_certificates_in_from_then_on(world, change):
    server = Machine(world, change)
    argv = [EDGE, "ca", "{}", "--app", HOST, "--state", world.path("state")]
    ca, key = world.path("ca"), world.path("id")
    for path in (ca, key):
        world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]).ok()
    world.run(["ssh-keygen", "-q", "-s", ca, "-I", "ann@example.com", "-n", "ann", f"{key}.pub"]).ok()
    assert server.log_in(world, key).status == 255
    line = world.path("ca.pub").read_bytes()
    done = server.machine.run([EDGE, "sshd-setup", "--app", HOST, "--ca-key", "-"], input=line).ok()
    assert re.search(r"sshd \(process \d+\) reloaded", done.stderr), done
    assert wait_until(lambda: server.log_in(world, key).stdout == "in\n", "sshd takes the certificate")
    server.machine.run([EDGE, "sshd-setup", "--app", HOST, "--uninstall"]).ok()
    assert wait_until(lambda: server.log_in(world, key).status == 255, "sshd takes it no longer")


TOLD_APART = "takes 127.0.0.1 for another address than the rest of 127.0.0.0/8"


@pytest.mark.parametrize("addresses", ["127.0.0.1", "127.0.0.1,::1", "127.0.0.0/16", "!127.0.0.1,127.0.0.0/8", "127.*", "127.0.0.0/8",
                                       "10.0.0.0/8", "*,!127.0.0.?"])
def test_rules_that_tell_loopback_addresses_apart_are_named(world, ca, addresses):
    """As sshd itself has it: a connector may dial from any of 127.0.0.0/8."""
    server = Server(world)
    server.drop_in.parent.mkdir()
    rules = server.drop_in.with_name("60-mine.conf")
    rules.write_text(f"Match Address {addresses}\n  X11Forwarding yes\n")

    def forwards(address):
        shown = world.run(["/usr/sbin/sshd", "-T", "-f", server.config, "-C", f"user=ann,host={address},addr={address}"]).ok().stdout
        return re.search("^x11forwarding (.*)$", shown, re.MULTILINE).group(1)

    told_apart = len({forwards(address) for address in ("127.0.0.1", "127.1.0.1", "127.254.255.254")}) > 1
    done = server.setup("--edge-address", "127.0.0.1,::1", input=ca).ok()
    assert (f"{rules}:1: Match Address {TOLD_APART}" in done.stderr) == told_apart, done


def test_users_who_are_let_in_from_one_loopback_address_alone_are_named(world):
    server = Machine(world, lambda text: "AllowUsers ann@127.0.0.1\n" + text.replace("X11Forwarding yes", ""))
    key = world.path("id")
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).ok()
    server.machine.run(["install", "-d", "-o", "ann", "-m", "700", "/home/ann/.ssh"]).ok()
    server.machine.write("/home/ann/.ssh/authorized_keys", 'from="127.0.0.1,::1" ' + world.path("id.pub").read_text())

    def set_up():
        line = world.path("id.pub").read_bytes()
        argv = [EDGE, "sshd-setup", "--app", HOST, "--ca-key", "-", "--edge-address", "127.0.0.1,::1"]
        done = server.machine.run(argv, input=line).ok()
        server.machine.run([EDGE, "sshd-setup", "--app", HOST, "--uninstall"]).ok()
        return re.findall(f"cfpipe-edge: (.*) {TOLD_APART}", done.stderr)

    assert server.log_in(world, key).stdout == "in\n"
    assert server.log_in(world, key, "-b", "127.1.2.3").status == 255
    assert set_up() == ["/etc/ssh/sshd_config:1: AllowUsers ann@127.0.0.1", "/home/ann/.ssh/authorized_keys:1: from="]
    server.machine.run(["sed", "-i", "s,127.0.0.1,127.0.0.0/8,", "/etc/ssh/sshd_config", "/home/ann/.ssh/authorized_keys"]).ok()
    assert set_up() == []
    assert wait_until(lambda: server.log_in(world, key, "-b", "127.1.2.3").stdout == "in\n", "sshd has read it again")
