"""docs/TROUBLESHOOTING.md lists every failure that the client has words for, with the status that goes with it, and no other."""

import re

from support import limits

PAGE = limits.ROOT / "docs/TROUBLESHOOTING.md"
CASE = re.compile(r'case Cause::\w+: return \{"([^"]+)", "[^"]+", (k\w+)\};')


def source(name, text):
    """The one file of the client of that name that holds the text."""
    [found] = [path for path in (limits.ROOT / "cli").rglob(name) if text in path.read_text()]
    return found.read_text()


def test_every_failure_and_its_status():
    status = dict(re.findall(r"^ *(k\w+) = (\d+),", source("messages.h", "kUsage = 64"), re.MULTILINE))
    said = sorted((what, status[name]) for what, name in CASE.findall(source("messages.cc", "Words words_for(Cause cause)")))
    assert len(said) > 50
    listed = re.findall(r"^\| `([^`]+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == said


def test_every_status():
    statuses = set(re.findall(r"^ *k\w+ = (\d+),", source("messages.h", "kUsage = 64"), re.MULTILINE))
    explained = PAGE.read_text().partition("\n## Exit statuses\n")[2]
    assert set(re.findall(r"^\| (\d+) \|", explained, re.MULTILINE)) == statuses | {"0"}
