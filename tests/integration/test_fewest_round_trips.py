"""From exec to the SSH banner in round trips, counted at the client's end of a long wire, and on how many connections.

The time is divided by the round trip. The machine can only add to it, so the fewest of a few starts are what the
protocol costs; what is left over must stay below half a round trip.
"""

import pytest

from support.wire import LongWire

DELAY_MS = 150
TRIES = 10
OVER = 0.5  # round trips


@pytest.fixture
def far(world, kind, sshd):
    return LongWire(world, kind, sshd, DELAY_MS)


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


def test_token_that_an_org_token_brings_takes_seven_on_two_connections(far):
    """To the application three for its signed metadata, one for the login's address, one for the token, one for the
    tunnel; to the auth domain, dialled meanwhile, one more."""
    takes(far, 7, 2, prepare=forget(far, "*[0-9a-f]-token", "*.tls-ticket"))
