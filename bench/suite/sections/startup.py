"""From exec to the first SYN and to the first byte of TLS, beside the emptiest program there is."""

import statistics

from support import start_up
from suite.section import Section, Table

ORDER = 20
RUNS = (200, 20)


def run(context):
    _, client = context.access()
    dial = context.world.closing(start_up.Dial(client))
    env = context.world.env
    turns = context.alternate({
        "nothing": lambda: start_up.until_exit(start_up.NOTHING, env),
        "version": lambda: start_up.until_exit(start_up.VERSION, env),
        "dial": dial.once,
    }, RUNS[context.quick])
    connected, spoke = zip(*turns["dial"])
    cases = {"/bin/true, start to end": turns["nothing"], "cfpipe --version, start to end": turns["version"],
             "cfpipe access ssh, start to connection": connected, "the same, to the first byte of TLS": spoke}
    rows = [[name, statistics.median(seconds) * 1e3, start_up.median_ratio(seconds, turns["nothing"])]
            for name, seconds in cases.items()]
    section = Section("Start-up")
    section.tables = [Table("Start-up, with a token that is there, on loopback", ["", "ms", "× /bin/true"], rows,
                            ["{}", "{:.2f}", "{:.1f}"])]
    section.data = {name: list(seconds) for name, seconds in cases.items()}
    return section
