"""Certificates looked at with ssh-keygen, and made with it."""

import re


def shown(world, path):
    """What `ssh-keygen -L` prints."""
    return world.run(["ssh-keygen", "-L", "-f", path], {**world.env, "TZ": "UTC"}).ok().stdout


def principals(world, path):
    text = shown(world, path)
    return re.search(r"Principals: *\n((?: {16}.+\n)*)", text).group(1).split()


def replace_with_one_valid_for(world, key, seconds):
    """Signs the public key next to `key` again, by an authority made for the purpose."""
    authority = world.path("other-authority")
    if not authority.exists():
        world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority]).ok()
    principal = principals(world, f"{key}-cert.pub")[0]
    argv = ["ssh-keygen", "-q", "-s", authority, "-I", "test", "-n", principal, "-V", f"-5m:+{seconds}s", f"{key}.pub"]
    world.run(argv).ok()
