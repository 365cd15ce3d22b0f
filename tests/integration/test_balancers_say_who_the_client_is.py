"""HAProxy passes connections on to the edge and says whose they are by the PROXY protocol: policies, limits and the audit see the
client. From elsewhere such a header is worth nothing."""

import contextlib
import ssl

import pytest

from support import world as worlds
from support.balancers import ADDRESS, EdgeBehind, get, put_haproxy_in_front
from support.clients import Client
from support.edges import HOST
from support.visitor import Web

STAFF = {"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}
LAB = {"name": "lab", "decision": "bypass", "include": [{"ip": "127.0.0.3"}]}
MODES = {"v1": "send-proxy", "v2": "send-proxy-v2", "v2-with-more": "send-proxy-v2 proxy-v2-options crc32c,ssl,cert-cn,authority"}
LOCAL = bytes.fromhex("0d0a0d0a000d0a515549540a20000000")
PASSES, SIGN_IN = 200, 302


def closed_before_tls(edge, connection, tls):
    """Nothing is served there."""
    with pytest.raises((ssl.SSLError, OSError)):
        get(edge, connection, tls)
    return True


@pytest.mark.parametrize("mode", MODES)
def test_policies_and_the_audit_see_the_client(world, sshd, mode):
    edge = EdgeBehind(world, sshd.address, [STAFF, LAB])
    put_haproxy_in_front(edge, MODES[mode])
    client = Client(world, edge)
    client.login()
    assert client.banner().startswith("SSH-2.0-")
    for address, status in (("127.0.0.3", PASSES), ("127.0.0.2", SIGN_IN)):
        assert Web(edge.ca_file, address).get(edge.url()).status == status
    edge.wait_for_audit("tunnel_open")
    assert {row["peer"] for row in edge.audit()} == {"127.0.0.1"}
    assert "PROXY" not in edge.child.stderr.text, "not even of health checks"


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_connections_count_for_the_client(world, sshd, send):
    edge = EdgeBehind(world, sshd.address, [STAFF], more={"limits": {"connections_per_address": 2}})
    put_haproxy_in_front(edge, send)
    tls = Web(edge.ca_file).tls
    with contextlib.ExitStack() as held:
        for _ in range(2):
            plain = held.enter_context(edge.connect("127.0.0.2"))
            held.enter_context(tls.wrap_socket(plain, server_hostname=HOST))
        assert closed_before_tls(edge, edge.connect("127.0.0.2"), tls)
        for _ in range(5):
            assert get(edge, edge.connect("127.0.0.3"), tls) == SIGN_IN
    edge.child.stderr.wait_for("closed because of connections_per_address: 1, the last one from 127.0.0.2")


def test_a_header_from_elsewhere_is_not_listened_to(world, sshd):
    edge = EdgeBehind(world, sshd.address, [STAFF, LAB])
    tls = Web(edge.ca_file).tls
    claim = f"PROXY TCP4 127.0.0.3 127.0.0.1 5000 {edge.own_port}\r\n".encode()
    stranger = edge.connect("127.0.0.4", edge.own_port)
    stranger.sendall(claim)
    assert closed_before_tls(edge, stranger, tls)
    assert get(edge, edge.connect("127.0.0.4", edge.own_port), tls) == SIGN_IN
    proxy = edge.connect(ADDRESS, edge.own_port)
    proxy.sendall(claim)
    assert get(edge, proxy, tls) == PASSES


def test_a_trusted_proxy_without_a_header_is_pointed_out(world, sshd):
    edge = EdgeBehind(world, sshd.address, [STAFF])
    tls = Web(edge.ca_file).tls
    edge.connect(ADDRESS, edge.own_port).close()
    check = edge.connect(ADDRESS, edge.own_port)
    check.sendall(LOCAL)
    assert get(edge, check, tls) == SIGN_IN
    assert "PROXY" not in edge.child.stderr.text, "health checks are nothing to write about"
    assert closed_before_tls(edge, edge.connect(ADDRESS, edge.own_port), tls)
    edge.child.stderr.wait_for(rf"did not begin with a PROXY protocol header: 1, the last one from {ADDRESS} \(it begins with")


def test_trusted_proxies_change_with_a_reload(world, sshd):
    edge = EdgeBehind(world, sshd.address, [STAFF, LAB], more={"trusted_proxies": ["127.0.0.8"]})
    put_haproxy_in_front(edge)
    tls = Web(edge.ca_file).tls
    assert closed_before_tls(edge, edge.connect("127.0.0.3"), tls)
    edge.change(lambda config: config.update(trusted_proxies=[ADDRESS]))
    edge.reload()
    assert get(edge, edge.connect("127.0.0.3"), tls) == PASSES
