"""Tests that run at the same time share the npm packages beside the build: none sees a file half written."""

import threading

from support import npm

ROUNDS = 300


def test_a_reader_sees_files_whole(world):
    old, new = world.path("old"), world.path("new")
    old.write_text("old" * 10_000)
    new.write_text("new" * 20_000)
    shared = world.path("shared")
    npm.put(old, shared)
    seen, over = set(), threading.Event()

    def read():
        while not over.is_set():
            seen.add(shared.read_bytes())
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(ROUNDS):
        npm.put(new, shared)
        npm.put(old, shared)
    over.set()
    reader.join()
    assert seen <= {old.read_bytes(), new.read_bytes()} and shared.read_bytes() == old.read_bytes()
    assert not shared.with_name("shared.new").exists()


def test_what_is_the_same_is_left_alone(world):
    source, shared = world.path("source"), world.path("shared")
    source.write_text("same")
    npm.put(source, shared)
    before = shared.stat()
    npm.put(source, shared)
    assert (shared.stat().st_ino, shared.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
