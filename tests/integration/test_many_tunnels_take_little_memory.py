"""An idle tunnel costs the edge its TLS state and little more."""

import pytest

from support import limits
from support.many import Many

pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers shadow all memory")

TUNNELS = 600
# Resident memory of the edge for each, in bytes, beyond what OpenSSL keeps for a connection by itself.
OWN_BYTES = 24 * 1024


def test_many_idle_tunnels_take_little_memory(world):
    seen = Many(world).open(TUNNELS)
    assert seen["count"] == TUNNELS and seen["echoed"] > 0
    # A yardstick that is nonsense would let anything pass.
    assert 4 * 1024 <= seen["tls_state_bytes"] <= 32 * 1024, seen
    assert seen["own_bytes_per_tunnel"] <= OWN_BYTES, seen
