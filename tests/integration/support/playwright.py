"""Scenarios in a real browser (tests/integration/browser), beside a test that does for them what a page cannot."""

import json
import os
import shutil
import subprocess

import pytest

from support import limits, npm
from support.chromium import arguments

# Of one step of a scenario, in milliseconds.
STEP_MS = 1000 * limits.READY_DEADLINE
SCREENSHOTS = limits.BUILD / "screenshots"


def play(world, edge, name, settings=None, **acts):
    """Runs a scenario to its end. `acts`: by name, what it may ask for; their results have to fit into JSON."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("there is no chromium: run scripts/deps (Ubuntu has none outside of snap)")
    place = npm.installed("browser", "browser.mjs")
    SCREENSHOTS.mkdir(exist_ok=True)
    said = {"deadline": STEP_MS, "chromium": program, "arguments": arguments(world, edge), "url": edge.url(),
            "auth": f"https://{edge.auth_domain}/", "screenshots": str(SCREENSHOTS), **(settings or {})}
    script = limits.ROOT / "tests/integration/browser" / name
    env = {**world.env, "PATH": os.environ["PATH"], "NODE_ENV": "production"}
    child = world.start(["node", place / "browser.mjs", script, json.dumps(said)], env, cwd=place,
                        stdin=subprocess.PIPE, collect=False)
    with child.process.stdout as asked, child.process.stdin as answers:
        for line in asked:
            what, *values = json.loads(line)
            answers.write(json.dumps(acts[what](*values)).encode() + b"\n")
            answers.flush()
    assert child.wait() == 0, child.stderr.text
