"""docs/CONFIGURATION.md has every key that the edge takes in its configuration, and no other."""

import json
import re

import pytest

from support import configuration_table
from support.edges import PROGRAMS

CONFIG = 78
NO_SUCH_KEY = "no_such_key"
MAPPINGS = configuration_table.mappings()
LEAVES = [key for key in configuration_table.keys() if key not in MAPPINGS]


# Enough for the program to look into every part of it; what it says of the files does not matter here.
CONFIGURATION = {
    "listen": "127.0.0.1:0", "tls": {"certificate": "/nonexistent/cert.pem", "key": "/nonexistent/key.pem"},
    "auth_domain": "auth.localhost", "state": "/nonexistent/state", "identity_provider": {"type": "dev"},
    "applications": [{"hostname": "vm.localhost", "service": "ssh://127.0.0.1",
                      "policies": [{"name": "all", "decision": "allow", "include": ["everyone"]}]}],
}


def with_at(config, path, value):
    """The configuration with that value at `applications[].policies[]`, and nothing else there."""
    steps = path.split(".") if path else []
    if not steps:
        return {**config, **value}
    name, rest = steps[0].removesuffix("[]"), ".".join(steps[1:])
    if name == "identity_providers":
        config = {key: held for key, held in config.items() if key != "identity_provider"}
    held = config.get(name) if isinstance(config, dict) else None
    if steps[0].endswith("[]"):
        held = [with_at(held[0] if isinstance(held, list) and rest else {}, rest, value)] if rest else [value]
    else:
        held = with_at(held if isinstance(held, dict) else {}, rest, value) if rest else value
    return {**config, name: held}


def keys_taken(world, path):
    """Which keys the program says it takes where it finds one that it does not know."""
    file = world.path("configuration.json")  # JSON is YAML
    file.write_text(json.dumps(with_at(CONFIGURATION, path, {NO_SUCH_KEY: 1})))
    said = world.run([PROGRAMS["own"], "check-config", "--config", file], world.env).failed(CONFIG).stderr
    return [set(keys.split(", ")) for keys in re.findall(rf"unknown key '{NO_SUCH_KEY}' in .*; use (.*)$", said, re.MULTILINE)]


@pytest.mark.parametrize("path", sorted(MAPPINGS))
def test_a_mapping_has_the_keys_of_the_page(world, path):
    assert keys_taken(world, path) == [MAPPINGS[path]]


def test_the_page_leaves_no_mapping_out(world):
    assert [key for key in LEAVES if keys_taken(world, key)] == []
