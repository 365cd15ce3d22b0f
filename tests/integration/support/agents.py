"""The user's own ssh-agent, and what tells it and keys apart."""

from support import limits


class UsersAgent:
    """A real ssh-agent, known to everything that the client starts through SSH_AUTH_SOCK."""

    def __init__(self, client, options=()):
        self.world = client.world
        self.path = self.world.path("users-agent")
        child = self.world.start(["ssh-agent", "-D", "-a", self.path, *options])
        child.stdout.wait_for("SSH_AUTH_SOCK=", limits.READY_DEADLINE)
        self.env = {**self.world.env, "SSH_AUTH_SOCK": str(self.path)}
        client.env["SSH_AUTH_SOCK"] = str(self.path)

    def add(self, comment, kind="ed25519", **env):
        """Makes a key and moves it in. Returns its fingerprint; the private half is on no disk any more."""
        file = make_key(self.world, f"made-{kind}", comment, kind, **env)
        self.world.run(["ssh-add", "-q", file], {**self.env, **env}).ok()
        file.unlink()
        return fingerprint(self.world, f"{file}.pub")

    def remove_all(self):
        self.world.run(["ssh-add", "-q", "-D"], self.env).ok()


def make_key(world, name, comment, kind="ed25519", passphrase="", **env):
    file = world.path(name)
    for old in (file, world.path(f"{name}.pub")):
        old.unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", file]
    world.run(argv, {**world.env, **env}).ok()
    return file


def fingerprint(world, path):
    return world.run(["ssh-keygen", "-l", "-f", path]).ok().stdout.split()[1]
