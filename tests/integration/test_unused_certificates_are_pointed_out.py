"""Where ssh was offered the certificate and did not use it, a refused login is followed by a line that says so."""

import re

import pytest

from support.clients import Ssh

UNUSED = r"cfpipe: certificate: warning: ssh was told of the certificate and did not use it; .*IdentitiesOnly"

# Of a key, than the one that is made at that edge.
OTHER_KIND = {"own": "ecdsa", "mock": "ed25519"}


@pytest.fixture
def key(world):
    path = world.path("a-key-of-mine")
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]).ok()
    return path


@pytest.mark.parametrize("option", ["IdentitiesOnly=yes", "PubkeyAcceptedAlgorithms=ssh-ed25519"])
def test_what_the_command_line_overrides_is_named(user, key, option):
    finished = Ssh(user, "agent").run("true", "-o", option, "-i", str(key))
    assert finished.status == 255
    assert "Permission denied" in finished.stderr
    assert len(re.findall(UNUSED, finished.stderr)) == 1, finished


def test_a_server_that_takes_no_such_key_is_named(user, sshd, kind):
    sshd.trust("")
    finished = Ssh(user, "agent").run("true")
    assert finished.status == 255
    assert re.search(UNUSED, finished.stderr) and f"--key-type {OTHER_KIND[kind]} makes" in finished.stderr


def test_a_session_on_the_certificate_says_nothing(user):
    assert Ssh(user, "agent").run("true").ok().stderr.count("cfpipe:") == 0


def test_a_session_on_another_key_says_nothing(user, sshd, key):
    """More has come through than a refusal."""
    keys = user.world.path("authorized_keys")
    keys.write_text(key.with_suffix(".pub").read_text())
    configuration = sshd.state / "sshd_config"
    configuration.write_text(configuration.read_text().replace("AuthorizedKeysFile none", f"AuthorizedKeysFile {keys}\nStrictModes no"))
    ssh = Ssh(user, "agent")
    finished = ssh.run("head -c 100000 /dev/zero", "-o", "IdentitiesOnly=yes", "-i", str(key))
    assert len(finished.ok().output) == 100000
    assert "did not use it" not in finished.stderr
