"""The public client itself, unmodified, at our edge: every command of its `access`. It runs where there is one."""

import json
import socket
import subprocess

import pytest

from support import cloudflared, limits, stream, tokens, world as worlds
from support.clients import CFPIPE
from support.cloudflared import Cloudflared, HOST, OTHER_HOST, PublicEdge
from support.origin import Origin, sink, source

pytestmark = [pytest.mark.skipif(not cloudflared.PROGRAM, reason=cloudflared.REASON),
              pytest.mark.skipif(limits.SANITIZED, reason="nothing of ours but the edge runs here, and that runs elsewhere")]


@pytest.fixture
def edge(world, sshd):
    edge = PublicEdge(world, sshd.address)
    sshd.trust("".join(edge.ssh_ca(host) for host in edge.hosts))
    return edge


@pytest.fixture
def client(world, edge):
    return Cloudflared(world, edge)


def first_line(child):
    with child.process.stdout as output:
        line = output.readline().decode()
        child.process.stdin.close()
        child.wait()
    return line


def started(client, *argv):
    return client.start(*argv, stdin=subprocess.PIPE, collect=False)


def test_login_and_token_of_several_hosts_take_one_sign_in(client, edge):
    for host in (HOST, OTHER_HOST):
        assert tokens.claims(client.login(host).stdout.split()[-1])["email"] == worlds.EMAIL
        shown = client.run("token", f"--app={edge.url(host)}").ok().stdout.strip()
        assert tokens.claims(shown)["iss"] == f"https://{edge.auth_domain}"
    assert client.browser_runs() == 1, "the org token is exchanged for the second"


def test_a_login_serves_both_programs(client, edge, world):
    client.login()
    env = {**client.env, "CFPIPE_HOME": str(client.files())}
    ours = world.run([CFPIPE, "access", "token", edge.url()], env).ok().stdout.strip()
    assert ours == client.run("token", f"--app={edge.url()}").ok().stdout.strip()
    # And an organisation's token that ours has kept is one for theirs.
    for path in client.files().glob("*-token"):
        path.unlink()
    login = ["--no-browser", "access", "login", "--quiet", edge.url()]
    child = world.start([CFPIPE, *login], env)
    url = child.stderr.wait_for(r"(https://\S+cdn-cgi/access/cli\S+)\n")[1]
    world.run([world.path("bin/xdg-open"), url], client.env).ok()
    assert child.wait() == 0, child.stderr.text
    before = client.browser_runs()
    client.login(OTHER_HOST)
    assert client.browser_runs() == before


def test_ssh_logs_in_with_the_certificate_of_ssh_gen(client, edge, world, sshd):
    argv = f"{cloudflared.PROGRAM} access"
    config = world.path("ssh_config")
    client.run("ssh-gen", "--hostname", edge.host()).ok()
    key = next(path for path in client.files().iterdir() if path.name.endswith("-cf_key"))
    config.write_text(f"""Match host {HOST} exec "{argv} ssh-gen --hostname {edge.host()}"
  ProxyCommand {argv} ssh --hostname {edge.host()}
  IdentityFile {key}
  CertificateFile {key}-cert.pub
  User {worlds.USER}
  UserKnownHostsFile {world.path("known_hosts")}
  StrictHostKeyChecking accept-new
  BatchMode yes
""")
    finished = world.run(["/usr/bin/ssh", "-F", config, HOST, "echo in"], client.env)
    assert finished.ok().stdout == "in\n"
    assert " ECDSA-CERT " in sshd.log(), "its key is of the one kind that it makes"
    assert client.browser_runs() == 1


def test_ssh_config_names_what_ssh_gen_writes(client, edge):
    shown = client.run("ssh-config", "--hostname", edge.host(), "--short-lived-cert").ok().stdout
    assert "access ssh --hostname" in shown and "-cf_key-cert.pub" in shown


def test_curl_is_let_in(client, edge, world):
    """Into a file: what curl prints it may lose, for it waits for curl's end before it has read all (exec.Cmd, StdoutPipe)."""
    client.login()
    shown = world.path("identity")
    client.run("curl", edge.url() + "cdn-cgi/access/get-identity", "-sS", "-o", str(shown)).ok()
    assert json.loads(shown.read_text())["email"] == worlds.EMAIL
    assert client.browser_runs() == 1


def test_a_service_token_opens_a_tunnel(client, edge):
    token = edge.service_token("deploy")
    options = ["--service-token-id", token[0], "--service-token-secret", token[1]]
    assert first_line(started(client, "ssh", "--hostname", edge.host(), *options)).startswith("SSH-2.0-")
    refused = client.run("ssh", "--hostname", edge.host(), *options[:-1], "wrong")
    assert refused.status != 0 and "bad handshake" in refused.stderr
    assert client.browser_runs() == 0
    assert [row["identity"] for row in edge.audit() if row["kind"] == "tunnel_open"] == ["deploy"]


def test_a_destination_is_reached_or_refused(world, sshd):
    def greet(connection, events):
        connection.sendall(b"another origin\n")
        while connection.recv(65536):
            pass

    other = world.closing(Origin(greet))
    edge = PublicEdge(world, sshd.address, destinations=[other.address])
    client = Cloudflared(world, edge)
    client.login()
    argv = ["tcp", "--hostname", edge.host(), "--destination"]
    assert first_line(started(client, *argv, other.address)) == "another origin\n"
    assert client.run(*argv, "127.0.0.1:1").status != 0
    assert {row["kind"] for row in edge.audit()} >= {"tunnel_open", "denial"}


@pytest.fixture
def listener(world):
    """`access tcp` in front of an origin that runs the given function: where it listens."""
    def open_to(serve):
        origin = world.closing(Origin(serve))
        edge = PublicEdge(world, origin.address)
        client = Cloudflared(world, edge)
        client.login()
        with socket.socket() as probe:  # it takes no port 0
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        child = client.start("tcp", "--hostname", edge.host(), "--url", f"127.0.0.1:{port}")
        child.stderr.wait_for("Start Websocket listener")
        return origin, edge, port
    return open_to


def connected(port):
    """It says that it listens before it does."""
    deadline = limits.READY_DEADLINE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), deadline)
        except ConnectionRefusedError:
            continue


def test_an_upload_arrives_whole(listener):
    origin, edge, port = listener(sink)
    with connected(port) as connection:
        for block in stream.blocks(limits.TRANSFER_BYTES):
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        assert origin.events.next(limits.TRANSFER_DEADLINE) == (stream.digest(limits.TRANSFER_BYTES), limits.TRANSFER_BYTES)
    assert edge.wait_for_audit("tunnel_close")["reason"] == "the client ended it", "it sends no Close"


def test_a_download_arrives_whole(listener):
    _, _, port = listener(source(limits.TRANSFER_BYTES))
    with connected(port) as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(limits.TRANSFER_BYTES), limits.TRANSFER_BYTES)
