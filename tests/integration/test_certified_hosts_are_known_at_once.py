"""A host whose key the edge has certified is known to an ssh that has never seen it."""

import base64

import pytest

from support.clients import Ssh
from support.edges import HOST

pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)


def certify(edge, sshd, *more):
    """Has the key of sshd certified and presented."""
    done = edge.ca("sign-host", "--key", sshd.state / "ssh_host_ed25519_key.pub", *more).ok()
    certificate = sshd.state / "host-cert.pub"
    certificate.write_text(done.stdout)
    sshd.configure(f"HostCertificate {certificate}")
    return edge.ca("known-hosts").ok().stdout


def strict(user, known_hosts):
    ssh = Ssh(user, "agent")
    ssh.world.path("known_hosts").write_text(known_hosts)
    return ssh.run("echo it is you", "-o", "StrictHostKeyChecking=yes")


def test_the_line_in_known_hosts_suffices(edge, sshd, user):
    line = certify(edge, sshd)
    assert line.startswith(f"@cert-authority {HOST} ssh-ed25519 ")
    assert strict(user, line).ok().stdout == "it is you\n"
    assert strict(user, "").status == 255


def test_a_certificate_for_another_name_is_not_believed(edge, sshd, user):
    finished = strict(user, certify(edge, sshd, "--hostname", "other.localhost"))
    assert finished.status == 255
    assert "Host key verification failed" in finished.stderr


def test_who_signs_for_hosts_does_not_sign_for_people(edge, sshd, user):
    sshd.trust(certify(edge, sshd).split(" ", 2)[2])
    assert "Permission denied" in Ssh(user, "agent").run("true").stderr


def security_key():
    """A public key line of a kind that lives on a security key."""
    fields = (b"sk-ssh-ed25519@openssh.com", bytes(31) + b"\x01", b"ssh:")
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}\n"


def test_what_is_no_key_of_a_host_is_refused(edge, world):
    world.path("sk.pub").write_text(security_key())
    assert "not a host's" in edge.ca("sign-host", "--key", world.path("sk.pub")).failed(69).stderr
    assert "public key" in edge.ca("sign-host", "--key", world.script("not-a-key", "")).failed(69).stderr
    assert "does not exist" in edge.ca("sign-host", "--key", world.path("nothing")).failed(78).stderr
    assert "host names" in edge.ca("sign-host", "--key", "/dev/null", "--hostname", "a b").failed(64).stderr
    assert "ca sign-host" in edge.ca("known-hosts").failed(78).stderr
