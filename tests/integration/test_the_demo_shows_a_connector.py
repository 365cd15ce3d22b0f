"""scripts/demo --connector: ssh to an sshd in a network of its own, and nothing of that is left."""

import os

import pytest

from support import limits
from support.cable import Cable, IP

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the demo makes a network of its own, which takes root")


def test_ssh_reaches_the_hidden_server(world):
    Cable(world).close()  # skips where there are no network namespaces
    shown = world.run([limits.ROOT / "scripts/demo", "--connector"], {**world.env, "CFPIPE_BUILD": str(limits.BUILD)}).ok()
    assert "beside an sshd that nothing can dial\nenrolled at auth.localhost:" in shown.stdout
    assert "\n1000000 bytes, the same\n" in shown.stdout and shown.stdout.endswith("== done\n")
    assert "cfpipe-demo" not in world.run([IP, "netns", "list"]).ok().stdout


def test_what_it_does_not_know_is_refused(world):
    refused = world.run([limits.ROOT / "scripts/demo", "--connectors"], {**world.env, "CFPIPE_BUILD": str(limits.BUILD)})
    assert refused.failed(64).stderr == "usage: scripts/demo [--connector] [--keep]\n"
