"""One address does everything it can without a stop; a user at another address signs in, gets a certificate and opens a
tunnel meanwhile. Limits are configured only where reaching the default would take long."""

import concurrent.futures
import contextlib
import json
import re
import resource
import socket
import threading

from support import limits, world as worlds
from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.edges import HOST
from support.scripted_provider import ScriptedProvider
from support.visitor import Web

ATTACKER = "127.0.0.2"
STAFF = {"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}
EVE = {"name": "eve", "decision": "allow", "include": [{"email": "eve@example.com"}]}
OPEN = {"name": "open", "decision": "bypass", "include": ["everyone"]}
OTHER = f"other-{HOST}"
CONNECTIONS_PER_ADDRESS = 2000
LOGINS_PER_ADDRESS = 50
MANY_TIMES = 20
CODES_OF_PERSON = 32
SLOTS_OF_ADDRESS = 16
JUNK_CODES = 100


def is_served(client):
    """A sign-in, a certificate and a tunnel."""
    client.login()
    client.ssh_gen().ok()
    assert client.banner().startswith("SSH-2.0-")


def upgrade(web, edge):
    """The status of a tunnel's answer; the connection is closed at once."""
    with socket.create_connection(("127.0.0.1", edge.port), limits.COMMAND_DEADLINE, (ATTACKER, 0)) as plain:
        with web.tls.wrap_socket(plain, server_hostname=HOST) as tls:
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}:{edge.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
            return int(tls.recv(64).split()[1])


def test_idle_connections_leave_room(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, [STAFF])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    closed = re.compile(rf"closed because of connections_per_address: \d+, the last one from {ATTACKER}")
    with contextlib.ExitStack() as held:
        # Those that say nothing are closed after a while, so there may have to be more of them than there can be at once.
        for _ in range(3 * CONNECTIONS_PER_ADDRESS):
            held.enter_context(socket.create_connection(("127.0.0.1", edge.port), limits.COMMAND_DEADLINE, (ATTACKER, 0)))
            if closed.search(edge.child.stderr.text):
                break
        edge.child.stderr.wait_for(closed.pattern)
        is_served(Client(world, edge))


def test_sign_ins_and_codes_of_one_address_and_person(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, [STAFF, EVE], hosts=(HOST, OTHER),
                          more={"limits": {"logins_per_address": LOGINS_PER_ADDRESS}})
    eve = Web(edge.ca_file, ATTACKER)
    page = eve.follow(edge.url())
    assert eve.follow(eve.submit(page, email="eve@example.com")).status == 200
    # One session, one sign-in after another, whose codes are never taken.
    begun = eve.get(edge.url(OTHER))
    statuses = [eve.get(begun.location).status for _ in range(CODES_OF_PERSON + 5)]
    assert statuses == [302] * CODES_OF_PERSON + [429] * 5
    stranger = Web(edge.ca_file, ATTACKER)
    begun = stranger.get(edge.url())
    # Some come back while this goes on.
    statuses = []
    while 429 not in statuses:
        statuses.append(stranger.get(begun.location).status)
        assert len(statuses) < MANY_TIMES * LOGINS_PER_ADDRESS, statuses
    assert set(statuses) == {200, 429}
    is_served(Client(world, edge))


def test_denials_and_tunnels_of_strangers_are_bounded(world, sshd):
    most = 40
    edge = ConfiguredEdge(world, sshd.address, [OPEN, STAFF], more={"limits": {"tunnel_opens_per_address": most}})
    sshd.trust(edge.ssh_ca())
    stranger = Web(edge.ca_file, ATTACKER)
    statuses = [upgrade(stranger, edge) for _ in range(most + 10)]
    assert statuses[:most // 2] == [101] * (most // 2) and statuses[-1] == 429, statuses
    rows = [row for row in edge.audit() if row["peer"] == ATTACKER]
    assert any(re.search("has opened as many tunnels as one address may in a minute: 40", row.get("reason", ""))
               for row in rows), json.dumps(rows[-3:])
    is_served(Client(world, edge))


def test_junk_codes_do_not_hold_the_identity_provider(world):
    """Its token endpoint takes its time for what is no code; a person who brings a good one waits for none of those."""
    provider, release, waiting = ScriptedProvider(world), threading.Event(), threading.Semaphore(0)
    good = provider.token

    def token(form):
        if form["code"] == "junk":
            waiting.release()
            release.wait(limits.COMMAND_DEADLINE)
            return 400, {}, {"error": "invalid_grant"}
        return good(form)

    provider.token = token
    edge = ConfiguredEdge(world, "127.0.0.1:1", [STAFF], provider=provider.settings())

    def begin(web):
        answer = web.follow(edge.url(), stop=lambda url: url.startswith(provider.issuer))
        assert answer.location and answer.location.startswith(f"{provider.issuer}/authorize?"), answer
        return answer.query

    def back(web, asked, code):
        return web.get(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    def junk():
        web = Web(edge.ca_file, ATTACKER)
        return back(web, begin(web), "junk").status

    with concurrent.futures.ThreadPoolExecutor(JUNK_CODES) as pool:
        sent = [pool.submit(junk) for _ in range(JUNK_CODES)]
        try:
            for _ in range(SLOTS_OF_ADDRESS):
                assert waiting.acquire(timeout=limits.COMMAND_DEADLINE), "the attacker has all that it may"
            victim = Web(edge.ca_file)
            asked = begin(victim)
            provider.nonce = asked["nonce"]
            answer = back(victim, asked, "good")
            assert answer.status == 302 and victim.follow(answer).status == 200, answer
        finally:
            release.set()
        statuses = {one.result() for one in sent}
    assert statuses <= {502, 503}, statuses
