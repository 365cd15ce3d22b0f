"""A machine whose clock is wrong, or jumps."""

LIBRARY = "/usr/$LIB/faketime/libfaketime.so.1"


def _environment(of, **more):
    """Deadlines are no matter of what time it is."""
    sanitizer = of["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    return {**of, "LD_PRELOAD": LIBRARY, "DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": sanitizer, **more}


def at(client, offset):
    """A client like this one, that runs at another time: `+10m`, `-26h`. Its browser does not."""
    shifted = type(client).__new__(type(client))
    shifted.__dict__ = dict(client.__dict__)
    shifted.env = _environment(client.env, FAKETIME=offset)
    return shifted


class Clock:
    """Of all programs that run with its `env`: it jumps while they run."""

    def __init__(self, world):
        self._file = world.path("clock")
        self.set("+0")
        self.env = _environment(world.env, FAKETIME_TIMESTAMP_FILE=str(self._file), FAKETIME_NO_CACHE="1")

    def set(self, offset):
        self._file.write_text(offset + "\n")

    def run(self):
        """What runs a program so, in front of its command line."""
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in self.env.items())]
