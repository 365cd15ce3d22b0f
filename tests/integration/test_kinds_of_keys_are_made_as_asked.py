"""A key in memory is of the kind that the edge names, else P-256; a key file is P-256. `--key-type` decides over both."""

import json
import re

import pytest

from support.agents import UsersAgent
from support.clients import CFPIPE, Ssh, USAGE, assert_fails
from support.user_home import UserHome

KINDS = {"ecdsa": ("BEGIN EC PRIVATE KEY", "ECDSA-CERT"), "ed25519": ("BEGIN OPENSSH PRIVATE KEY", "ED25519-CERT")}
# In memory; the mock names no kind, as Cloudflare's edge.
NAMED = {"own": "ed25519", "mock": "ecdsa"}
# What the usual guides leave: the public-key algorithms of ssh-audit's server policies, and those of FIPS mode.
HARDENED = ("sk-ssh-ed25519-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,"
            "rsa-sha2-256-cert-v01@openssh.com,sk-ssh-ed25519@openssh.com,ssh-ed25519,rsa-sha2-512,rsa-sha2-256")
FIPS = ("ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,"
        "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-512")

own = pytest.mark.parametrize("kind", ["own"], indirect=True)
styles = pytest.mark.parametrize("style", ["agent", "match"])


def ssh_gen(user, *options):
    return user.run("access", "ssh-gen", "--hostname", user.edge.host(), *options)


def ssh_of(user, style, *options):
    argv = ["access", "ssh-config", "--hostname", user.edge.host(), "--style", style, "--short-lived-cert"]
    return Ssh(user, text=user.run(*argv, *options).ok().stdout)


def key_on_disk(user):
    return user.file("*-cf_key").read_text()


@styles
@pytest.mark.parametrize("wanted", sorted(KINDS))
def test_ssh_logs_in_with_the_kind_that_was_asked_for(user, sshd, style, wanted):
    assert ssh_of(user, style, "--key-type", wanted).run("echo in").ok().stdout == "in\n"
    assert f" {KINDS[wanted][1]} " in sshd.log()
    if style == "match":
        assert KINDS[wanted][0] in key_on_disk(user)


@styles
def test_keys_in_memory_follow_the_edge_and_key_files_are_ecdsa(user, sshd, kind, style):
    made = KINDS[NAMED[kind] if style == "agent" else "ecdsa"][1]
    # The second start knows the application, and asks it nothing.
    for logins in (1, 2):
        for file in user.home.glob("*-cf_key*"):
            file.unlink()
        assert ssh_of(user, style).run("echo in").ok().stdout == "in\n"
        assert re.findall(r"Accepted publickey .* (\S+-CERT) ", sshd.log()) == [made] * logins


@own
def test_a_server_without_ecdsa_is_logged_in_to(user, sshd):
    sshd.configure(f"PubkeyAcceptedAlgorithms {HARDENED}")
    assert ssh_of(user, "agent").run("echo in").ok().stdout == "in\n"
    assert ssh_of(user, "match", "--key-type", "ed25519").run("echo in").ok().stdout == "in\n"
    refused = ssh_of(user, "agent", "--key-type", "ecdsa").run("true")
    assert refused.status == 255 and "not in PubkeyAcceptedAlgorithms" in sshd.log()
    assert "its kind of key (ecdsa; --key-type ed25519 makes the other)" in refused.stderr


@own
def test_a_server_without_ed25519_is_logged_in_to_with_the_other_kind(user, sshd):
    sshd.configure(f"PubkeyAcceptedAlgorithms {FIPS}")
    refused = ssh_of(user, "agent").run("true")
    assert refused.status == 255 and "not in PubkeyAcceptedAlgorithms" in sshd.log()
    assert "its kind of key (ed25519; --key-type ecdsa makes the other)" in refused.stderr
    assert ssh_of(user, "agent", "--key-type", "ecdsa").run("echo in").ok().stdout == "in\n"


@own
@pytest.mark.parametrize("authority", ["ecdsa", "rsa"])
def test_an_authority_for_servers_without_ed25519_brings_keys_for_them(edge, client, sshd, authority):
    """A FIPS-like sshd takes neither a signature of an ed25519 authority nor an ed25519 key: the edge knows by the authority."""
    sshd.configure("CASignatureAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-512")
    sshd.configure(f"PubkeyAcceptedAlgorithms {FIPS}")
    edge.ca("rotate", "--type", authority).ok()
    sshd.trust(edge.ca("retire").ok().stdout)
    client.login()
    assert ssh_of(client, "agent").run("echo in").ok().stdout == "in\n"


def test_a_key_file_stays_until_another_kind_is_asked_for(user):
    ssh_gen(user).ok()
    assert KINDS["ecdsa"][0] in key_on_disk(user)
    # Also while its certificate is good: what a server rejects must not stay for the minutes of that.
    ssh_gen(user, "--key-type", "ed25519").ok()
    made = key_on_disk(user)
    assert KINDS["ed25519"][0] in made
    ssh_gen(user).ok()
    assert key_on_disk(user) == made
    user.file("*-cf_key-cert.pub").unlink()
    ssh_gen(user).ok()
    assert key_on_disk(user) == made
    user.world.run(["ssh-keygen", "-y", "-P", "", "-f", user.file("*-cf_key")]).ok()
    assert_fails(ssh_gen(user, "--key-type", "rsa"), USAGE, "input", "ed25519 or ecdsa")


class Doctor:
    """In a home directory where `ssh-config --install` puts its block."""

    def __init__(self, user):
        self.user, self.home = user, UserHome(user.world)

    def install(self, *options):
        self._run("access", "ssh-config", "--install", "--hostname", self.user.edge.host(), "--short-lived-cert", *options).ok()

    def certificate(self, *options):
        found = self._run("doctor", self.user.edge.host(), "--json", *options).ok()
        return next(s["detail"] for s in json.loads(found.stdout)["stages"] if s["stage"] == "certificate")

    def _run(self, *argv):
        return self.home.run(CFPIPE, *argv, env=self.user.env)


def test_doctor_asks_for_the_kind_that_the_installed_block_makes(user, kind):
    doctor = Doctor(user)
    assert "with an ecdsa key" in doctor.certificate(), "no block: as access ssh and ssh-gen"
    for style, made in ("agent", NAMED[kind]), ("match", "ecdsa"), ("chain", "ecdsa"):
        doctor.install("--style", style)
        assert f"with an {made} key" in doctor.certificate(), style
        for wanted in KINDS:
            doctor.install("--style", style, "--key-type", wanted)
            assert f"with an {wanted} key" in doctor.certificate(), style
        assert "with an ecdsa key" in doctor.certificate("--key-type", "ecdsa"), "the command line comes first"


def test_doctor_looks_on_disk_where_the_block_does(user, kind):
    doctor = Doctor(user)
    ssh_gen(user, "--key-type", "ed25519").ok()
    doctor.install("--style", "match")
    assert re.search("with an ed25519 key.*in the state directory", doctor.certificate())
    user.file("*-cf_key-cert.pub").unlink()
    assert re.search("with an ed25519 key.*signed just now", doctor.certificate()), "over the key that ssh-gen would take"
    ssh_gen(user).ok()
    doctor.install("--style", "agent")
    assert re.search(f"with an {NAMED[kind]} key.*signed just now", doctor.certificate())


@own
@pytest.mark.parametrize("style", ["agent", "match"])
def test_doctor_has_the_key_of_the_block_certified(user, style):
    UsersAgent(user).add("mine")
    doctor = Doctor(user)
    doctor.install("--style", style, "--key", "agent:mine")
    assert re.search("with your own key.*signed just now", doctor.certificate())
    ssh_gen(user, "--key", "agent:mine").ok()
    where = "in the state directory" if style == "match" else "signed just now"
    assert re.search(f"with your own key.*{where}", doctor.certificate())
    assert "with an ed25519 key" in doctor.certificate("--key-type", "ed25519"), "the command line comes first"
