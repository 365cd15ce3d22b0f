"""P-256 unless ed25519 is asked for, in files and in memory."""

import pytest

from support.clients import Ssh, USAGE, assert_fails

KINDS = {"ecdsa": ("BEGIN EC PRIVATE KEY", "ECDSA-CERT"), "ed25519": ("BEGIN OPENSSH PRIVATE KEY", "ED25519-CERT")}


def ssh_gen(user, *options):
    return user.run("access", "ssh-gen", "--hostname", user.edge.host(), *options)


@pytest.mark.parametrize("style", ["agent", "match"])
@pytest.mark.parametrize("wanted", sorted(KINDS))
def test_ssh_logs_in_with_the_kind_that_was_asked_for(user, sshd, style, wanted):
    argv = ["access", "ssh-config", "--hostname", user.edge.host(), "--style", style, "--short-lived-cert"]
    ssh = Ssh(user, text=user.run(*argv, "--key-type", wanted).ok().stdout)
    assert ssh.run("echo in").ok().stdout == "in\n"
    assert f" {KINDS[wanted][1]} " in sshd.log()
    if style == "match":
        assert KINDS[wanted][0] in user.file("*-cf_key").read_text()


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_key_stays_until_another_kind_is_asked_for(user):
    ssh_gen(user).ok()
    assert KINDS["ecdsa"][0] in user.file("*-cf_key").read_text()
    ssh_gen(user, "--key-type", "ed25519").ok()
    made = user.file("*-cf_key").read_text()
    assert KINDS["ed25519"][0] in made
    (user.file("*-cf_key-cert.pub")).unlink()
    ssh_gen(user).ok()
    assert user.file("*-cf_key").read_text() == made
    user.world.run(["ssh-keygen", "-y", "-P", "", "-f", user.file("*-cf_key")]).ok()
    assert_fails(ssh_gen(user, "--key-type", "rsa"), USAGE, "input", "ecdsa or ed25519")
