"""The time to start, as a multiple of what the emptiest program takes on the same machine in the same seconds."""

import pytest

from support import limits, start_up

pytestmark = pytest.mark.skipif(limits.SANITIZED or limits.SHARED_LIBRARIES,
                                reason="the bounds are those of the release build")

TURNS = 60
# Seen: 2.0 and 2.3; with shared libraries 4.4 and 4.5.
VERSION_RATIO = 3.0
CONNECT_RATIO = 3.5


def test_version_is_printed_soon(world):
    turns = [(start_up.until_exit(start_up.VERSION, world.env), start_up.until_exit(start_up.NOTHING, world.env))
             for _ in range(TURNS)]
    assert start_up.median_ratio(*zip(*turns)) <= VERSION_RATIO


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_connection_is_made_soon(world, user):
    user.banner()
    dial = world.closing(start_up.Dial(user))
    turns = [(dial.once()[0], start_up.until_exit(start_up.NOTHING, world.env)) for _ in range(TURNS)]
    assert start_up.median_ratio(*zip(*turns)) <= CONNECT_RATIO
