"""With an agent socket the private key lives in the client's memory and nowhere else."""

import stat

from support.clients import Ssh


def files_with_private_keys(*directories):
    return [p for d in directories for p in d.rglob("*") if p.is_file() and b"PRIVATE KEY" in p.read_bytes()]


def test_agent_style_keeps_the_key_off_the_disk(user):
    ssh = Ssh(user, "agent")
    session = ssh.start("echo open; cat")
    assert session.process.stdout.readline() == b"open\n", session.stderr.text

    places = [user.home, user.world.path("user"), user.world.path("tmp")]
    assert files_with_private_keys(*places) == []
    assert not list(user.home.glob("*cf_key*"))

    session.process.stdin.close()
    assert session.wait() == 0, session.stderr.text
    session.process.stdout.close()
    assert files_with_private_keys(*places) == []


def test_agent_socket_is_private_and_gone_after_the_session(user):
    ssh = Ssh(user, "agent")
    session = ssh.start("echo open; cat")
    assert session.process.stdout.readline() == b"open\n", session.stderr.text
    for socket in (p for p in user.world.directory.rglob("*") if p.is_socket()):
        assert not stat.S_IMODE(socket.stat().st_mode) & 0o077

    session.process.stdin.close()
    assert session.wait() == 0, session.stderr.text
    session.process.stdout.close()
    assert [p for p in user.world.directory.rglob("*") if p.is_socket()] == []
