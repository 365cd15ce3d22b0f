"""A restart: new connections are served while the process before drains, and open tunnels go on until that is over. The listeners
go from process to process as the unit has it (the service manager keeps them) and without one (SIGUSR2)."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket

import pytest

from support import limits
from support.activation import start_with_sockets
from support.clients import CFPIPE, Client, LOST, REFUSED, Ssh
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS
from support.listener import Listener
from support.origin import echo, Origin
from support.process import wait_until
from support.supervised import EVERYBODY, Supervised, Tunnel

OTHERS = [{**EVERYBODY[0], "include": [{"email": "other@example.com"}]}]
CONFIG = 78
LOGINS, RESTARTS, WORKERS = 200, 10, 6
LEAVING = "the edge is stopped or restarted"


@pytest.fixture
def supervised(world):
    return Supervised(world)


@pytest.fixture
def client(world, supervised):
    client = Client(world, supervised.edge)
    client.login()
    return client


def test_two_hundred_logins_during_ten_restarts(world, sshd):
    """Half of them by the service manager, half by SIGUSR2. No login fails, and the copy of the audit has each row once."""
    supervised = Supervised(world, sshd.address, certificates={"principals": ["email_prefix"], "ttl": "1h"}, more={"drain": "60s"})
    sshd.trust(supervised.edge.ssh_ca())
    client = Client(world, supervised.edge)
    client.login()
    client.ssh_gen().ok()
    key = client.file("*-cf_key")
    ssh = Ssh(client, text=f"""Host {supervised.edge.hosts[0]}
  ProxyCommand {CFPIPE} access ssh --hostname {supervised.edge.host()}
  IdentityFile {key}
  CertificateFile {key}-cert.pub
  IdentitiesOnly yes
""")
    ssh.run("true").ok()  # known_hosts is written by now
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        logins = [workers.submit(ssh.run, f"echo login {number}") for number in range(LOGINS)]
        for number in range(1, RESTARTS + 1):
            done = number * LOGINS // (RESTARTS + 1)
            wait_until(lambda: sum(login.done() for login in logins) >= done, f"{done} logins are done", limits.TRANSFER_DEADLINE)
            supervised.restart() if number % 2 else supervised.replace()
        finished = [login.result() for login in logins]
    failed = [one for number, one in enumerate(finished) if one.status != 0 or one.stdout != f"login {number}\n"]
    assert not failed, failed[:3]
    opened = [row["id"] for row in supervised.edge.audit() if row["kind"] == "tunnel_open"]
    assert len(opened) == LOGINS + 1
    def copied():
        rows = [json.loads(line) for line in world.path("audit.jsonl").read_text().splitlines()]
        return [row["id"] for row in rows if row["kind"] == "tunnel_open"]
    wait_until(lambda: len(copied()) >= len(opened), "the audit's copy has all of them")
    assert sorted(copied()) == sorted(opened)


@pytest.mark.parametrize("how", ["restart", "replace"])
def test_an_open_tunnel_goes_on(supervised, client, how):
    before = Tunnel(client)
    assert before.answers(b"before")
    getattr(supervised, how)()
    # The process that has come answers for the edge, that which drains does not.
    for _ in range(20):
        assert supervised.get("/readyz")[0] == 200
    after = Tunnel(client)
    assert after.answers(b"after") and before.answers(b"still" * 20_000)
    assert after.end() == 0 and before.end() == 0


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_a_client_that_listens_goes_to_the_next(supervised, client, transport):
    """Over HTTP/2 its tunnels share a connection, on which the process before takes no more of them."""
    listener = Listener(client, "127.0.0.1:0", "--transport", transport)
    def says(connection, text):
        connection.sendall(text)
        return connection.recv(len(text), socket.MSG_WAITALL) == text
    open_ones = []
    for number in range(3):
        open_ones.append(listener.connect())
        assert says(open_ones[-1], b"before and after %d" % number), listener.child.stderr.text
        supervised.replace()
    assert all(says(one, b"still") for one in open_ones), listener.child.stderr.text
    for one in open_ones:
        one.close()
    assert listener.stop() == 0


def test_the_end_of_the_drain_is_told(world):
    supervised = Supervised(world, more={"drain": "2s"})
    client = Client(world, supervised.edge)
    client.login()
    tunnel = Tunnel(client)
    assert tunnel.answers(b"before")
    supervised.replace()
    status, said = tunnel.ended()
    assert status == LOST and LEAVING in said, said
    assert supervised.edge.wait_for_audit("tunnel_close")["reason"] == "the edge was stopped"
    supervised.edge.child.stderr.wait_for("has drained")


def test_a_second_signal_cuts_at_once_and_tells(world, supervised, client):
    tunnel = Tunnel(client)
    assert tunnel.answers(b"before")
    supervised.edge.child.process.send_signal(signal.SIGTERM)
    supervised.manager.wait_for("STOPPING=1")
    assert tunnel.answers(b"still")
    supervised.edge.child.process.send_signal(signal.SIGTERM)
    status, said = tunnel.ended()
    assert status == LOST and LEAVING in said, said
    assert supervised.edge.child.wait() == 0, supervised.edge.child.stderr.text


def test_one_that_does_not_come_to_serve_changes_nothing(supervised, client):
    tunnel = Tunnel(client)
    good = supervised.edge.config.read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for bad in ('{"listen": "nowhere"}', good.replace('"admin_listen": "127.0.0.1:0"', f'"admin_listen": "127.0.0.1:{port}"'),
                    good.replace(f'"state": "{supervised.edge.state}"', '"state": "/proc/no"')):
            assert bad != good
            supervised.edge.config.write_text(bad)
            supervised.replace(says="not replaced: ")
            assert tunnel.answers(b"as before")
            second = Tunnel(client)
            assert second.answers(b"as before") and second.end() == 0
    supervised.edge.config.write_text(good)
    supervised.replace()
    assert tunnel.answers(b"as before") and tunnel.end() == 0


def test_what_only_a_start_decides_is_decided(supervised, client):
    """Another address of a listener, for example, which a reload leaves as it is."""
    tunnel = Tunnel(client)
    assert tunnel.answers(b"before")
    supervised.edge.change(lambda config: config.update(admin_listen="[::1]:0"))
    supervised.replace()
    port = int(supervised.edge.child.stderr.wait_for(r"metrics at http://\[::1\]:(\d+)/").group(1))
    socket.create_connection(("::1", port)).close()
    def kept():
        return {name: one.getsockname()[1] for name, one in list(supervised.manager.kept.items())}
    wait_until(lambda: kept() == {"kept-listen": supervised.edge.port, "kept-admin_listen": port}, "the manager keeps it")
    assert tunnel.answers(b"after") and tunnel.end() == 0


@pytest.mark.parametrize("how", ["restart", "replace", "reload"])
def test_policies_of_now_hold_for_tunnels_of_before(supervised, client, how):
    tunnel = Tunnel(client)
    assert tunnel.answers(b"before")
    if how == "reload":
        supervised.replace()
        assert tunnel.answers(b"after")
    supervised.edge.change(lambda config: config["applications"][0].update(policies=OTHERS))
    getattr(supervised.edge if how == "reload" else supervised, how)()
    status, said = tunnel.ended()
    assert status == REFUSED and "do not admit you any more" in said, said


@pytest.mark.parametrize("how", ["restart", "replace"])
def test_a_sign_in_that_is_under_way_is_finished_by_the_next(world, supervised, how):
    """A program waits for it at one process, and the browser ends it at the other."""
    go = world.path("go")
    os.mkfifo(go)
    client = Client(world, supervised.edge, "waits")
    held = world.script("held-browser", f'read go < {go}; exec {client.env["BROWSER"]} "$1"')
    child = client.start("access", "login", supervised.edge.url(), env={"BROWSER": str(held)}, collect=True)
    with open(go, "w") as opened:  # as soon as there is a browser
        getattr(supervised, how)()
        opened.write("go\n")
    child.process.stdin.close()
    assert child.wait() == 0, child.stderr.text
    tunnel = Tunnel(client)
    assert tunnel.answers(b"signed in") and tunnel.end() == 0


def udp():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def deaf():
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


def unix(world):
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(world.path("unix")))
    made.listen()
    return made


def tcp(address="127.0.0.1"):
    return socket.create_server((address, 0))


@pytest.mark.parametrize("supervise", [[], ["--supervise"]], ids=["alone", "supervised"])
@pytest.mark.parametrize("make, names, more, says", [
    (lambda world: [udp()], "listen", {}, r"descriptor 3 \(listen\) is not a socket that listens \(TCP or Unix-domain\)"),
    (lambda world: [deaf()], None, {}, r"descriptor 3 \(listen\) is not a socket that listens \(TCP or Unix-domain\)"),
    (lambda world: [unix(world)], None, {}, r"'listen' listens on unix:/.*/unix, and the configuration says 127\.0\.0\.1:0: make them the same"),
    (lambda world: [], None, {"LISTEN_FDS": "1"}, r"descriptor 3 \(listen\) is not open"),
    (lambda world: [], None, {"LISTEN_FDS": "many"}, r"LISTEN_FDS is 'many', no number of sockets"),
    (lambda world: [tcp()], None, {"LISTEN_FDS": "9"}, r"LISTEN_FDS is '9', no number of sockets up to 4"),
    (lambda world: [tcp(), tcp(), tcp()], None, {}, "LISTEN_FDS has 3 sockets"),
    (lambda world: [tcp()], "listen:admin_listen", {}, "LISTEN_FDNAMES has 2 names for 1 sockets"),
    (lambda world: [tcp(), tcp()], "listen:listen", {}, "LISTEN_FDNAMES has 'listen' twice"),
    (lambda world: [tcp(), tcp()], "listen:http", {}, "LISTEN_FDNAMES: 'http' is neither listen nor admin_listen"),
    (lambda world: [tcp("127.0.0.2")], "listen", {}, r"'listen' listens on 127\.0\.0\.2:\d+, and the configuration says 127\.0\.0\.1:0: make them the same"),
    (lambda world: [tcp(), tcp()], "x.socket:x.socket", {}, "a socket was handed over for 'admin_listen', which the configuration does not have"),
], ids=["udp", "deaf", "unix", "closed", "no-number", "too-large", "too-many", "names", "twice", "unknown", "elsewhere", "unwanted"])
def test_sockets_that_cannot_be_used_are_named(world, supervise, make, names, more, says):
    edge = configured(world)
    sockets = [world.closing(one) for one in make(world)]
    child = start_with_sockets(world, [PROGRAMS["own"], "run", *supervise, "--config", edge.config], sockets, names, **more)
    assert child.wait() == CONFIG, child.stderr.text
    lines = [line for line in child.stderr.text.splitlines() if line.startswith("cfpipe-edge: ")]
    assert len(lines) == 1 and re.search(says, lines[0]), child.stderr.text


def configured(world):
    """Stopped, with its configuration, state and certificate there."""
    edge = ConfiguredEdge(world, world.closing(Origin(echo)).address, EVERYBODY)
    edge.stop()
    return edge


def test_sockets_of_another_process_are_not_taken(world):
    edge = configured(world)
    child = world.start([PROGRAMS["own"], "run", "--config", edge.config], {**world.env, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
    child.ready_port()
    assert child.stop() == 0


def test_two_at_once_serve_from_one_socket(world):
    """Without a process in front: the program that starts the edge holds the socket."""
    edge = configured(world)
    listener = world.closing(tcp())
    argv = [PROGRAMS["own"], "run", "--config", edge.config]
    first, edge.port = start_with_sockets(world, argv, [listener], "listen"), listener.getsockname()[1]
    assert first.ready_port() == edge.port
    client = Client(world, edge)
    client.login()
    tunnel = Tunnel(client)
    assert tunnel.answers(b"before")
    edge.child = start_with_sockets(world, argv, [listener], "listen")
    assert edge.child.ready_port() == edge.port
    first.process.send_signal(signal.SIGTERM)
    first.stderr.wait_for("1 tunnels may go on for 30")
    for _ in range(5):
        second = Tunnel(client)
        assert second.answers(b"after") and second.end() == 0
    assert tunnel.answers(b"still") and tunnel.end() == 0
    assert first.wait() == 0


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd to ask")
@pytest.mark.parametrize("name", [[], ["--fdname=listen"]], ids=["unnamed", "named"])
def test_systemd_hands_its_socket_over(world, name):
    edge = configured(world)
    with tcp() as free:
        edge.port = free.getsockname()[1]
    handed = [f"--setenv={key}={value}" for key, value in world.env.items()]
    child = world.start(["systemd-socket-activate", f"--listen=127.0.0.1:{edge.port}", *name, *handed,
                         PROGRAMS["own"], "run", "--config", edge.config])
    child.stderr.wait_for("Listening on")
    client = Client(world, edge)
    client.login()  # its first connection starts the edge
    tunnel = Tunnel(client)
    assert tunnel.answers(b"served") and tunnel.end() == 0
    assert child.stop() == 0, child.stderr.text
