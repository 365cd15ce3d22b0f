"""How long a key press takes to come back: alone, and while another session of the same host copies in bulk."""

import contextlib
import subprocess

from suite.context import GIB, median
from suite.paths import Paths
from suite.section import Plot, Section, Table

ORDER = 20
EVERY_US = 5000  # a key press every 5 ms: far faster than anybody types, slow enough for every one to find all asleep
COUNT = (400, 100)  # (thorough, quick)
RUNS = (7, 2)
# More than can be copied while keys are pressed; the copy is ended with its client.
ENDLESS = 1024 * GIB
BASE = "direct TCP"
SITUATIONS = {"alone": None, "beside a download": "down", "beside an upload": "up"}


@contextlib.contextmanager
def bulk(context, path, what):
    """A copy through the same path by a client of its own, for as long as the block runs."""
    if what is None:
        yield
        return
    argv = context.load_argv(what, path.target, bytes=ENDLESS)
    copying = subprocess.Popen(argv, env=path.env or context.world.env, stdout=subprocess.PIPE)
    try:
        assert copying.stdout.readline() == b"started\n", argv
        yield
    finally:
        copying.terminate()
        copying.wait()
        copying.stdout.close()


def press(context, path, what, count):
    with bulk(context, path, what):
        return context.load("echo", path.target, path.servers, path.env, count=count, every_us=EVERY_US)


def measure(context, paths, what, count, runs):
    cases = {name: lambda path=path: press(context, path, what, count) for name, path in paths.items()}
    return context.alternate(cases, runs)


def table(title, results):
    direct = {key: median(results[BASE], key) for key in ("p50_us", "p99_us")}
    rows = []
    for name, runs in results.items():
        p50, p99 = median(runs, "p50_us"), median(runs, "p99_us")
        rows.append([name, p50, p99, p50 - direct["p50_us"], p99 - direct["p99_us"]])
    return Table(title, ["path", "p50 µs", "p99 µs", "added p50", "added p99"], rows, ["{}"] + ["{:.0f}"] * 4)


def run(context):
    section = Section("Keystrokes")
    paths = Paths(context).all()
    count, runs = COUNT[context.quick], RUNS[context.quick]
    medians, tails = {}, {}
    for situation, what in SITUATIONS.items():
        results = measure(context, paths, what, count, runs)
        title = f"One byte there and back, {situation}; {count} key presses {EVERY_US // 1000} ms apart, {runs} alternating runs"
        section.tables.append(table(title, results))
        section.data[situation] = results
        for name, of_one in results.items():
            medians.setdefault(name, []).append(median(of_one, "p50_us"))
            tails.setdefault(name, []).append(median(of_one, "p99_us"))
    groups = list(SITUATIONS)
    section.plots = [Plot("keystrokes-p50", "Echo of one byte, median", "µs", groups, medians, log=True),
                     Plot("keystrokes-p99", "Echo of one byte, 99th percentile", "µs", groups, tails, log=True)]
    return section
