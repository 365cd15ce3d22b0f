"""The few commands with which README and docs/TRY.md begin, as they stand there, on a machine made for them."""

import re
import shlex
import signal

import pytest

from support import limits
from support.bare_machine import BareMachine
from support.page import Section
from support.terminal import Terminal

VM, TEAM, STORE = "vm.example.com", "team.cloudflareaccess.com", "login.cloudflareaccess.org"
# How this very build came to be.
BUILT = "./scripts/deps --build && ./scripts/build release && "
SEVEN_STEPS = "A server with short-lived certificates, in seven steps"


class Visitor:
    """A person with sudo, `ann`, on a machine with an sshd that trusts no authority yet."""

    def __init__(self, world, hosts):
        self.world, self.machine = world, BareMachine(world, hosts)
        for line in ("useradd --create-home --shell /bin/bash ann", "mkdir -p /run/sshd"):
            self.machine.run(shlex.split(line)).ok()
        self.start_sshd()
        self.variables = ""

    def start_sshd(self):
        self.sshd = self.machine.start(["/usr/sbin/sshd", "-D", "-e"])
        self.sshd.stderr.wait_for("Server listening")

    def stop_sshd(self):
        """A reload has it start itself anew, and until that is done the signal ends it by itself."""
        assert self.sshd.stop() in (0, 255, -signal.SIGTERM), self.sshd.stderr.text

    def argv(self, line):
        """As ann, in her shell; `sudo` is root, with her variables. A pipe into sudo is root's as a whole."""
        line, root = re.subn(r"\bsudo ", "", line)
        inside = f"cd /home/ann; export HOME=/home/ann USER=ann; {self.variables}{line}"
        user = [] if root else ["setpriv", "--reuid", "ann", "--regid", "ann", "--init-groups", "--"]
        return [*user, "/bin/bash", "-ec", inside]

    def do(self, line):
        return self.machine.run(self.argv(line), cwd=limits.ROOT).ok().stdout

    def install(self, line):
        assert line.startswith(BUILT), line
        installs = line.removeprefix(BUILT).removeprefix("sudo ")
        assert installs.startswith("cmake --install build "), installs
        build = f"cmake --install {shlex.quote(str(limits.BUILD))} " + installs.removeprefix("cmake --install build ")
        self.machine.run(shlex.split(build), cwd=limits.ROOT).ok()

    def start(self, line):
        edge = self.machine.start(self.argv("exec " + line.removesuffix(" &")))
        edge.stdout.wait_for(r"^ready ")
        return edge

    def log_in(self, line, ca_file):
        """ssh in a terminal; the address that it shows is opened in a browser, where the page asks for no password."""
        terminal = self.world.closing(Terminal(self.machine.inside(self.argv(line)), self.machine.env))
        url = terminal.expect(r"(https://\S+)\r\n").group(1)
        page = self.machine.run(["/usr/bin/python3", "-m", "support.sign_in", url, ca_file], cwd=limits.ROOT / "tests/integration")
        assert "so is the program that asked" in page.ok().stdout, page
        terminal.expect("continue connecting")
        terminal.type("yes\n")
        terminal.type("echo I-am-$(whoami)-$((6*7)); exit 3\n")
        terminal.expect("I-am-ann-42")
        assert terminal.wait() == 3, terminal.screen


def test_three_commands_reach_an_application_at_cloudflare(world):
    """The edge answers for Cloudflare's names here."""
    visitor = Visitor(world, (VM, TEAM, STORE))
    certificate, key = world.certificate("edge", f"{VM},DNS:{TEAM},DNS:{STORE}")
    ca_file = world.path("test-ca.pem")
    visitor.machine.trust(ca_file)
    install, configure, connect = Section("README.md", "Use it with Cloudflare today").only("sh").splitlines()
    visitor.install(install)
    visitor.machine.run(["install", "-d", "-m", "0700", "/etc/cfpipe", "/var/lib/cfpipe"]).ok()
    visitor.machine.write("/etc/cfpipe/edge.yaml", f"""
listen: 127.0.0.1:443
tls: {{certificate: {certificate}, key: {key}}}
auth_domain: {TEAM}
transfer_hosts: [{STORE}]
state: /var/lib/cfpipe
identity_provider: {{type: dev, email: ann@example.com}}
applications:
  - hostname: {VM}
    service: ssh://127.0.0.1
    short_lived_certificates: {{principals: [email_prefix]}}
    policies: [{{name: staff, decision: allow, include: [{{email_domain: example.com}}]}}]
""")
    edge = visitor.machine.start(["/usr/local/bin/cfpipe-edge", "run"])
    edge.stdout.wait_for(r"^ready ")
    visitor.machine.run(["/usr/local/bin/cfpipe-edge", "sshd-setup", "--app", VM]).ok()
    visitor.do(configure)
    visitor.log_in(connect, ca_file)
    assert edge.stop() == 0, edge.stderr.text
    visitor.stop_sshd()


@pytest.fixture
def at_home(world):
    """Where the programs are installed already."""
    visitor = Visitor(world, ("vm.localhost", "auth.localhost"))
    visitor.install(Section("README.md", "Use it with Cloudflare today").only("sh").splitlines()[0])
    return visitor


def test_five_commands_run_an_edge_of_ones_own(at_home):
    page = Section("README.md", "Run your own edge")
    serve, trust, configure, connect, audit = page.only("sh").splitlines()
    edge = at_home.start(serve)
    before = at_home.machine.run(["sha256sum", "/etc/ssh/sshd_config"]).ok().stdout
    at_home.do(trust)
    at_home.do(configure)
    at_home.log_in(connect, "/home/ann/.local/state/cfpipe-edge-dev/tls-ca.pem")
    rows = at_home.do(audit)
    for kind in ("login", "certificate", "tunnel_open"):
        assert any(kind in row and "ann@localhost" in row for row in rows.splitlines()), rows
    [undo] = page.in_lines("--uninstall")
    at_home.do(undo)
    assert at_home.machine.run(["sha256sum", "/etc/ssh/sshd_config"]).ok().stdout == before
    assert at_home.machine.run(["ls", "/etc/ssh/cfpipe_user_ca_keys"]).status != 0
    assert edge.stop() == 0, edge.stderr.text
    at_home.stop_sshd()


def test_seven_steps_do_the_same_by_hand(at_home):
    page = Section("docs/TRY.md", SEVEN_STEPS)
    (state, serve), (configure,) = page.blocks("sh")
    at_home.variables = f"{state}; "
    edge = at_home.start(serve)
    for step in ("ca list", "ca show"):
        [line] = page.in_lines(f"cfpipe-edge {step} ", "$state")
        at_home.do(line)
    [lines] = page.blocks("")
    at_home.machine.run(["/bin/sh", "-c", "cat >> /etc/ssh/sshd_config"], input="\n".join(lines).encode() + b"\n").ok()
    at_home.stop_sshd()  # `systemctl restart ssh`, where there is no systemd
    at_home.start_sshd()
    at_home.do(configure)
    at_home.log_in("ssh vm.localhost", "/home/ann/.local/state/cfpipe-edge-dev/tls-ca.pem")
    [line] = page.in_lines("sshd-setup")
    at_home.do(line)
    assert "nothing to change" in at_home.do(line), "said again"
    assert edge.stop() == 0, edge.stderr.text
    at_home.stop_sshd()
