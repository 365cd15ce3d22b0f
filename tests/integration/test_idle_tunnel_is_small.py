"""The memory of a client whose tunnel is open and carries nothing."""

import pytest

from support import limits
from support.process import resident_bytes

pytestmark = [
    pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers shadow all memory"),
    pytest.mark.skipif(limits.SHARED_LIBRARIES, reason="of a shared library more pages are mapped than are used"),
    pytest.mark.parametrize("kind", ["own"], indirect=True),
]


def test_idle_tunnel_is_small(user):
    user.banner()
    child = user.start("access", "ssh", "--hostname", user.edge.host())
    with child.process.stdout as output:
        assert output.readline().startswith(b"SSH-2.0-")
        assert resident_bytes(child.pid) <= limits.IDLE_BYTES
        child.process.stdin.close()
        assert child.wait() == 0, child.stderr.text
