"""The edge says which kind of key its servers take; where it does not, as Cloudflare's, that is P-256. `--key-type` decides."""

import json

import pytest

from support.clients import Ssh, USAGE, assert_fails

KINDS = {"ecdsa": ("BEGIN EC PRIVATE KEY", "ECDSA-CERT"), "ed25519": ("BEGIN OPENSSH PRIVATE KEY", "ED25519-CERT")}
DEFAULTS = {"own": "ed25519", "mock": "ecdsa"}
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
def test_a_key_is_of_the_kind_that_the_edge_names(user, sshd, kind, style):
    assert ssh_of(user, style).run("echo in").ok().stdout == "in\n"
    assert f" {KINDS[DEFAULTS[kind]][1]} " in sshd.log()
    # From what is remembered, too: the second start asks the application nothing.
    for certificate in user.home.glob("*-cf_key*"):
        certificate.unlink()
    ssh_of(user, style).run("true").ok()
    assert sshd.log().count(f" {KINDS[DEFAULTS[kind]][1]} ") >= 2


@own
@styles
def test_a_server_without_ecdsa_is_logged_in_to(user, sshd, style):
    sshd.configure(f"PubkeyAcceptedAlgorithms {HARDENED}")
    assert ssh_of(user, style).run("echo in").ok().stdout == "in\n"
    refused = ssh_of(user, style, "--key-type", "ecdsa").run("true")
    assert refused.status == 255 and "not in PubkeyAcceptedAlgorithms" in sshd.log()
    if style == "agent":
        assert "its kind of key (ecdsa; --key-type ed25519 makes the other)" in refused.stderr


@own
@styles
def test_a_server_without_ed25519_is_logged_in_to_with_the_other_kind(user, sshd, style):
    sshd.configure(f"PubkeyAcceptedAlgorithms {FIPS}")
    refused = ssh_of(user, style).run("true")
    assert refused.status == 255 and "not in PubkeyAcceptedAlgorithms" in sshd.log()
    if style == "agent":
        assert "its kind of key (ed25519; --key-type ecdsa makes the other)" in refused.stderr
    assert ssh_of(user, style, "--key-type", "ecdsa").run("echo in").ok().stdout == "in\n"


@own
@styles
@pytest.mark.parametrize("authority", ["ecdsa", "rsa"])
def test_an_authority_for_servers_without_ed25519_brings_keys_for_them(edge, client, sshd, style, authority):
    """A FIPS-like sshd takes neither a signature of an ed25519 authority nor an ed25519 key: the edge knows by the authority."""
    sshd.configure("CASignatureAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-512")
    sshd.configure(f"PubkeyAcceptedAlgorithms {FIPS}")
    edge.ca("rotate", "--type", authority).ok()
    sshd.trust(edge.ca("retire").ok().stdout)
    client.login()
    assert ssh_of(client, style).run("echo in").ok().stdout == "in\n"


def test_a_key_on_disk_is_of_the_kind_that_is_wanted_now(user, kind):
    """Also while its certificate is good: what a server does not take must not stay for the minutes of that."""
    asked, otherwise = ("ecdsa", "ed25519") if kind == "own" else ("ed25519", "ecdsa")
    ssh_gen(user).ok()
    assert KINDS[DEFAULTS[kind]][0] in key_on_disk(user)
    ssh_gen(user, "--key-type", asked).ok()
    assert KINDS[asked][0] in key_on_disk(user)
    made = key_on_disk(user)
    ssh_gen(user).ok()
    if kind == "own":  # the edge says another kind
        assert KINDS[otherwise][0] in key_on_disk(user)
        made = key_on_disk(user)
    user.file("*-cf_key-cert.pub").unlink()
    ssh_gen(user).ok()
    assert key_on_disk(user) == made
    user.world.run(["ssh-keygen", "-y", "-P", "", "-f", user.file("*-cf_key")]).ok()
    assert_fails(ssh_gen(user, "--key-type", "rsa"), USAGE, "input", "ed25519 or ecdsa")


def test_doctor_names_the_kind(user, kind):
    def certificate(*more):
        found = user.run("doctor", user.edge.host(), "--json", *more).ok()
        return next(s["detail"] for s in json.loads(found.stdout)["stages"] if s["stage"] == "certificate")
    assert f"with an {DEFAULTS[kind]} key" in certificate()
    for wanted in KINDS:
        assert f"with an {wanted} key" in certificate("--key-type", wanted)
