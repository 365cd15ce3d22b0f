"""From exec to the SSH banner in round trips, counted at the client's end of a long wire, and on how many connections.

The time is divided by the round trip. The machine can only add to it, so the fewest of a few starts are what the
protocol costs; what is left over must stay below half a round trip.
"""

import time

import pytest

from support import limits
from support.listener import Listener, first_line
from support.wire import LongWire

DELAY_MS = 400 if limits.SANITIZED else 150  # what the sanitizers add has to stay below a round trip
TRIES = 10
OVER = 0.9 if limits.SANITIZED else 0.5  # round trips


@pytest.fixture
def far(world, kind, sshd):
    wire = LongWire(world, kind, sshd.address, DELAY_MS)
    sshd.trust(wire.edge.ssh_ca())
    return wire


def takes(far, trips, connections, *more, prepare=lambda: None):
    """Starts, each made ready by `prepare`, until one takes these round trips and connections; never fewer."""
    seen = []
    for _ in range(TRIES):
        prepare()
        seen.append(far.round_trips(*more))
        assert seen[-1][0] >= trips, seen
        assert seen[-1][1] == connections, seen
        if seen[-1][0] < trips + OVER:
            return
    raise AssertionError(seen)


def accepts(far, first, second, *connections):
    """The first two tunnels of a listener in round trips, each from the accepted connection to the banner, and the
    connections that there are behind each; tried as above."""
    seen = []
    for _ in range(TRIES):
        far.client.forget_sessions()
        before = far.relay.connections()
        listener = Listener(far.client)
        took = []
        for count in connections:
            start = time.monotonic()
            with listener.connect() as connection:
                assert first_line(connection).startswith("SSH-2.0-")
                took.append((time.monotonic() - start) / far.relay.round_trip)
            assert far.relay.connections() - before == count
        assert listener.stop() == 0
        seen.append(took)
        assert took[0] >= first and took[1] >= second, seen
        if took[0] < first + OVER and took[1] < second + OVER:
            return
    raise AssertionError(seen)


def forget(far, *patterns):
    def prepare():
        for pattern in patterns:
            for path in far.client.home.glob(pattern):
                path.unlink()
    return prepare


def test_warm_start_with_a_full_handshake_takes_three_on_one_connection(far):
    takes(far, 3, 1, prepare=forget(far, "*.tls-ticket"))


def test_warm_start_with_a_resumed_session_takes_two_on_one_connection(far, kind):
    """The mock takes no early data: a session that is resumed there costs what a new one does."""
    takes(far, 2 if kind == "own" else 3, 1)


def test_missing_certificate_costs_nothing_more(far):
    """It is signed beside the dial, on the only other connection."""
    takes(far, 3, 2, "--short-lived-cert", prepare=forget(far, "*-cf_key*", "*.tls-ticket"))


def test_missing_certificate_of_an_agent_is_not_waited_for(far, kind):
    """The tunnel opens and pumps while the certificate is made: as many as a warm start takes."""
    agent = ("--agent", far.edge.world.path("agent"))
    takes(far, 2 if kind == "own" else 3, 2, *agent)


def test_token_that_an_org_token_brings_takes_six_on_two_connections(far):
    """To the application three for its signed metadata and with it the login's address, one for the token, one for the
    tunnel; to the auth domain, dialled meanwhile, one more."""
    takes(far, 6, 2, prepare=forget(far, "*[0-9a-f]-token", "*.tls-ticket"))


def test_single_tunnel_that_may_take_http2_takes_three_on_one_connection(far):
    """Our edge's SETTINGS come with its part of the handshake; where there is no HTTP/2, having asked costs nothing."""
    takes(far, 3, 1, "--transport", "h2", prepare=forget(far, "*.tls-ticket"))


def test_later_tunnels_of_a_listener_take_one_round_trip_on_the_same_connection(far, kind):
    """The mock has no HTTP/2: the first tunnel costs no more for that, and the next ones connections of their own."""
    if kind == "own":
        accepts(far, 3, 1, 1, 1)
    else:
        accepts(far, 3, 3, 1, 2)
