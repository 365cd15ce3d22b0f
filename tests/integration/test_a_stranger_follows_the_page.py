"""docs/EDGE.md takes a stranger from a bare machine and an identity provider to ssh with a certificate. Its lines are run as they
stand there, in order, on a machine made for it; what is done otherwise is in this file by name."""

import configparser
import os
import re
import shlex
import signal

from support import limits
from support.bare_machine import BareMachine
from support.page import Section, all_pages, command_lines
from support.provider import IdentityProvider, PASSWORD
from support.terminal import Terminal

AUTH, VM, IDP, ORIGIN = "auth.example.com", "vm.example.com", "idp.example.com", "10.0.0.5"
UNIT = "/usr/local/lib/systemd/system/cfpipe-edge.service"
# How this very build came to be.
DONE = {"./scripts/deps --build", "./scripts/build release"}
# Their lines are about `cfpipe-edge dev`, or have a test of their own.
OF_ANOTHER_EDGE = ("README.md", "docs/TRY.md", "docs/CONNECTOR.md")


class Stranger:
    def __init__(self, world):
        self.machine = machine = BareMachine(world, (AUTH, VM, IDP))
        self.world, self.page = world, Section("docs/EDGE.md", "From a bare machine to ssh")
        idp = world.certificate("idp", IDP)
        self.ca_file = world.path("test-ca.pem")
        machine.trust(self.ca_file)
        # What the page takes for granted: a provider, a TLS certificate, a server with an account.
        self.provider = IdentityProvider(machine, {"ann": {"email": "ann@example.com", "email_verified": True}},
                                         {"client_id": "cfpipe"}, tls={"host": IDP, "certificate": idp[0], "key": idp[1]})
        self.provider.auth_domain = AUTH
        self.provider.serve(self.provider)
        self.certificate = world.certificate("edge", f"{AUTH},DNS:{VM}")
        machine.run(["ip", "address", "add", f"{ORIGIN}/32", "dev", "lo"]).ok()
        machine.run(["useradd", "--create-home", "--shell", "/bin/bash", "ann"]).ok()
        machine.run(["mkdir", "-p", "/run/sshd"]).ok()
        self.sshd = machine.start(["/usr/sbin/sshd", "-D", "-e"])
        self.sshd.stderr.wait_for("Server listening")
        self.shown = {}  # output by line

    def follow(self):
        instead = {
            "cmake --install build --prefix /usr/local": self.install,
            "chown cfpipe-edge /etc/cfpipe/fullchain.pem /etc/cfpipe/privkey.pem": self.place_certificate,
            "install -o cfpipe-edge -m 0600 /dev/stdin /etc/cfpipe/oidc-secret": self.paste_secret,
            "systemctl enable --now cfpipe-edge": self.start_edge,
            f"cfpipe-edge sshd-setup --app {VM} --ca-key -": self.set_up_sshd,
            f"ssh {VM}": self.log_in,
        }
        for where, line in self.page.lines():
            line = line.split("  #")[0].rstrip()
            if line in DONE:
                continue
            if line in instead:
                instead.pop(line)(where, line)
            else:
                self.run(where, line)
        assert not instead, f"the page does not say: {list(instead)}"

    def run(self, where, line, input=b""):
        """As root, or as the one who is named: `as ann, anywhere`."""
        user = [] if where.endswith("as root") else ["runuser", "-l", where.split()[1].rstrip(","), "-c"]
        argv = [*user, line] if user else ["/bin/bash", "-ec", line]
        self.shown[line] = self.machine.run(argv, cwd=limits.ROOT, input=input).ok().stdout

    def install(self, where, _):
        self.run(where, f"cmake --install {shlex.quote(str(limits.BUILD))} --prefix /usr/local")

    def place_certificate(self, where, line):
        for name, file in zip(("fullchain", "privkey"), self.certificate):
            self.machine.run(["cp", file, f"/etc/cfpipe/{name}.pem"]).ok()
        self.run(where, line)

    def paste_secret(self, where, line):
        self.run(where, line, self.provider.client["client_secret"].encode() + b"\n")
        # And the next paragraph's file, with the port that this provider happens to have.
        self.machine.write("/etc/cfpipe/edge.yaml",
                           self.page.only("yaml").replace(f"https://{IDP}\n", f"{self.provider.issuer}\n"))

    def start_edge(self, *_):
        """What systemd would make of the unit, were it here."""
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read_string(self.machine.run(["cat", UNIT]).ok().stdout)
        service = unit["Service"]
        user = service["User"]
        self.machine.run(["install", "-d", "-o", user, "-m", service["StateDirectoryMode"],
                          f"/var/lib/{service['StateDirectory']}"]).ok()
        capability = service["AmbientCapabilities"].removeprefix("CAP_").lower()
        as_user = ["setpriv", "--reuid", user, "--regid", service["Group"], "--clear-groups",
                   f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}", f"--bounding-set=-all,+{capability}"]
        self.edge = self.machine.start([*as_user, *shlex.split(service["ExecStart"])])
        self.edge.stdout.wait_for(r"^ready ")

    def set_up_sshd(self, where, line):
        shown = [text for done, text in self.shown.items() if " ca show " in done]
        assert len(shown) == 1 and shown[0].startswith("ssh-ed25519 "), self.shown
        self.run(where, line, shown[0].encode())

    def log_in(self, where, line):
        argv = self.machine.inside(["runuser", "-u", "ann", "--", "env", "HOME=/home/ann", *shlex.split(line)])
        terminal = self.world.closing(Terminal(argv, self.machine.env))
        url = terminal.expect(r"(https://\S+)\r\n").group(1)
        signs_in = ["/usr/bin/python3", "-m", "support.sign_in", url, self.ca_file, "ann", PASSWORD]
        page = self.machine.run(signs_in, cwd=limits.ROOT / "tests/integration").ok().stdout
        assert "so is the program that asked" in page, page
        terminal.expect("continue connecting")
        terminal.type("yes\n")
        terminal.type("echo I-am-$(whoami)-$((6*7)); exit 3\n")
        terminal.expect("I-am-ann-42")
        assert terminal.wait() == 3, terminal.screen


def listens_on_a_port(stranger):
    """And the lines of the client guide, as ann, who is logged in by then."""
    ((listen, certify, connect),) = Section("docs/CLIENT.md", "Listening on a port").blocks("sh")
    as_ann = ["setpriv", "--reuid", "ann", "--regid", "ann", "--init-groups", "--", "/bin/bash", "-ec"]
    listen, shown = listen.split("  # prints: ")
    listener = stranger.machine.start([*as_ann, f"export HOME=/home/ann; exec {listen.rstrip(' &')}"])
    listener.stderr.wait_for(f"^{re.escape(shown)}$")
    for line in ("ssh-keyscan -p 2222 127.0.0.1 >> ~/.ssh/known_hosts", certify):
        stranger.machine.run([*as_ann, f"export HOME=/home/ann; {line}"]).ok()
    done = stranger.machine.run([*as_ann, f"export HOME=/home/ann; {connect}"], input=b"echo I-am-$(whoami); exit 3\n").failed(3)
    assert done.stdout.endswith("I-am-ann\n"), done
    assert listener.stop() == 0, listener.stderr.text


def test_from_a_bare_machine_to_ssh(world):
    stranger = Stranger(world)
    stranger.follow()
    listens_on_a_port(stranger)
    audit = stranger.shown["cfpipe-edge audit"]
    for kind in ("login", "certificate", "tunnel_open"):
        assert any(kind in row and "ann@example.com" in row for row in audit.splitlines()), audit
    assert stranger.edge.stop() == 0, stranger.edge.stderr.text
    assert stranger.sshd.stop() in (0, 255), stranger.sshd.stderr.text


class Administrator:
    """Root on that machine afterwards, with the lines of the other sections and pages."""

    def __init__(self, stranger):
        self.stranger, self.machine, self.shown = stranger, stranger.machine, {}
        # What the lines take for granted: root may log in to the server, and a directory with its host key.
        for line in ("mkdir -m 0700 -p /root/.ssh /root/.config", "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519",
                     "cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys", f"ssh-keyscan {ORIGIN} > /root/.ssh/known_hosts",
                     "mkdir /root/keys && cp /etc/ssh/ssh_host_ed25519_key.pub /root/keys"):
            self.sh(line).ok()
        # As a terminal in the browser leaves it, which nothing here has opened.
        key = self.sh("cat ssh_host_ed25519_key.pub").ok().stdout.strip()
        seen = f"INSERT INTO host_keys (hostname, origin, line, time) VALUES ('{VM}', '{ORIGIN}:22', '{key}', 1)"
        script = f"import sqlite3; db = sqlite3.connect('/var/lib/cfpipe/edge.db'); db.execute({seen!r}); db.commit()"
        self.machine.run(["runuser", "-u", "cfpipe-edge", "--", "/usr/bin/python3", "-c", script]).ok()

    def sh(self, line):
        return self.machine.run(["/bin/bash", "-ec", f"export HOME=/root; cd /root/keys 2>/dev/null || cd /root; {line}"])

    def do(self, line):
        session = re.search(r"session revoke \S+", line)
        if session:  # the page's is an example
            of_logins = re.findall(r" login ann@.*session ([\w-]+)", self.sh("cfpipe-edge audit").ok().stdout)
            line = line.replace(session.group(0), f"session revoke {of_logins[0]}")
        self.shown[line] = self.sh(line).ok().stdout

    def tries_policies(self):
        """The page's question to the page's policies, and its answer."""
        page = (limits.ROOT / "docs/POLICIES.md").read_text()
        policies = re.search(r"^## Policies$.*?^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
        question, answer = re.search(r"^\$ (cfpipe-edge policy test .*)\n((?:.+\n)*?)```", page, re.MULTILINE).groups()
        config = self.machine.run(["cat", "/etc/cfpipe/edge.yaml"]).ok().stdout
        config, others = config.split("    policies:\n")
        assert others.count("\n") == 1, others
        self.machine.write("/etc/cfpipe/page.yaml", config + policies)
        asked = self.sh(f"CFPIPE_EDGE_CONFIG=/etc/cfpipe/page.yaml {question}").failed(77)
        assert asked.stdout == answer, asked


def test_every_line_for_administrators_on_every_page_does_what_it_says(world):
    stranger = Stranger(world)
    stranger.follow()
    administrator = Administrator(stranger)
    followed = {line.split("  #")[0].rstrip() for _, line in stranger.page.lines()}
    # The agent for keys has a test of its own.
    elsewhere = re.compile(r"cfpipe-edge -- |-u cfpipe-edge -- ssh-|-g cfpipe-edge|chown cfpipe-edge|-o cfpipe-edge")
    lines = [line for page in all_pages() if page not in OF_ANOTHER_EDGE for line in command_lines(page, "cfpipe-edge")
             if line not in followed and not elsewhere.search(line)]
    assert len(lines) >= 12, lines
    for line in lines:
        administrator.do(line)
    administrator.tries_policies()
    shown = administrator.shown
    assert "nothing to change" in shown[next(line for line in shown if " ssh root@" in line)]
    assert shown[f"cfpipe-edge ca known-hosts --app {VM}"].startswith("@cert-authority ")
    assert administrator.sh("ssh-keygen -L -f ssh_host_ed25519_key-cert.pub").ok().stdout.count(VM) >= 1
    assert administrator.sh("ssh-keygen -Q -l -f revoked.krl").ok()
    assert stranger.edge.stop() == 0, stranger.edge.stderr.text
    assert stranger.sshd.stop() in (0, 255), stranger.sshd.stderr.text


class Program:
    """`deploy`, a program with an account on the server, and the lines of docs/SERVICE_TOKENS.md."""

    def __init__(self, stranger):
        self.stranger, self.machine, self.page = stranger, stranger.machine, "docs/SERVICE_TOKENS.md"
        self.machine.run(["useradd", "--create-home", "--shell", "/bin/bash", "deploy"]).ok()
        # What the lines take for granted: the policy, two directories, and the server's key.
        self.change_configuration()
        self.do("mkdir -p -m 0700 ~/.config ~/.ssh")
        self.do(f"ssh-keyscan {ORIGIN} | sed s/^{ORIGIN}/{VM}/ > ~/.ssh/known_hosts")

    def change_configuration(self):
        config = self.machine.run(["cat", "/etc/cfpipe/edge.yaml"]).ok().stdout
        of_people = "    short_lived_certificates: {principals: [email_prefix]}\n"
        assert config.count(of_people) == 1, config
        [of_programs] = Section(self.page, "At your own edge").blocks("yaml", stripped=False)
        config = config.replace(of_people, "\n".join(of_programs) + "\n")
        config += "      - {name: ci, decision: service_auth, include: [{service_token: deploy}]}\n"
        self.machine.write("/etc/cfpipe/edge.yaml", config)
        os.kill(self.stranger.edge.pid, signal.SIGHUP)
        self.stranger.edge.stderr.wait_for("reloaded: ")

    def do(self, line, input=b""):
        user = [] if line.startswith("cfpipe-edge ") else ["setpriv", "--reuid", "deploy", "--regid", "deploy", "--init-groups", "--"]
        inside = f"cd /home/deploy; export HOME=/home/deploy USER=deploy; {line}"
        return self.machine.run([*user, "/bin/bash", "-ec", inside], input=input)


def test_a_program_connects_by_the_lines_of_its_page(world):
    stranger = Stranger(world)
    stranger.follow()
    program = Program(stranger)
    (place, create, configure, connect), (with_variables,) = Section(program.page, "Make one, and use it").blocks("sh")
    for line in (place, create, configure):
        program.do(line.split("   #")[0]).ok()
    assert program.do(connect, b"echo I-am-$(whoami); exit 3\n").failed(3).stdout.endswith("I-am-deploy\n")
    variables = dict(re.findall(r"^(\w+)=(\S+)$", program.do("cat ~/.config/ci-token").ok().stdout, re.MULTILINE))
    for name, value in variables.items():
        assert f"{name}=…" in with_variables
        with_variables = with_variables.replace(f"{name}=…", f"{name}={value}")
    assert "…" not in with_variables and "load average" in program.do(with_variables).ok().stdout
    assert stranger.edge.stop() == 0, stranger.edge.stderr.text
    assert stranger.sshd.stop() in (0, 255), stranger.sshd.stderr.text
