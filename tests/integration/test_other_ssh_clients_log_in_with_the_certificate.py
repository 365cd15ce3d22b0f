"""SSH clients that share no code with OpenSSH: paramiko and PuTTY's plink, through a listener and as a ProxyCommand."""

import paramiko
import pytest

from support import limits, stream
from support.clients import CFPIPE
from support.listener import Listener
from support.world import USER

BYTES = 5 * limits.MIB + 3


@pytest.fixture
def key(user):
    """The key of ssh-gen, with its certificate."""
    user.ssh_gen().ok()
    path = str(user.file("*-cf_key"))
    key = paramiko.ECDSAKey.from_private_key_file(path)
    key.load_certificate(f"{path}-cert.pub")
    return key


def connected(world, key, port=0, sock=None):
    client = world.closing(paramiko.SSHClient())
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    patience = limits.COMMAND_DEADLINE
    client.connect("127.0.0.1", port, USER, pkey=key, sock=sock, allow_agent=False, look_for_keys=False,
                   timeout=patience, banner_timeout=patience, auth_timeout=patience)
    return client


def carries_commands_and_files(client, directory):
    stdin, stdout, stderr = client.exec_command("cat; echo oops >&2; exit 7", timeout=limits.COMMAND_DEADLINE)
    stdin.write("there and back\n")
    stdin.channel.shutdown_write()
    assert stdout.read() == b"there and back\n"
    assert stderr.read() == b"oops\n"
    assert stdout.channel.recv_exit_status() == 7

    original, there, back = (directory / name for name in ("original", "there", "back"))
    original.write_bytes(b"".join(stream.blocks(BYTES)))
    with client.open_sftp() as sftp:
        sftp.put(str(original), str(there))
        sftp.get(str(there), str(back))
    assert there.read_bytes() == back.read_bytes() == original.read_bytes()


def test_paramiko_through_a_port(user, key, sshd):
    listener = Listener(user)
    client = connected(user.world, key, listener.port)
    carries_commands_and_files(client, user.world.path("tmp"))
    client.close()
    assert listener.stop() == 0
    assert "ECDSA-CERT" in sshd.log()


def test_paramiko_with_a_proxy_command(user, key, monkeypatch):
    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    proxy = paramiko.ProxyCommand(f"{CFPIPE} access ssh --hostname {user.edge.host()}")
    client = connected(user.world, key, sock=proxy)
    carries_commands_and_files(client, user.world.path("tmp"))
    transport = client.get_transport()
    client.close()
    transport.join()
    assert proxy.process.wait(limits.GOODBYE_DEADLINE) == 0  # paramiko ends it by SIGTERM


def plink(user, *argv, input=b""):
    host_key = user.world.run(["ssh-keygen", "-l", "-f", user.world.path("sshd/ssh_host_ed25519_key.pub")]).ok()
    options = ["-ssh", "-batch", "-hostkey", host_key.stdout.split()[1], "-l", USER, "-no-trivial-auth"]
    return user.world.run(["plink", *options, *argv], {**user.env, "SSH_AUTH_SOCK": str(user.world.path("agent"))}, input)


def test_putty_through_a_port_with_the_key_in_memory(user):
    listener = Listener(user, "127.0.0.1:0", "--agent", str(user.world.path("agent")))
    # The certificate is made while the first tunnel is being dialled; the socket is there from the start.
    done = plink(user, "-P", listener.port, "127.0.0.1", "cat; exit 6", input=b"there and back\n")
    assert (done.status, done.stdout) == (6, "there and back\n"), done
    assert listener.stop() == 0
    assert not list(user.home.glob("*cf_key*"))


def test_putty_with_a_proxy_command(user):
    proxy = f"{CFPIPE} access ssh --hostname %host:{user.edge.port} --agent {user.world.path('agent')}"
    done = plink(user, "-proxycmd", proxy, user.edge.hosts[0], "cat; exit 6", input=b"there and back\n")
    assert (done.status, done.stdout) == (6, "there and back\n"), done
