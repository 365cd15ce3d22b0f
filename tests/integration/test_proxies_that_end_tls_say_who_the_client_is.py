"""nginx, Caddy and HAProxy end TLS in front of the edge, each with the lines that docs/BALANCERS.md has for it: tunnels pass, and
policies and the audit see the client. What claims to be for another client and comes from elsewhere is not listened to."""

import random
import re

import pytest

from support import limits, world as worlds
from support.balancers import ADDRESS, EdgeInTheClear, PROXIES, get, put_in_front
from support.clients import Client, CONFIGURATION, Ssh
from support.edges import AUTH_HOST, HOST, PROGRAMS
from support.origin import Origin
from support.visitor import Web

STAFF = {"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}
LAB = {"name": "lab", "decision": "bypass", "include": [{"ip": "127.0.0.3"}]}
PASSES, SIGN_IN = 200, 302
ROUND_TRIP_BYTES = 4 * limits.MIB
every_proxy = pytest.mark.parametrize("proxy", PROXIES)


def echo(connection, _events):
    while data := connection.recv(65536):
        connection.sendall(data)


@every_proxy
@pytest.mark.parametrize("transport", ["h1", "auto"])
def test_tunnels_pass(world, proxy, transport):
    origin = world.closing(Origin(echo))
    edge = EdgeInTheClear(world, origin.address, [STAFF], proxy)
    put_in_front(edge, proxy)
    client = Client(world, edge)
    client.login()
    sent = random.Random(1).randbytes(ROUND_TRIP_BYTES)
    assert client.tunnel("--transport", transport, input=sent).ok().output == sent
    edge.wait_for_audit("tunnel_open")
    assert {row["peer"] for row in edge.audit()} == {"127.0.0.1"}


@pytest.mark.parametrize("proxy", ["nginx"])
def test_ssh_logs_in(world, sshd, proxy):
    edge = EdgeInTheClear(world, sshd.address, [STAFF], proxy)
    sshd.trust(edge.command("ca", "show", "--app", HOST).ok().stdout)
    put_in_front(edge, proxy)
    client = Client(world, edge)
    assert Ssh(client, "match").run("echo it works").ok().stdout == "it works\n"


@every_proxy
def test_policies_see_the_client_and_not_what_it_claims(world, sshd, proxy):
    edge = EdgeInTheClear(world, sshd.address, [STAFF, LAB], proxy)
    put_in_front(edge, proxy)
    tls = Web(edge.ca_file).tls
    assert get(edge, edge.connect("127.0.0.3"), tls) == PASSES
    assert get(edge, edge.connect("127.0.0.2"), tls) == SIGN_IN
    for claim in ("X-Forwarded-For: 127.0.0.3", "Forwarded: for=127.0.0.3", "X-Forwarded-For: 127.0.0.3\r\nX-Forwarded-For: 127.0.0.3",
                  "Forwarded: for=\"", "X-Real-IP: 127.0.0.3"):
        assert get(edge, edge.connect("127.0.0.2"), tls, f"{claim}\r\n") == SIGN_IN, claim


@every_proxy
def test_browsers_see_https_alone(world, sshd, proxy):
    edge = EdgeInTheClear(world, sshd.address, [STAFF], proxy)
    put_in_front(edge, proxy)
    web = Web(edge.ca_file, "127.0.0.2")
    answer = web.get(edge.url())
    assert answer.location.startswith(f"https://{AUTH_HOST}:{edge.port}/"), answer
    cookies = answer.headers.get_all("Set-Cookie")
    assert cookies and all(re.search("; Secure(;|$)", cookie) for cookie in cookies), cookies
    page = web.submit(web.follow(answer), email=worlds.EMAIL)
    assert web.follow(page).status == 200, page


def test_claims_from_elsewhere_are_not_listened_to(world, sshd):
    edge = EdgeInTheClear(world, sshd.address, [STAFF, LAB])
    def status(address, more):
        return get(edge, edge.connect(address, edge.own_port), more=more)
    for claim in ("X-Forwarded-For: 127.0.0.3\r\n", "Forwarded: for=127.0.0.3;proto=https\r\n"):
        assert status("127.0.0.4", claim) == SIGN_IN
        assert status(ADDRESS, claim) == PASSES
    assert status(ADDRESS, "X-Forwarded-For: 127.0.0.3, 127.0.0.2\r\n") == SIGN_IN
    assert status(ADDRESS, "X-Forwarded-For: 127.0.0.3\r\nX-Forwarded-Proto: http\r\n") == 308
    assert status(ADDRESS, "X-Forwarded-For: 127.0.0.3\r\nForwarded: for=127.0.0.2\r\n") == 400
    edge.child.stderr.wait_for(rf"refused because of their headers: 1, the last one from {ADDRESS} \(Forwarded and")


def test_check_config_names_what_is_wrong(world, sshd):
    edge = EdgeInTheClear(world, sshd.address, [STAFF])
    for change, says in (
            ({"listen": "http://localhost:80"}, "'listen' by plain HTTP must be http://ADDRESS:PORT, such as http://127.0.0.1:8080"),
            ({"trusted_proxies": ["proxy.example.com"]}, "a trusted proxy must be ADDRESS or ADDRESSES/BITS"),
            ({"trusted_proxies": ["::/0"]}, "'trusted_proxies' must not be all addresses"),
            ({"proxy_protocol": "v2"}, "'proxy_protocol' must be true or false")):
        edge.change(lambda config: config.update({"listen": "http://127.0.0.1:0", "trusted_proxies": [ADDRESS],
                                                  "proxy_protocol": False, **change}))
        checked = world.run([PROGRAMS["own"], "check-config", "--config", edge.config]).failed(CONFIGURATION)
        faults = [line for line in checked.stderr.splitlines() if "warning" not in line]
        assert len(faults) == 1 and says in faults[0], checked
