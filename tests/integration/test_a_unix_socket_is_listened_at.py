"""nginx, Caddy and HAProxy reach the edge at a Unix-domain socket, each with the line that docs/BALANCERS.md has for it: policies, limits
and the audit see the client that the proxy names, and the socket is handed from process to process."""

import os
import random
import socket
import stat

import pytest

from support import limits, world as worlds
from support.activation import start_with_sockets
from support.balancers import EdgeAtASocket, PROXIES, get, put_in_front, replaced, wait_until_it_listens
from support.clients import Client, CONFIGURATION, Ssh
from support.edges import HOST, PROGRAMS
from support.origin import Origin, echo
from support.supervised import Supervised, Tunnel
from support.visitor import Web

STAFF = {"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}
LAB = {"name": "lab", "decision": "bypass", "include": [{"ip": "127.0.0.3"}]}
PASSES, SIGN_IN, BAD = 200, 302, 400
ROUND_TRIP_BYTES = 4 * limits.MIB
every_proxy = pytest.mark.parametrize("proxy", PROXIES)


@every_proxy
def test_tunnels_pass(world, proxy):
    edge = EdgeAtASocket(world, world.closing(Origin(echo)).address, [STAFF])
    put_in_front(edge, proxy)
    client = Client(world, edge)
    client.login()
    sent = random.Random(1).randbytes(ROUND_TRIP_BYTES)
    assert client.tunnel(input=sent).ok().output == sent
    edge.wait_for_audit("tunnel_open")
    assert {row["peer"] for row in edge.audit()} == {"127.0.0.1"}


def test_ssh_logs_in(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF])
    sshd.trust(edge.command("ca", "show", "--app", HOST).ok().stdout)
    put_in_front(edge, "nginx")
    assert Ssh(Client(world, edge), "match").run("echo it works").ok().stdout == "it works\n"


@every_proxy
def test_policies_see_the_client_and_not_what_it_claims(world, sshd, proxy):
    edge = EdgeAtASocket(world, sshd.address, [STAFF, LAB])
    put_in_front(edge, proxy)
    tls = Web(edge.ca_file).tls
    assert get(edge, edge.connect("127.0.0.3"), tls) == PASSES
    assert get(edge, edge.connect("127.0.0.2"), tls) == SIGN_IN
    for claim in ("X-Forwarded-For: 127.0.0.3", "Forwarded: for=127.0.0.3", "X-Forwarded-For: unknown"):
        assert get(edge, edge.connect("127.0.0.2"), tls, f"{claim}\r\n") == SIGN_IN, claim


@pytest.mark.skipif(os.getuid() != 0, reason="only root may have another root directory")
def test_haproxy_may_have_another_root_directory(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF, LAB])
    argv = PROXIES["haproxy"](edge)
    config = argv[-1]
    config.write_text(replaced(config.read_text(), ("global\n", f"global\n  chroot {edge.socket.parent}\n"),
                               (f"unix@{edge.socket}", f"unix@/{edge.socket.name}")))
    wait_until_it_listens(world.start(argv), edge.front_port)
    assert get(edge, edge.connect("127.0.0.3"), Web(edge.ca_file).tls) == PASSES


def at(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


def test_limits_by_address_are_the_clients(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF], more={"limits": {"logins_per_address": 3}})
    put_in_front(edge, "nginx")
    def sign_in(address):
        web = Web(edge.ca_file, address)
        return web.follow(web.get(edge.url())).status
    statuses = [sign_in("127.0.0.2") for _ in range(6)]
    assert set(statuses) == {200, 429}, statuses
    assert sign_in("127.0.0.3") == 200


def test_a_request_that_names_no_client_is_refused(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF, LAB])
    assert get(edge, at(edge.socket), more="X-Forwarded-For: 127.0.0.3\r\n") == PASSES
    assert get(edge, at(edge.socket)) == BAD
    edge.child.stderr.wait_for(r"because of their headers: 1, the last one from the Unix-domain socket \(the proxy does not say who the client is\)")


def test_a_file_that_was_left_is_replaced_and_one_in_use_is_not(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF])
    assert stat.S_IMODE(os.stat(edge.socket).st_mode) == 0o600
    second = world.run([PROGRAMS["own"], "run", "--config", edge.config]).failed(CONFIGURATION)
    assert second.stderr.splitlines()[-1] == (
        f"cfpipe-edge: cannot listen on unix:{edge.socket}: another process listens there; end it, or name another path")
    edge.child.kill()
    edge.child = world.start([PROGRAMS["own"], "run", "--config", edge.config])
    edge.child.ready_port()
    assert get(edge, at(edge.socket), more="X-Forwarded-For: 127.0.0.3\r\n") == SIGN_IN


@pytest.mark.parametrize("how", ["restart", "replace"])
def test_an_open_tunnel_goes_on_and_new_ones_come(world, how):
    supervised = Supervised(world, policies=[STAFF], make=EdgeAtASocket)
    edge = supervised.edge
    put_in_front(edge, "nginx")
    client = Client(world, edge)
    client.login()
    before = Tunnel(client)
    assert before.answers(b"before")
    file = os.stat(edge.socket)
    getattr(supervised, how)()
    after = Tunnel(client)
    assert after.answers(b"after") and before.answers(b"still" * 20_000)
    assert os.stat(edge.socket).st_ino == file.st_ino
    assert after.end() == 0 and before.end() == 0


def test_a_file_that_has_gone_is_made_again(world):
    """As by a service manager that empties its directory between two starts."""
    supervised = Supervised(world, policies=[STAFF], make=EdgeAtASocket)
    for how in ("restart", "replace"):
        os.unlink(supervised.edge.socket)
        getattr(supervised, how)()
        assert get(supervised.edge, at(supervised.edge.socket), more="X-Forwarded-For: 127.0.0.3\r\n") == SIGN_IN


def test_a_service_manager_may_open_it(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF])
    edge.stop()
    os.unlink(edge.socket)
    given = world.closing(socket.socket(socket.AF_UNIX))
    given.bind(str(edge.socket))
    given.listen()
    os.chmod(edge.socket, 0o620)  # by its own rules, where the file is not this user's
    child = start_with_sockets(world, [PROGRAMS["own"], "run", "--config", edge.config], [given], "listen")
    child.ready_port()
    assert get(edge, at(edge.socket), more="X-Forwarded-For: 127.0.0.3\r\n") == SIGN_IN
    assert child.stop() == 0, child.stderr.text
    given.close()


def test_a_listener_moves_from_a_port_to_a_socket_and_back(world):
    """With the same process in front."""
    supervised = Supervised(world, policies=[STAFF], make=EdgeAtASocket)
    edge = supervised.edge
    edge.change(lambda config: config.update(listen="http://127.0.0.1:0", trusted_proxies=["127.0.0.1"]))
    supervised.replace()
    port = int(edge.child.stdout.wait_for(r"^ready 127\.0\.0\.1:(\d+)$").group(1))
    assert get(edge, edge.connect("127.0.0.1", port), more="X-Forwarded-For: 127.0.0.3\r\n") == SIGN_IN
    edge.child.stderr.wait_for("has drained")
    edge.change(lambda config: config.update(listen=f"unix:{edge.socket}", trusted_proxies=["unix"]))
    supervised.replace()
    assert get(edge, at(edge.socket), more="X-Forwarded-For: 127.0.0.3\r\n") == SIGN_IN


def test_check_config_names_what_is_wrong(world, sshd):
    edge = EdgeAtASocket(world, sshd.address, [STAFF])
    for change, says in (
            ({"listen": "unix:http.sock"}, "'listen' at a Unix-domain socket must be unix: and an absolute path"),
            ({"trusted_proxies": ["127.0.0.1"]}, "'listen' at a Unix-domain socket needs 'trusted_proxies: [unix]'"),
            ({"listen": "http://127.0.0.1:0"}, "'unix' in 'trusted_proxies' is for 'listen: unix:/PATH'"),
            ({"listen_group": "no-such-group"}, "there is no group 'no-such-group'")):
        edge.change(lambda config: config.update({"listen": f"unix:{edge.socket}", "trusted_proxies": ["unix"], **change}))
        checked = world.run([PROGRAMS["own"], "check-config", "--config", edge.config]).failed(CONFIGURATION)
        faults = [line for line in checked.stderr.splitlines() if "warning" not in line]
        assert len(faults) == 1 and says in faults[0], checked
