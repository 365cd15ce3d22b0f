"""A machine that only this test sees: this one's programs, with configuration, accounts, state and ports of its own, and without root's
personal settings. What is changed below the directories of OVERLAID goes into memory, and is gone with the last process that looks at it."""

import os
import subprocess

import pytest

OVERLAID = ("/etc", "/var", "/usr", "/home", "/root", "/opt")
ENTER = ["unshare", "--mount", "--net", "--uts", "--"]
SETUP = """set -e
umask 022  # an upper directory's mode becomes that of the whole
mount -t tmpfs changes "$CHANGES"
for directory in {directories}; do
  mkdir -p "$CHANGES$directory/upper" "$CHANGES$directory/work"
  mount -t overlay changes -o "lowerdir=$directory,upperdir=$CHANGES$directory/upper,workdir=$CHANGES$directory/work" "$directory"
done
find /root -mindepth 1 -maxdepth 1 -name '.*' ! -type d -delete
for directory in .ssh .config; do
  mkdir -p "/root/$directory"
  mount -t tmpfs -o mode=700 settings "/root/$directory"
done
mount -t tmpfs run /run
hostname bare
ip link set lo up
echo ready
exec sleep infinity
"""


class BareMachine:
    """`run` and `start` are those of `world`, on the machine. All the names of `hosts` are its loopback address."""

    def __init__(self, world, hosts):
        if os.getuid() != 0:
            pytest.skip("a machine of one's own is for root: mount and network namespaces, ports below 1024")
        self.world, self.env = world, {**world.env, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.directory = world.directory
        changes = world.path("changes")
        changes.mkdir()
        setup = SETUP.format(directories=" ".join(OVERLAID))
        self._first = world.start([*ENTER, "/bin/sh", "-c", setup], {**self.env, "CHANGES": str(changes)})
        try:
            self._first.stdout.wait_for("^ready$")
        except AssertionError:
            pytest.skip(f"no machine of one's own here: {self._first.stderr.text}")
        self._inside = ["nsenter", "--target", str(self._first.pid), "--mount", "--net", "--uts", "--"]
        self.write("/etc/hosts", f"127.0.0.1 localhost {' '.join(hosts)}\n")

    def path(self, *parts):
        return self.world.path(*parts)

    def inside(self, argv):
        return [*self._inside, *argv]

    def run(self, argv, cwd="/", **options):
        """`cwd` is a directory that is not changed here."""
        inside = self._inside[:-1] + [f"--wd={cwd}", "--"]
        return self.world.run([*inside, *argv], self.env, **options)

    def start(self, argv, env=None, **options):
        return self.world.start(self.inside(argv), env or self.env, **options)

    def write(self, path, text):
        self.run(["/bin/sh", "-c", f"umask 022; cat > {path}"], input=text.encode()).ok()

    def trust(self, authority):
        """What the distribution calls a local certificate authority."""
        self.run(["cp", authority, "/usr/local/share/ca-certificates/test.crt"]).ok()
        self.run(["update-ca-certificates"]).ok()
