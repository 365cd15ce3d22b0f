"""`scripts/deps` asks for the packages that each of its options needs."""

import os
import re
import shutil

import pytest

from support import limits

TOOLS = ("bash", "env", "sed", "sort")


@pytest.fixture
def asked(world):
    """What it names on a system that has no apt-get, nor node and npm: there it does no more than that."""
    directory = world.path("tools")
    directory.mkdir()
    for tool in TOOLS:
        os.symlink(shutil.which(tool), directory / tool)

    def run(*options):
        done = world.run([limits.ROOT / "scripts/deps", *options], {"PATH": str(directory)}).ok()
        return set(re.search(r"equivalents of\n  (.*) \(Boost may be newer\)", done.stderr).group(1).split())

    return run


def test_building_takes_what_the_browsers_terminal_is_made_of(asked):
    build, demo, everything = asked("--build"), asked("--demo"), asked()
    assert {"npm", "nodejs", "libssh-dev", "cmake"} <= build
    assert build - demo == {"npm", "nodejs"}, "the demo has no terminal"
    assert build < everything
    assert not {"chromium", "haproxy", "python3-pytest"} & build


def test_a_node_of_another_origin_is_left_alone(asked, world):
    for name in ("node", "npm"):
        os.symlink("/bin/true", world.path("tools") / name)
    assert not {"npm", "nodejs"} & asked("--build")
    assert "chromium" not in asked("--fuzz") and "clang" in asked("--fuzz")


def test_packages_take_what_building_takes_and_debians_tools(asked):
    assert asked("--package") - asked("--build") == {"debhelper", "dpkg-dev", "lintian", "debootstrap", "systemd-container"}
