"""scripts/hostile lends its tests the caller's cache, and removes nothing of it when it removes its own home directory."""

import os

import pytest

from support import limits


@pytest.mark.skipif(os.getuid() != 0, reason="scripts/hostile mounts over the home directory, which takes root")
def test_the_cache_is_there_afterwards(world):
    kept = world.path("cache", "kept")
    kept.parent.mkdir()
    kept.write_text("what took minutes to fetch")
    env = {**world.env, "XDG_CACHE_HOME": str(kept.parent), "CFPIPE_BUILD": str(limits.BUILD)}
    world.run([limits.ROOT / "scripts/hostile", "home", "--", "--show-only"], env).ok()
    assert kept.read_text() == "what took minutes to fetch"
