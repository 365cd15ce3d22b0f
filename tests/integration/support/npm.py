"""Packages of npm that the tests use, installed beside the build at their first use."""

import fcntl
import os
import shutil
import subprocess

import pytest

from support import limits

INSTALL_SECONDS = 300


def require(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: run scripts/deps")


def put(source, place):
    """Copies a file that other tests may be reading at this moment: they see the one before or this one, whole."""
    wanted = source.read_bytes()
    if place.exists() and place.read_bytes() == wanted:
        return
    new = place.with_name(f"{place.name}.new")
    new.write_bytes(wanted)
    os.replace(new, place)


def installed(name, *scripts):
    """Where the packages of tests/integration/NAME are, with its scripts beside them; tests that run at the same time
    install them once."""
    require("node")
    require("npm")
    source, place = limits.ROOT / "tests/integration" / name, limits.BUILD / "tests/integration" / name
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (source / "package-lock.json").read_text()
        done = place / "installed-lock.json"
        for file in ("package.json", "package-lock.json", ".npmrc", *scripts):
            put(source / file, place / file)
        if not done.exists() or done.read_text() != wanted:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", place / "npm-cache"],
                           cwd=place, check=True, timeout=INSTALL_SECONDS, stdout=subprocess.DEVNULL)
            done.write_text(wanted)
    return place
