"""A certificate that has been revoked opens nothing once sshd has the list."""

import getpass

import pytest

from support.clients import Ssh
from support.edges import HOST
from support import world as worlds

pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)


@pytest.fixture
def listed(edge, sshd, user):
    """An ssh whose server has a list of revoked certificates, empty so far, and keeps its certificate for a while."""
    krl = sshd.state / "revoked.krl"
    edge.ca("krl", "--output", krl).ok()
    sshd.configure(f"RevokedKeys {krl}")
    ssh = Ssh(user, "match")
    assert ssh.run("echo still good").ok().stdout == "still good\n"
    ssh.krl = krl
    return ssh


def certificates(edge):
    return [row for row in edge.audit() if row["kind"] == "certificate"]


def test_by_serial(edge, sshd, listed):
    (row,) = certificates(edge)
    edge.ca("revoke", "--serial", row["serial"]).ok()
    assert listed.run("true").ok()  # the server does not know yet
    edge.ca("krl", "--output", listed.krl).ok()
    assert listed.run("true").status == 255
    assert "revoked" in sshd.log()


def test_all_certificates_of_one_user(edge, listed):
    assert "1 revoked" in edge.ca("revoke", "--identity", worlds.EMAIL.upper()).ok().stderr
    edge.ca("krl", "--output", listed.krl).ok()
    assert listed.run("true").status == 255
    revocations = [row for row in edge.audit() if row["kind"] == "ca_revoke"]
    assert [(row["application"], row["reason"]) for row in revocations] == [
        (HOST, f"serial {certificates(edge)[0]['serial']}, by command of {getpass.getuser()}")]


def test_others_stay_good(edge, world, listed, user):
    edge.ca("revoke", "--serial", certificates(edge)[0]["serial"] + 1).ok()
    edge.ca("krl", "--output", listed.krl).ok()
    assert listed.run("true").ok()
    asked = world.run(["ssh-keygen", "-Q", "-f", listed.krl, user.file(f"{HOST}*-cert.pub")])
    assert asked.ok()


def test_the_list_is_about_both_authorities_of_a_rotation(edge, listed, world, user):
    edge.ca("rotate").ok()
    edge.ca("revoke", "--serial", certificates(edge)[0]["serial"]).ok()
    edge.ca("krl", "--output", listed.krl).ok()
    assert listed.run("true").status == 255
    shown = world.run(["ssh-keygen", "-Q", "-l", "-f", listed.krl]).ok().stdout
    assert shown.count("ssh-ed25519") == 2


def test_what_cannot_be_revoked_is_refused(edge):
    assert "--serial" in edge.ca("revoke").failed(64).stderr
    edge.ca("revoke", "--serial", "0").failed(64)
    edge.ca("revoke", "--serial", "-1").failed(64)
    assert "ca generate" in edge.ca("krl", host="other.localhost").failed(78).stderr
