"""What stands around a login: a browser that waits for its cue, banners that come all at once, lock files of others."""

import json
import os
import pathlib
import selectors
import time

from support import limits


class HeldBrowser:
    """Goes to the sign-in page once it is let; counts as run from then on."""

    def __init__(self, client, name="held-browser"):
        self._cue = client.world.path(f"{name}-cue")
        os.mkfifo(self._cue)
        script = client.world.script(name, f'read cue < {self._cue}\nexec {client.env["BROWSER"]} "$1"')
        self.env = {"BROWSER": str(script)}

    def release(self):
        """Opening the pipe waits until the browser listens."""
        self._cue.write_text("go\n")


def banners(children, deadline=limits.COMMAND_DEADLINE):
    """The first line of each child's standard output; and the time (monotonic) at which the last of them came."""
    end = time.monotonic() + deadline
    lines = {child.pid: b"" for child in children}
    with selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.process.stdout, selectors.EVENT_READ, child)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            assert ready, [child.stderr.text for child in children if not lines[child.pid].endswith(b"\n")]
            for key, _ in ready:
                data = os.read(key.fd, 256)
                lines[key.data.pid] += data
                if not data or lines[key.data.pid].endswith(b"\n"):
                    selector.unregister(key.fileobj)
    return [lines[child.pid].decode() for child in children], time.monotonic()


def let_go(children):
    """Ends their input and takes the rest of their output: exit statuses."""
    for child in children:
        child.process.stdin.close()
    for child in children:
        child.process.stdout.read()
        child.process.stdout.close()
    return [child.wait() for child in children]


def start_ms(pid):
    """When a process started, in milliseconds since the epoch, as lock files have it."""
    ticks = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    booted = next(int(line.split()[1]) for line in pathlib.Path("/proc/stat").read_text().splitlines()
                  if line.startswith("btime "))
    return ticks * 1000 // os.sysconf("SC_CLK_TCK") + booted * 1000


def lock_of(pid):
    """The content of a lock file that the process has made."""
    return json.dumps({"pid": pid, "start_time": start_ms(pid)}, separators=(",", ":")) + "\n"
