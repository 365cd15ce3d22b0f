"""`--key`: a key of the user's gets a certificate, and its private half is neither moved nor read."""

import re

import pytest

from support import certificates, world as worlds
from support.agents import UsersAgent, fingerprint, make_key
from support.clients import CONFIGURATION, Ssh, USAGE, assert_fails


@pytest.fixture
def agent(user):
    return UsersAgent(user)


def configured(user, *options):
    """ssh with the configuration that `ssh-config` prints for these options."""
    text = user.run("access", "ssh-config", "--hostname", user.edge.host(), *options).ok().stdout
    return Ssh(user, text=text)


def ssh_gen(user, *options):
    return user.run("access", "ssh-gen", "--hostname", user.edge.host(), *options)


def logged_in_with(sshd):
    """Fingerprints of the keys that sshd has let in, oldest first."""
    return re.findall(r"Accepted publickey .* \S+-CERT (SHA256:\S+) ID ", sshd.log())


@pytest.mark.parametrize("kind", ["own"], indirect=True)
@pytest.mark.parametrize("of", ["ed25519", "ecdsa", "rsa"])
def test_a_key_is_named_by_its_comment_or_its_fingerprint(user, sshd, agent, of):
    print_ = agent.add("ann at work", of)
    agent.add("ann at home")
    for wanted in ("ann at work", print_):
        ssh = configured(user, "--key", f"agent:{wanted}")
        assert ssh.run("echo in").ok().stdout == "in\n"
    assert logged_in_with(sshd) == [print_, print_]


@pytest.mark.parametrize("style", ["agent", "match"])
def test_a_key_in_the_users_agent_works_with_both_edges(user, sshd, agent, style):
    print_ = agent.add("mine")
    ssh = configured(user, "--style", style, "--key", "agent:mine")
    assert ssh.run("echo in").ok().stdout == "in\n"
    assert logged_in_with(sshd) == [print_]
    # Nothing of it is on disk but the public half, and no key was made in its place.
    names = {p.name for p in user.home.glob("*key*")}
    expected = {"vm.localhost-user_key.pub", "vm.localhost-user_key-cert.pub", "vm.localhost-user_key.flock"}
    assert names == (expected if style == "match" else set())
    agent.remove_all()
    assert ssh.run("echo in").status == 255


def test_ssh_gen_renews_only_what_has_to_be(user, agent):
    agent.add("mine")
    ssh_gen(user, "--key", "agent:mine").ok()
    first = user.snapshot("*user_key*.pub")
    assert certificates.principals(user.world, user.home / "vm.localhost-user_key-cert.pub") == [worlds.USER]
    ssh_gen(user, "--key", "agent:mine").ok()
    assert user.snapshot("*user_key*.pub") == first
    other = agent.add("another", "ecdsa")
    ssh_gen(user, "--key", f"agent:{other}").ok()
    assert fingerprint(user.world, user.home / "vm.localhost-user_key.pub") == other
    assert fingerprint(user.world, user.home / "vm.localhost-user_key-cert.pub") == other


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_what_is_not_one_key_is_said(user):
    ask = ("--key", "agent:mine")
    user.env.pop("SSH_AUTH_SOCK", None)
    assert_fails(ssh_gen(user, *ask), CONFIGURATION, "certificate", "ssh-agent does not answer: SSH_AUTH_SOCK is not set")
    user.env["SSH_AUTH_SOCK"] = str(user.world.path("no-agent"))
    assert_fails(ssh_gen(user, *ask), CONFIGURATION, "certificate", "No such file")
    agent = UsersAgent(user)
    assert_fails(ssh_gen(user, *ask), CONFIGURATION, "certificate", "it has no keys")
    first, second = agent.add("mine"), agent.add("mine", "ecdsa")
    failed = assert_fails(ssh_gen(user, *ask), CONFIGURATION, "certificate", "fingerprint")
    assert first in failed["what"] and second in failed["what"]
    assert_fails(ssh_gen(user, "--key", "agent:"), USAGE, "input")
    assert_fails(ssh_gen(user, "--key", "agent:mine", "--key-type", "ed25519"), USAGE, "input")
    agent_style = ("--agent", str(user.world.path("a")), "--key", str(user.world.path("k")))
    assert_fails(user.tunnel(*agent_style), USAGE, "input", "--style match")


def test_ssh_logs_in_with_a_key_file_that_stays_as_it_is(user, sshd):
    key = make_key(user.world, "id ann", "ann")
    before = [(p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino) for p in (key, user.world.path("id ann.pub"))]
    ssh = configured(user, "--key", str(key))
    assert "Match host" in ssh.text
    assert ssh.run("echo in").ok().stdout == "in\n"
    assert logged_in_with(sshd) == [fingerprint(user.world, key)]
    after = [(p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino) for p in (key, user.world.path("id ann.pub"))]
    assert after == before
    assert not list(user.home.glob("*-cf_key*"))


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_the_private_half_of_a_key_file_is_not_needed(user):
    key = make_key(user.world, "id", "ann", passphrase="a passphrase")
    print_ = fingerprint(user.world, key)
    ssh_gen(user, "--key", str(key)).ok()
    assert fingerprint(user.world, f"{key}-cert.pub") == print_
    # OpenSSH's format has the public half in the clear.
    user.world.path("id.pub").unlink()
    user.world.path("id-cert.pub").unlink()
    (user.home / "vm.localhost-user_key-cert.pub").unlink()
    ssh_gen(user, "--key", str(key)).ok()
    assert fingerprint(user.world, f"{key}-cert.pub") == print_
    # With the public half there, the other may be anywhere.
    key.rename(user.world.path("elsewhere"))
    user.world.path("id.pub").write_text(user.world.run(["ssh-keygen", "-y", "-P", "a passphrase", "-f", user.world.path("elsewhere")]).ok().stdout)
    (user.home / "vm.localhost-user_key-cert.pub").unlink()
    ssh_gen(user, "--key", f"{key}.pub").ok()


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_certificate_of_another_user_is_left(user):
    key = make_key(user.world, "id", "ann")
    beside = user.world.path("id-cert.pub")
    ssh_gen(user, "--key", str(key)).ok()
    ours = beside.read_text()
    (user.home / "vm.localhost-user_key-cert.pub").unlink()
    ssh_gen(user, "--key", str(key)).ok()
    assert beside.read_text() != ours, "one of ours is replaced"

    certificates.replace_with_one_valid_for(user.world, key, seconds=600)
    foreign = beside.read_text()
    (user.home / "vm.localhost-user_key-cert.pub").unlink()
    ssh_gen(user, "--key", str(key)).ok()
    assert beside.read_text() == foreign
    assert fingerprint(user.world, user.home / "vm.localhost-user_key-cert.pub") == fingerprint(user.world, key)

    beside.unlink()
    elsewhere = user.world.path("elsewhere")
    beside.symlink_to(elsewhere)
    (user.home / "vm.localhost-user_key-cert.pub").unlink()
    ssh_gen(user, "--key", str(key)).ok()
    assert beside.is_symlink() and not elsewhere.exists()


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_public_key_that_others_could_have_put_there_is_not_certified(user):
    key = make_key(user.world, "id", "ann")
    public = user.world.path("id.pub")
    public.chmod(0o666)
    assert_fails(ssh_gen(user, "--key", str(key)), CONFIGURATION, "certificate", "can be written by others")
    public.chmod(0o644)
    public.rename(user.world.path("moved.pub"))
    public.symlink_to(user.world.path("moved.pub"))
    assert_fails(ssh_gen(user, "--key", str(key)), CONFIGURATION, "certificate", "is a symbolic link")
    public.unlink()
    public.write_text("not a key\n")
    assert_fails(ssh_gen(user, "--key", str(key)), CONFIGURATION, "certificate", "id.pub")
    assert_fails(ssh_gen(user, "--key", str(user.world.path("none"))), CONFIGURATION, "certificate", "no such file")
    assert not list(user.home.glob("*user_key*"))
