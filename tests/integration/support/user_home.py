"""A home directory that ssh itself takes for this account's, which it looks up whatever $HOME says."""

import os
import pathlib
import pwd
import subprocess

import pytest

from support import limits

ENTER = ["unshare", "--user", "--map-root-user", "--mount", "--"] if os.getuid() else ["unshare", "--mount", "--"]


class UserHome:
    """`run` runs a program that sees the directory where the account's home is; nothing of the real one is touched."""

    def __init__(self, world):
        self.world = world
        self.directory = world.path("user")
        # Inside a user namespace of our own we are root.
        self.account_home = pwd.getpwuid(0).pw_dir
        if limits.ROOT.is_relative_to(self.account_home):
            pytest.skip(f"this checkout is in {self.account_home}, which another directory would cover")
        try:
            subprocess.run([*ENTER, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"a mount namespace is needed to give ssh another home directory: {error}")
        self.script = world.script(
            "at-home", f'mount --bind {self.directory} {self.account_home} && HOME={self.account_home} exec "$@"')

    def path(self, *parts):
        return self.directory.joinpath(".ssh", *parts)

    def run(self, *argv, env=None):
        return self.world.run([*ENTER, self.script, *argv], env)

    def snapshot(self):
        """What is where, with modes and contents."""
        root = self.directory
        found = {}
        for path in sorted(root.rglob("*")):
            kind = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(root))] = (oct(path.lstat().st_mode), kind)
        return found

