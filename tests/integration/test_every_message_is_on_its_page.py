"""docs/TROUBLESHOOTING.md lists every failure that the client has words for, with the status that goes with it, and no other."""

import re

from support import limits

PAGE = limits.ROOT / "docs/TROUBLESHOOTING.md"
CASE = re.compile(r'case (?:Cause|NotListed)::\w+: return \{"([^"]+)", "[^"]+", (k\w+)\};')
CLOSED = re.compile(r'^ *\{(\d+), (\d+), "([^"]+)", "[^"]+"\},$', re.MULTILINE)


def source(name, text):
    """The one file of the client of that name that holds the text."""
    [found] = [path for path in (limits.ROOT / "cli").rglob(name) if text in path.read_text()]
    return found.read_text()


def test_every_failure_and_its_status():
    status = dict(re.findall(r"^ *(k\w+) = (\d+),", source("words.h", "kUsage = 64"), re.MULTILINE))
    said = [(what, status[name]) for what, name in CASE.findall(source("messages.cc", "Words words_for(Cause cause)"))]
    assert len(said) > 50
    said += [(what, status["kLost"]) for _, _, what in closed()]
    listed = re.findall(r"^\| `([^`]+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(said)


def closed():
    table = CLOSED.findall(source("close_codes.cc", "kCloseCodes"))
    assert len(table) == 16
    return table


def test_every_close_code():
    for first, last, what in closed():
        code = first if first == last else {"4000": "4000 to 4999", "0": "any other"}[first]
        [row] = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{what}` |")]
        assert f"| 75 | {code} | " in row


def test_every_status():
    statuses = set(re.findall(r"^ *k\w+ = (\d+),", source("words.h", "kUsage = 64"), re.MULTILINE))
    explained = PAGE.read_text().partition("\n## Exit statuses\n")[2]
    assert set(re.findall(r"^\| (\d+) \|", explained, re.MULTILINE)) == statuses | {"0"}
