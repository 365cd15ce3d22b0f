"""scripts/counts says so if a hot path takes more instructions than are recorded, and counts the same every time."""

import json

import pytest

from support import limits

pytestmark = pytest.mark.skipif(limits.SANITIZED or limits.SHARED_LIBRARIES, reason="other code than what is counted")
SCENARIO = "frame-decode"
FAILED, INCOMPARABLE, USAGE = 1, 77, 64


class Counts:
    def __init__(self, world):
        self._world = world
        self.record = world.path("counts.json")
        self.env = {**world.env, "CFPIPE_BUILD_DIR": str(limits.BUILD)}

    def run(self, *args):
        return self._world.run([limits.ROOT / "scripts/counts", "--record", self.record, *args], self.env)

    def recorded(self):
        return json.loads(self.record.read_text())

    def change(self, part, name, value):
        content = self.recorded()
        content[part][name] = value
        self.record.write_text(json.dumps(content))


@pytest.fixture
def counts(world):
    counts = Counts(world)
    counts.run("--update", SCENARIO).ok()
    return counts


def test_the_same_count_every_time(counts):
    count = counts.recorded()["instructions"][SCENARIO]
    assert count > 0
    counts.run("--update", SCENARIO).ok()
    assert counts.recorded()["instructions"] == {SCENARIO: count}


def test_more_than_five_per_cent_more_fails(counts):
    count = counts.recorded()["instructions"][SCENARIO]
    counts.change("instructions", SCENARIO, round(count / 1.06))
    done = counts.run(SCENARIO)
    assert done.status == FAILED and "MORE than recorded" in done.stdout, done
    counts.change("instructions", SCENARIO, round(count / 1.04))
    counts.run(SCENARIO).ok()


def test_less_is_said_and_does_not_fail(counts):
    count = counts.recorded()["instructions"][SCENARIO]
    counts.change("instructions", SCENARIO, round(count * 1.1))
    assert "--update" in counts.run(SCENARIO).ok().stdout


def test_what_is_not_recorded_fails(counts):
    done = counts.run("frame-header")
    assert done.status == FAILED and "not recorded" in done.stdout, done


def test_another_compiler_is_not_compared_with(counts):
    count = counts.recorded()["instructions"][SCENARIO]
    counts.change("environment", "g++", "11.4")
    counts.change("instructions", SCENARIO, round(count / 2))
    done = counts.run(SCENARIO)
    assert done.status == INCOMPARABLE and "recorded with 11.4" in done.stdout, done


def test_an_unknown_scenario_is_named(counts):
    done = counts.run("no-such-path")
    assert done.status == USAGE and "no-such-path" in done.stderr and SCENARIO in done.stderr, done
