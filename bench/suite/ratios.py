"""What must hold between paths that were measured in one run, in turns. Each judge returns its complaints, one a line: none
means that all is well.

Processor times are compared by the least that each path has taken, and rates by the most: what else the machine does can only
make them worse. No absolute figure is a bound, except where a failure is far from any speed.
"""

from suite.sections import http2

PLAIN, ASIO = "plain TLS pipe", "asio::ssl pipe"
# Processor time of the client per byte. The goal is 1.1 of the plain TLS pipe's; with the margin it must be below 1.25.
# Measured on idle machines: 0.6 to 1.14.
MOST_OF_PLAIN = 1.3
# Client and server together; the goal is half of what asio::ssl::stream takes at both ends for the same frames. Measured on
# idle machines: 0.55 to 0.81, by how dear system calls are there.
MOST_OF_ASIO = 0.95
# The edge does for a byte what the plain pipe's server does, and unmasks it. Measured: 0.75 to 1.2.
MOST_OF_PLAIN_SERVER = 1.5
# A key press beside a copy, in milliseconds of a median: not a speed, but far below what a starved loop takes.
STARVED_MS = 250
# The rate of a tunnel over HTTP/2 at a round trip of 100 ms, of what it could be: that of HTTP/1.1, which has no window of its
# own, or what the largest window lets through in that time, whichever is less. Seen: 0.45 to 0.9; with windows of 1 MiB: 0.06
# to 0.09.
LEAST_OF_POSSIBLE = 0.2
LARGEST_WINDOW_MIB = 24  # kH2MaxWindow


def _least(runs, key):
    return min(run[key] for run in runs)


def _too_much(ours, base, name, key, most):
    ratio = _least(ours, key) / _least(base, key)
    return [] if ratio < most else [f"{key}: {ratio:.2f} of the {name}'s, and less than {most} was wanted"]


def copy(ours, plain, asio):
    """Runs of pump.measure(): what a copy costs beside its yardsticks."""
    return (_too_much(ours, plain, PLAIN, "client_per_gib", MOST_OF_PLAIN)
            + _too_much(ours, asio, ASIO, "both_per_gib", MOST_OF_ASIO)
            + _too_much(ours, plain, PLAIN, "server_per_gib", MOST_OF_PLAIN_SERVER))


def key_press(run):
    """A run of keystrokes.press() beside a copy."""
    if run["p50_us"] < STARVED_MS * 1000:
        return []
    return [f"a key press takes {run['p50_us'] / 1000:.0f} ms in the median, and less than {STARVED_MS} was wanted"]


def long_wire(h2, h1):
    """Runs of pump.measure() over a long wire: how much of it a stream with its windows fills."""
    possible = min(max(run["rate"] for run in h1), LARGEST_WINDOW_MIB * 1000 / (2 * http2.LONG_MS))
    ratio = max(run["rate"] for run in h2) / possible
    return [] if ratio > LEAST_OF_POSSIBLE else [
        f"{ratio:.2f} of what HTTP/1.1 and the largest window allow, and more than {LEAST_OF_POSSIBLE} was wanted"]
