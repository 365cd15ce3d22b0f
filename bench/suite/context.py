"""What every section is given: the programs, a world of processes, and runs in turns."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from support import limits  # noqa: E402
from support.clients import Client  # noqa: E402
from support.edges import Edge  # noqa: E402
from support.process import adopt_orphans  # noqa: E402
from support.world import World  # noqa: E402

BENCH = limits.BUILD / "bench"
MIB = 1 << 20
GIB = 1 << 30
# Seconds for one run of one client.
RUN_LIMIT = 330


class Context:
    """`quick` asks for the shortest form that still says something. Everything started is ended by close()."""

    def __init__(self, quick=False, say=None):
        adopt_orphans()
        self.quick = quick
        self.say = say or (lambda text: None)
        self.world = World()
        self._origin = None
        self._access = None

    def close(self):
        wrong = self.world.close()
        self.world.remove()
        assert not wrong, "\n".join(wrong)

    def program(self, name):
        """One of bench/'s own programs."""
        return BENCH / name

    @staticmethod
    def found(name):
        """A peer's program on PATH, or None."""
        return shutil.which(name)

    def start(self, argv):
        """A server that prints `ready 127.0.0.1:PORT`; returns it with `address` set."""
        child = self.world.start(argv)
        child.address = f"127.0.0.1:{child.ready_port()}"
        return child

    @property
    def origin(self):
        """bench_origin, behind every path that is measured."""
        if self._origin is None:
            self._origin = self.start([self.program("bench_origin")])
        return self._origin

    def access(self):
        """Our edge in front of the origin, and a client that is logged in: (edge, client). One for all sections."""
        if self._access is None:
            edge = Edge(self.world, "own", self.origin.address)
            client = Client(self.world, edge)
            client.login()
            self._access = edge, client
        return self._access

    def slow(self, to, delay_ms):
        """A relay to `to` that holds every byte back for that long each way; None without the program."""
        program = self.program("slow_relay")
        if not program.exists():
            return None
        return self.start([program, "--to", to, "--delay-ms", str(delay_ms)])

    def load(self, what, target, watch=(), env=None, **options):
        """Runs bench_load once; its numbers as a dictionary. `target`: a command, or an address as `tcp:ADDR`."""
        argv = self.load_argv(what, target, watch, **options)
        done = subprocess.run(argv, env=env or self.world.env, capture_output=True, timeout=RUN_LIMIT)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout.splitlines()[-1])

    def load_argv(self, what, target, watch=(), **options):
        argv = [str(self.program("bench_load")), what]
        for name, value in options.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        for child in watch:
            argv += ["--watch", str(child.pid)]
        if isinstance(target, str):
            return argv + ["--tcp", target.removeprefix("tcp:")]
        return argv + ["--"] + [str(word) for word in target]

    def alternate(self, cases, runs):
        """Runs every case once, then every case again, and so on, so that what else the machine does falls on all of
        them. `cases` maps a name to a function; returns name → list of what it returned."""
        results = {name: [] for name in cases}
        for turn in range(runs):
            for name, run in cases.items():
                self.say(f"{name} ({turn + 1}/{runs})")
                results[name].append(run())
        return results


def median(results, key):
    """The median of one number over runs."""
    return statistics.median(r[key] for r in results)


def median_ratio(results, base, key):
    """The median of the ratios of runs that were neighbours in time: steadier than the ratio of medians."""
    pairs = [(a[key], b[key]) for a, b in zip(results, base) if b[key]]
    return statistics.median(a / b for a, b in pairs) if pairs else None


def machine():
    """What the figures were seen on."""
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    return {"cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release, "load_before": round(load, 2)}
