"""The commands of `cfpipe-edge` on a machine where the edge has a user of its own: root may run each of them and becomes that user, the
user may, another one is told who may. What the pages say to run is run as it stands there."""

import json
import re
import shlex

import pytest

from support.bare_machine import BareMachine
from support.edges import PROGRAMS

AUTH, VM = "auth.example.com", "vm.example.com"
STATE, CONFIG_FILE, HOST_KEY = "/var/lib/cfpipe", "/etc/cfpipe/edge.yaml", "/etc/ssh/ssh_host_ed25519_key.pub"
OWNER = "cfpipe-edge"
CONFIG = 78

# With {who} for what each user makes of its own, {dir} for a directory that is the user's alone.
COMMANDS = [
    "check-config",
    f"policy test --app {VM} --email ann@example.com",
    "ca list",
    f"ca show --app {VM}",
    "ca generate --app {who}.example.com",
    "ca rotate --app {who}.example.com",
    "ca cancel --app {who}.example.com",
    "ca rotate --app {who}.example.com",
    "ca retire --app {who}.example.com",
    f"ca revoke --app {VM} --serial 7",
    f"ca krl --app {VM}",
    f"ca krl --app {VM} --output {{dir}}/revoked.krl",
    f"ca sign-host --app {VM} --key {HOST_KEY}",
    f"ca sign-host --app {VM} --key -",
    f"ca sign-host --app {VM} --key /dev/stdin",
    f"ca sign-host --app {VM} --key /dev/fd/0",
    f"ca known-hosts --app {VM}",
    "host-key list",
    "service-token create {who}",
    "service-token list",
    "service-token revoke {who}",
    "connector create {who}",
    "connector list",
    "revoke --email {who}@example.com",
    "session list",
    "tunnel list",
    "application list",
    "audit",
    "audit --json --since 1h",
    "backup {dir}/copy.db",
    f"sshd-setup --app {VM} --dry-run",
]
# What is about sshd is for root: it reads the host's keys.
FOR_ROOT = ("sshd-setup",)


class Administered:
    """A machine with the programs and the account of the edge, its configuration, and an sshd."""

    def __init__(self, world):
        self.machine = machine = BareMachine(world, (AUTH, VM))
        self.certificate = world.certificate("edge", f"{AUTH},DNS:{VM}")
        self.sh(f"install -m 0755 {PROGRAMS['own']} /usr/local/bin/cfpipe-edge")
        self.sh(f"useradd --system --no-create-home --home-dir {STATE} --shell /usr/sbin/nologin {OWNER}")
        self.sh("useradd --create-home ann && mkdir -p /run/sshd && ssh-keygen -A")
        self.sh(f"install -d -o {OWNER} -g {OWNER} -m 0700 /etc/cfpipe /var/tmp/{OWNER} && install -d -m 0700 /root/root")
        self.sh("install -d -o ann -m 0700 /var/tmp/ann")
        for name, file in zip(("fullchain", "privkey"), self.certificate):
            self.sh(f"install -o {OWNER} -m 0600 {file} /etc/cfpipe/{name}.pem")
        self.sh(f"install -o {OWNER} -m 0600 /dev/stdin /etc/cfpipe/oidc-secret", input=b"a secret\n")
        machine.write(CONFIG_FILE, json.dumps(self.config()))

    def config(self, **more):
        return {
            "listen": "127.0.0.1:443",
            "tls": {"certificate": "/etc/cfpipe/fullchain.pem", "key": "/etc/cfpipe/privkey.pem"},
            "auth_domain": AUTH,
            "state": STATE,
            "identity_provider": {"type": "oidc", "issuer": "https://idp.example.com", "client_id": "cfpipe",
                                  "client_secret_file": "/etc/cfpipe/oidc-secret"},
            "applications": [{"hostname": VM, "service": "ssh://127.0.0.1:22",
                              "short_lived_certificates": {"principals": ["email_prefix"]},
                              "policies": [{"name": "staff", "decision": "allow", "include": [{"email_domain": "example.com"}]}]}],
            **more,
        }

    def sh(self, line, **options):
        return self.machine.run(["/bin/bash", "-ec", line], **options).ok()

    def run(self, user, command, *, where="", input=b"", env=""):
        """`where`: options that name the edge."""
        directory = "/root/root" if user == "root" else f"/var/tmp/{user}"
        words = shlex.split(command.format(who=user, dir=directory)) + shlex.split(where)
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        return self.machine.run([*as_user, "env", *shlex.split(env), "cfpipe-edge", *words], input=input)

    def strangers_files(self):
        """Files of the state that are not its owner's."""
        return self.sh(f"find {STATE} ! -user {OWNER}").stdout


@pytest.fixture
def administered(world):
    return Administered(world)


def test_root_and_the_edges_user_run_them_all(administered):
    key = administered.sh(f"cat {HOST_KEY}").stdout.encode()
    administered.run("root", f"ca generate --app {VM}").ok()  # before the edge has ever run
    assert administered.sh(f"stat -c %U:%a {STATE}").stdout == f"{OWNER}:700\n"
    for user in ("root", OWNER):
        for command in COMMANDS:
            if user != "root" and command.startswith(FOR_ROOT):
                continue
            done = administered.run(user, command, input=key)
            assert done.status == 0, (user, command, done)
            assert administered.strangers_files() == "", (user, command)
        for where in (f"--state {STATE}", f"--config {CONFIG_FILE}"):
            administered.run(user, f"ca show --app {VM}", where=where).ok()
    assert administered.sh("stat -c %U:%a /root/root/copy.db /root/root/revoked.krl").stdout == "root:600\nroot:644\n"
    kinds = [json.loads(line)["kind"] for line in administered.run("root", "audit --json").ok().stdout.splitlines()]
    assert kinds.count("backup") == 2, kinds


def test_sshd_is_set_up_by_root_from_a_state_that_is_not_roots(administered):
    line = administered.run("root", f"ca generate --app {VM}").ok().stdout
    done = administered.run("root", f"sshd-setup --app {VM}").ok()
    assert "wrote /etc/ssh/cfpipe_user_ca_keys" in done.stdout, done
    assert line in administered.sh("cat /etc/ssh/cfpipe_user_ca_keys").stdout
    assert administered.sh("sshd -T | grep -i trustedusercakeys").stdout == "trustedusercakeys /etc/ssh/cfpipe_user_ca_keys\n"


def test_another_user_is_told_who_may(administered):
    administered.run("root", f"ca generate --app {VM}").ok()
    for command in COMMANDS:
        if command.startswith("backup"):
            command = command.replace("{dir}", "/var/tmp/ann")
        told = administered.run("ann", command).failed(CONFIG)
        assert told.stderr == (f"cfpipe-edge: {CONFIG_FILE}: Permission denied; run this as root (sudo), or as the edge's user\n"), told
        if command.startswith(("check-config", "policy", "application")):
            continue
        told = administered.run("ann", command, where=f"--state {STATE}").failed(CONFIG)
        assert told.stderr == f"cfpipe-edge: {STATE} belongs to {OWNER}; run this as root (sudo), or as {OWNER}\n", told
        assert told.stdout == ""
    assert administered.sh("ls -A /var/tmp/ann").stdout == "", "nothing is left of what failed"


def test_the_configuration_may_be_named_by_a_variable(administered):
    other = administered.config(state="/var/lib/other")
    administered.sh(f"install -d -o {OWNER} -m 0700 /var/lib/other")
    administered.machine.write("/etc/cfpipe/other.yaml", json.dumps(other))
    named = "CFPIPE_EDGE_CONFIG=/etc/cfpipe/other.yaml"
    administered.run("root", "check-config", env=named).ok()
    administered.run("root", f"ca generate --app {VM}", env=named).ok()
    assert administered.run("root", "ca list", env=named).ok().stdout == f"{VM}\n"
    assert "is not the state directory of an edge" in administered.run("root", "ca list").failed(CONFIG).stderr
    assert "is not the state directory of an edge" in administered.run("root", "ca list", env=named, where=f"--state {STATE}").failed(CONFIG).stderr
    missing = administered.run("root", "check-config", env="CFPIPE_EDGE_CONFIG=/nowhere.yaml").failed(CONFIG)
    assert missing.stderr == ("cfpipe-edge: /nowhere.yaml: No such file or directory; name the configuration with --config FILE, "
                              "or in CFPIPE_EDGE_CONFIG\n")
    administered.run("root", "check-config", env="CFPIPE_EDGE_CONFIG=").ok()  # as if it were not set


def test_root_sees_what_the_edge_will_see(administered):
    administered.sh(f"chmod 0600 {CONFIG_FILE} && chown root {CONFIG_FILE}")
    assert f"{CONFIG_FILE}:1: the edge's user cannot read this file" in administered.run("root", "check-config").failed(CONFIG).stderr
    administered.sh(f"chmod 0644 {CONFIG_FILE} && chown root /etc/cfpipe/privkey.pem && chmod 0600 /etc/cfpipe/privkey.pem")
    failed = administered.run("root", "check-config").failed(CONFIG)
    assert "privkey.pem" in failed.stderr and "Permission denied" in failed.stderr, failed


LOW_PORTS, NOTHING = "0000000000000400", "0000000000000000"


def status_of(administered, pid):
    """(user ids, permitted capabilities) of a process."""
    status = administered.sh(f"cat /proc/{pid}/status").stdout
    return re.search(r"^Uid:\t(.*)$", status, re.MULTILINE).group(1).split("\t"), re.search(r"^CapPrm:\t(.*)$", status, re.MULTILINE).group(1)


def test_an_edge_that_root_starts_serves_as_its_user(administered):
    edge = administered.machine.start(["cfpipe-edge", "run"])
    edge.stdout.wait_for("^ready 127.0.0.1:443$")
    user = administered.sh(f"id -u {OWNER}").stdout.strip()
    assert status_of(administered, edge.pid) == ([user] * 4, LOW_PORTS)
    assert administered.strangers_files() == ""
    assert edge.stop() == 0, edge.stderr.text


def test_one_that_holds_listeners_in_front_becomes_that_user_too(administered):
    """It may open other low ports when it replaces what serves, which has the sockets alone."""
    edge = administered.machine.start(["cfpipe-edge", "run", "--supervise"])
    edge.stdout.wait_for("^ready 127.0.0.1:443$")
    user = administered.sh(f"id -u {OWNER}").stdout.strip()
    def processes():
        children = administered.sh(f"cat /proc/{edge.pid}/task/{edge.pid}/children").stdout.split()
        return [status_of(administered, pid) for pid in (edge.pid, *children)]
    assert processes() == [([user] * 4, LOW_PORTS), ([user] * 4, NOTHING)]
    administered.machine.write(CONFIG_FILE, json.dumps(administered.config(listen="127.0.0.1:444", admin_listen="127.0.0.1:445")))
    administered.sh(f"kill -USR2 {edge.pid}")
    edge.stdout.wait_for("^ready 127.0.0.1:444$")
    edge.stderr.wait_for("has drained")
    assert processes() == [([user] * 4, LOW_PORTS), ([user] * 4, NOTHING)]
    assert administered.strangers_files() == ""
    assert edge.stop() == 0, edge.stderr.text


@pytest.mark.parametrize("supervise", [[], ["--supervise"]], ids=["alone", "supervised"])
def test_root_is_told_before_it_serves_what_the_edges_user_may_not_read(administered, supervise):
    administered.sh(f"chmod 0600 {CONFIG_FILE} && chown root {CONFIG_FILE}")
    edge = administered.machine.start(["cfpipe-edge", "run", *supervise])
    assert edge.wait() == CONFIG, edge.stderr.text
    assert f"{CONFIG_FILE}:1: the edge's user cannot read this file; chown or chmod it" in edge.stderr.text


def test_a_program_that_the_edges_user_may_not_run_is_named(administered):
    administered.sh("install -d -m 0700 /root/hidden && cp /usr/local/bin/cfpipe-edge /root/hidden/")
    edge = administered.machine.start(["/root/hidden/cfpipe-edge", "run", "--supervise"])
    assert edge.wait() == CONFIG, edge.stderr.text
    assert "/root/hidden/cfpipe-edge: Permission denied for the edge's user; install it where that user may run it" in edge.stderr.text
