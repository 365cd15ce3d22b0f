"""Files between a real browser and a host, by SFTP beside the terminal's shell: Chromium, the edge, sshd."""

import hashlib
import os
import pwd
import time

import pytest

from support import limits, servers, world as worlds
from support.playwright import play
from support.terminal_page import terminal_of

pytestmark = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")

FILE_BYTES = 20 * limits.MIB
ENDLESS_BYTES = 2 * 1024 * limits.MIB  # a file with nothing on the disk; its transfer is cancelled


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(file.read()).hexdigest()


def test_files_go_both_ways_beside_the_shell(world, sshd):
    remote, local = world.path("remote"), world.path("local")
    for directory in (remote / "below", local):
        directory.mkdir(parents=True)
    (remote / "big.bin").write_bytes(os.urandom(FILE_BYTES))
    (remote / "two wörds.txt").write_text("not ASCII\n", encoding="utf-8")
    (local / "large.bin").write_bytes(os.urandom(FILE_BYTES))
    (local / "small.txt").write_text("small\n", encoding="utf-8")
    with open(local / "endless.bin", "wb") as endless:
        endless.truncate(ENDLESS_BYTES)

    def names():
        return sorted(os.listdir(remote))

    def wait_for(wanted):
        deadline = time.monotonic() + limits.READY_DEADLINE
        while names() != wanted:
            assert time.monotonic() < deadline, names()
            time.sleep(0.05)

    def write(name, text):
        (remote / name).write_text(text, encoding="utf-8")
        (remote / name).chmod(0o750)
    edge = terminal_of(world, sshd)
    play(world, edge, "terminal_files.mjs",
         {"email": worlds.EMAIL, "home": pwd.getpwuid(os.getuid()).pw_dir, "directory": str(remote), "forbidden": "/sys",
          "large": str(local / "large.bin"), "small": str(local / "small.txt"), "endless": str(local / "endless.bin"),
          "largeHash": hash_of(local / "large.bin"), "bigHash": hash_of(remote / "big.bin")},
         list=names, wait_for=wait_for, write=write, hash_of=hash_of, hash=lambda name: hash_of(remote / name),
         read=lambda name: (remote / name).read_text(encoding="utf-8"), mode=lambda name: (remote / name).stat().st_mode & 0o777)
    rows = [row for row in edge.audit() if row["kind"] == "files"]
    assert rows and all(row["identity"] == worlds.EMAIL and row["application"] == "vm.localhost" for row in rows), rows
    assert sum(row["up_bytes"] for row in rows) > 2 * FILE_BYTES and sum(row["down_bytes"] for row in rows) > 2 * FILE_BYTES
