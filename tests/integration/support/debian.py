"""Systems of another Debian than this one, made by debootstrap once and kept in the cache directory; what a test changes there is in
memory, and gone with the test."""

import fcntl
import os
import pathlib
import shutil
import subprocess

import pytest

PACKAGES = "openssh-server,openssh-client"
BOOTSTRAP_SECONDS = 500
SETUP = """set -e
umask 022  # an upper directory's mode becomes that of the whole
mount -t tmpfs changes "$CHANGES"
mkdir -p "$CHANGES/upper" "$CHANGES/work" "$CHANGES/root"
mount -t overlay changes -o "lowerdir=$SYSTEM,upperdir=$CHANGES/upper,workdir=$CHANGES/work" "$CHANGES/root"
mount --rbind /proc "$CHANGES/root/proc"
mount --rbind /dev "$CHANGES/root/dev"
mount -t tmpfs run "$CHANGES/root/run"
mkdir -p "$CHANGES/root$BUILD"
mount --bind "$BUILD" "$CHANGES/root$BUILD"
ip link set lo up
echo ready
exec sleep infinity
"""


def system(suite):
    """The directory of an installed system, which is not to be changed."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "cfpipe"
    directory, unfinished = cache / f"debian-{suite}", cache / f"debian-{suite}.unfinished"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "debian.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if directory.is_dir():
            return directory
        if not shutil.which("debootstrap", path="/usr/sbin:/usr/bin"):
            pytest.skip("debootstrap is not installed")
        shutil.rmtree(unfinished, ignore_errors=True)
        made = subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, unfinished], check=False,
                              capture_output=True, text=True, timeout=BOOTSTRAP_SECONDS)
        if made.returncode != 0:
            pytest.skip(f"no Debian {suite} is to be had here: {made.stdout[-500:]}{made.stderr[-500:]}")
        unfinished.rename(directory)
    return directory


class OtherDebian:
    """A machine of that suite, with a network of its own; `build`, where our programs are, lies there under its own path."""

    def __init__(self, world, suite, build):
        if os.getuid() != 0:
            pytest.skip("a machine of one's own is for root")
        self.world = world
        self.env = {**world.env, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TMPDIR": "/tmp"}
        changes = world.path(f"debian-{suite}")
        changes.mkdir()
        self.root = changes / "root"
        values = {"CHANGES": str(changes), "SYSTEM": str(system(suite)), "BUILD": str(build)}
        self._first = world.start(["unshare", "--mount", "--net", "--uts", "--", "/bin/sh", "-c", SETUP], {**self.env, **values})
        try:
            self._first.stdout.wait_for("^ready$")
        except AssertionError:
            pytest.skip(f"no machine of one's own here: {self._first.stderr.text}")
        self._network = ["nsenter", "--target", str(self._first.pid), "--mount", "--net", "--uts", "--"]

    def inside(self, argv):
        return [*self._network, "chroot", str(self.root), *argv]

    def run(self, argv, **options):
        return self.world.run(self.inside(argv), self.env, **options)

    def start(self, argv, **options):
        return self.world.start(self.inside(argv), self.env, **options)

    def write(self, path, text):
        self.run(["/bin/sh", "-c", f"umask 022; cat > {path}"], input=text.encode()).ok()
