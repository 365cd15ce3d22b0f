"""Behind an edge that knows nothing of resuming, `listen` of a connector keeps the tunnel whose client has lost its connection: it
announces that to clients in a line in front of the server's version, and those that understand it come back."""

import base64
import os
import random
import threading

import paramiko
import pytest

from support import limits, origin as origins, stream
from support.breakable import BreakableWay
from support.clients import LOST, Client, Ssh
from support.edges import Edge
from support.listening_connector import ListeningConnector
from support.process import wait_until
from support.servers import Sshd
from support.way import echoes_whole
from support.world import USER

TRANSFER = limits.MIB * (8 if limits.SANITIZED else 16)
# Bytes between two breaks, at most. A reset takes what a slow program has not read yet with it.
BETWEEN = TRANSFER // (3 if limits.SANITIZED else 10)
VERSION = b"SSH-2.0-a_server_of_the_test\r\n"
GONE = b"1 gone\n"
LINE = 78  # bytes of the announcement


def speaks_first(serve):
    """An origin that shows itself as an SSH server, and then is another."""
    def begin(connection, events):
        connection.sendall(VERSION)
        serve(connection, events)
    return begin


class Way:
    """A client that is signed in at the edge, the way to that, which breaks, and the connector between the edge and the server."""

    def __init__(self, world, to, next_break=lambda: None, *lines):
        self.world = world
        self.front = ListeningConnector(world, to, *lines)
        self.front.announces()
        self.edge = Edge(world, "mock", self.front.address)
        self.client = Client(world, self.edge)
        self.client.login()
        self.way = BreakableWay(world, self.edge.port, next_break)

    def learn(self):
        """The first tunnel."""
        self.client.banner("--hostname", self.edge.host(), "--no-resume")
        assert not list(self.client.home.glob("*-resume"))
        self.client.banner("--hostname", self.edge.host())
        assert list(self.client.home.glob("*-resume")), "it was seen that tunnels are kept there"

    def start(self, *more):
        argv = ["access", "ssh", "--hostname", self.edge.host(), "--connect-to", self.way.place]
        return self.client.start(*argv, "--log-file", self.world.path("client.log"), *more)

    def log(self):
        return self.world.path("client.log").read_text()


def said_and_heard(child, text):
    child.process.stdin.write(text)
    child.process.stdin.flush()
    return child.process.stdout.read(len(text))


def test_a_shell_goes_on(world):
    sshd = Sshd(world)
    way = Way(world, sshd.address)
    sshd.trust(way.edge.ssh_ca())
    ssh = Ssh(way.client, "match")
    ssh.config.write_text(ssh.config.read_text().replace(" --hostname ", f" --connect-to {way.way.place} --hostname "))
    assert ssh.run("exit 3").status == 3, "the first, which learns"
    assert ssh.run("id -un").ok().stdout.strip() == USER
    shell = ssh.start("while read line; do echo \"said $line\"; done")
    for number in range(4):
        shell.process.stdin.write(b"%d\n" % number)
        shell.process.stdin.flush()
        assert shell.process.stdout.readline() == b"said %d\n" % number
        way.way.break_now()
        way.way.mend()
    shell.process.stdin.close()
    assert shell.process.stdout.read() == b"" and shell.wait() == 0
    assert way.front.child.stderr.text.count(": goes on\n") >= 3
    original, back = world.path("original"), world.path("back")
    original.write_bytes(b"".join(stream.blocks(3_000_000)))
    ssh.scp(original, f"{ssh.host}:{back}").ok()
    assert back.read_bytes() == original.read_bytes()


def test_large_streams_are_whole_over_many_breaks(world):
    random.seed(2)
    opened = []

    def next_break():
        """The first once the other end has been heard."""
        opened.append(1)
        return random.randrange(1, BETWEEN) if len(opened) > 1 else BETWEEN
    way = Way(world, world.closing(origins.Origin(speaks_first(origins.echo))).address, next_break)
    way.learn()
    child = way.start()
    assert echoes_whole(child, TRANSFER, VERSION)
    assert child.wait() == 0, child.stderr.text
    assert way.way.breaks > 3


class CutBehindTheEdge:
    """The way between the edge and the connector, on which nothing is hidden, breaks once after each of these numbers of bytes."""

    def __init__(self, world):
        self.after = None

        def serve(connection, events):
            origins.echo(connection, events)
            connection.sendall(b"bye")
        front = ListeningConnector(world, world.closing(origins.Origin(speaks_first(serve))).address)
        front.announces()
        self.way = BreakableWay(world, front.port, self._next)
        self.edge = Edge(world, "mock", self.way.place)
        self.client = Client(world, self.edge)
        self.client.login()
        self.client.banner("--hostname", self.edge.host())

    def _next(self):
        after, self.after = self.after, None
        return after

    def known(self):
        return bool(list(self.client.home.glob("*-resume")))

    def start(self, after):
        self.after = after
        return self.client.start("access", "ssh", "--hostname", self.edge.host())


def test_a_break_at_each_byte_loses_and_doubles_none(world):
    cut = CutBehindTheEdge(world)
    for after in range(LINE + len(VERSION), 310, 7 if limits.SANITIZED else 1):
        child = cut.start(after)
        heard = child.process.stdout.read(len(VERSION)) + said_and_heard(child, b"what is said")
        child.process.stdin.close()
        assert heard + child.process.stdout.read() == VERSION + b"what is said" + b"bye", after
        assert child.wait() == 0, after
    assert cut.way.breaks > (15 if limits.SANITIZED else 100)


def test_a_break_within_the_announcement_forgets_nothing(world):
    cut = CutBehindTheEdge(world)
    for after in (1, LINE // 2, LINE - 1):
        cut.start(after).wait()
        assert cut.known()


def test_what_is_typed_during_the_break_arrives_behind_it(world):
    way = Way(world, world.closing(origins.Origin(speaks_first(origins.echo))).address)
    way.learn()
    child = way.start()
    assert child.process.stdout.read(len(VERSION)) == VERSION
    for _ in range(3):
        assert said_and_heard(child, b"before") == b"before"
        way.way.break_now()
        child.process.stdin.write(b"during")
        child.process.stdin.flush()
        wait_until(lambda: "not resumed yet" in way.log(), "an attempt was made in vain")
        way.way.mend()
        assert child.process.stdout.read(6) == b"during"
        way.world.path("client.log").write_text("")
    child.process.stdin.close()
    assert child.process.stdout.read() == b"" and child.wait() == 0 and child.stderr.text == ""


def test_a_connector_that_is_another_is_not_waited_for(world):
    """Its successor has not what it kept: ten seconds, in which one of several of a name might still answer."""
    way = Way(world, world.closing(origins.Origin(speaks_first(origins.echo))).address)
    way.learn()
    child = way.start()
    assert child.process.stdout.read(len(VERSION)) == VERSION and said_and_heard(child, b"before") == b"before"
    way.front.restart()
    assert child.wait() == LOST
    assert "it could not be resumed" in child.stderr.text


def test_a_server_that_announces_nothing_has_no_session(world):
    """Each attempt costs it a connection that is given up before a login, for which sshd locks addresses out."""
    way = Way(world, world.closing(origins.Origin(speaks_first(origins.echo))).address)
    way.learn()
    child = way.start()
    assert child.process.stdout.read(len(VERSION)) == VERSION and said_and_heard(child, b"before") == b"before"
    way.front.restart("resume: off")
    assert child.wait() == LOST
    assert "another end than the one that keeps the session has answered" in child.stderr.text


class Impostor:
    """A server that shows itself as what keeps tunnels, with each of these versions in turn, and keeps none."""

    def __init__(self, world, *versions):
        self.connections = 0

        def serve(connection, events):
            version = versions[min(self.connections, len(versions) - 1)]
            self.connections += 1
            connection.sendall(b"cfpipe-resume-1 " + b"A" * 42 + b"E impostor-0123456\r\n" + version)
            connection.recv(65536)
        self.edge = Edge(world, "mock", world.closing(origins.Origin(serve)).address)
        self.client = Client(world, self.edge)
        self.client.login()
        self.client.banner("--hostname", self.edge.host())
        assert list(self.client.home.glob("*-resume"))
        self.child = self.client.start("access", "ssh", "--hostname", self.edge.host())


def test_a_server_that_only_announces_is_left_alone(world):
    impostor = Impostor(world, VERSION)
    assert impostor.child.process.stdout.read(len(VERSION)) == VERSION
    assert impostor.child.wait() == LOST
    assert "it could not be resumed" in impostor.child.stderr.text
    assert impostor.connections < 20, "ever more rarely, for ten seconds"


def test_a_session_does_not_begin_anew_with_another_version(world):
    """ssh signs the one that it was told."""
    impostor = Impostor(world, VERSION, VERSION, b"SSH-2.0-newer\r\n")
    assert impostor.child.process.stdout.read(len(VERSION)) == VERSION
    assert impostor.child.wait() == LOST
    assert "the server has another version than before" in impostor.child.stderr.text
    assert impostor.connections == 3


def test_a_host_that_announces_no_more_is_forgotten(world):
    server = world.closing(origins.Origin(speaks_first(origins.echo)))
    way = Way(world, server.address)
    way.learn()
    way.front.restart("resume: off")
    child = way.start()
    assert child.process.stdout.read(len(VERSION)) == VERSION and said_and_heard(child, b"as it is") == b"as it is"
    assert not list(way.client.home.glob("*-resume"))
    child.process.stdin.close()
    assert child.wait() == 0


def test_a_tunnel_waits_as_long_as_it_is_told(world):
    ended = threading.Event()

    def serve(connection, events):
        try:
            origins.echo(connection, events)
        finally:
            ended.set()
    way = Way(world, world.closing(origins.Origin(speaks_first(serve))).address, lambda: None, "resume: 10s")
    way.learn()
    child = way.start()
    assert child.process.stdout.read(len(VERSION)) == VERSION and said_and_heard(child, b"before") == b"before"
    ended.clear()
    child.kill()
    way.front.child.stderr.wait_for("waits for its client")
    assert not ended.is_set()
    way.front.child.stderr.wait_for("the client has not come back within 10s")
    assert ended.wait(limits.COMMAND_DEADLINE)


def test_clients_that_know_nothing_of_it_notice_nothing(world):
    """OpenSSH, ssh-keyscan and paramiko, right at the listener."""
    sshd = Sshd(world)
    front = ListeningConnector(world, sshd.address)
    front.announces()
    key = world.path("key")
    ca = world.path("ca")
    for file in (key, ca):
        world.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file]).ok()
    world.run(["/usr/bin/ssh-keygen", "-q", "-s", ca, "-I", "a test", "-n", USER, f"{key}.pub"]).ok()
    sshd.trust(world.path("ca.pub").read_text())
    options = ["-F", "/dev/null", "-p", str(front.port), "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
               "-o", f"UserKnownHostsFile={world.path('known_hosts')}", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"]
    done = world.run(["/usr/bin/ssh", *options, f"{USER}@127.0.0.1", "id -un"]).ok()
    assert done.stdout.strip() == USER and done.stderr == ""
    scanned = world.run(["/usr/bin/ssh-keyscan", "-p", str(front.port), "127.0.0.1"])
    assert "ssh-ed25519" in scanned.stdout
    client = world.closing(paramiko.SSHClient())
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", front.port, USER, key_filename=str(key), allow_agent=False, look_for_keys=False)
    assert client.exec_command("id -un")[1].read().decode().strip() == USER


@pytest.fixture
def front(world):
    front = ListeningConnector(world, world.closing(origins.Origin(speaks_first(origins.echo))).address)
    front.announces()
    return front


def greeted(front):
    client = front.connect()
    client.settimeout(limits.COMMAND_DEADLINE)
    heard = b""
    while len(heard) < LINE + len(VERSION):
        heard += client.recv(4096)
    line, version = heard[:LINE], heard[LINE:]
    assert line.startswith(b"cfpipe-resume-1 ") and line.endswith(b"\r\n") and version == VERSION
    return client


@pytest.mark.parametrize("request_", [
    b"\0\n", b"\0new\n", b"\0" + b"x" * 300 + b"\n", b"\0" + b"1 new " + b"A" * 43 + b" more\n", b"\0" + bytes(range(128, 256)) + b"\n",
    b"\0" + b"x" * 1_000_000], ids=["empty", "no version", "long", "more words", "not ASCII", "endless"])
def test_requests_that_are_none_end_their_connection(front, request_):
    with greeted(front) as client:
        try:
            client.sendall(request_)
            assert client.recv(1) == b""
        except (ConnectionResetError, BrokenPipeError):
            pass
    with greeted(front) as client:
        client.sendall(b"SSH-2.0-x\r\n")
        assert client.recv(100) == b"SSH-2.0-x\r\n", "the next is served"


def test_a_stranger_comes_back_to_nothing(front):
    attach = b"\0001 attach " + b"A" * 22 + b" 1 0 " + b"A" * 43 + b"\n"
    with greeted(front) as client:
        client.sendall(attach)
        assert client.recv(100) == GONE
        assert client.recv(1) == b""


def test_tunnels_that_are_begun_and_left_fill_no_log(front):
    for _ in range(300):
        with greeted(front) as client:
            client.sendall(b"\0001 new " + base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=") + b"\n")
            client.sendall(b"\0\0\0\1x")
            assert client.recv(5), "it is open"
    with greeted(front) as client:
        client.sendall(b"SSH-2.0-x\r\n")
        assert client.recv(100) == b"SSH-2.0-x\r\n"
    assert front.child.stderr.text.count("waits for its client") < 200


def test_a_server_that_is_down_is_said_to_both(world):
    """It was there when the connector learned of it."""
    server = origins.Origin(speaks_first(origins.echo))
    way = Way(world, server.address)
    way.learn()
    server.close()
    child = way.start()
    child.process.stdin.write(b"?")
    child.process.stdin.flush()
    assert child.wait() == LOST, child.stderr.text
    way.front.child.stderr.wait_for("not opened: it refused the connection")


def test_a_server_whose_version_has_changed_is_learned_anew(world):
    versions = [VERSION, b"SSH-2.0-newer\r\n"]

    def serve(connection, events):
        connection.sendall(versions[0])
        origins.echo(connection, events)
    front = ListeningConnector(world, world.closing(origins.Origin(serve)).address)
    front.announces()
    versions.pop(0)
    with greeted(front) as client:
        client.sendall(b"SSH-2.0-x\r\n")
        try:
            assert client.recv(1) == b"", "it was told another version"
        except ConnectionResetError:
            pass
    front.child.stderr.wait_for("the server has another version than before")
    front.announces(2)
    with front.connect() as client:
        assert b"SSH-2.0-newer" in client.recv(4096)
