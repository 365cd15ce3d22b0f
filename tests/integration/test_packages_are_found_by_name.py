"""scripts/deps finds the packages by the names that each release has. apt, dpkg-query and their lists are real; sudo only notes what it
would install."""

import re
import shutil

import pytest

from support import limits

DEPS = limits.ROOT / "scripts/deps"
PACKAGE = """Package: {name}
Version: 1
Architecture: all
Maintainer: tests <tests@example.com>
Filename: ./{name}.deb
Size: 1
SHA256: 0000000000000000000000000000000000000000000000000000000000000000
Description: {name}
{more}
"""
INSTALLED = """Package: {name}
Status: install ok installed
Maintainer: tests <tests@example.com>
Architecture: all
Version: 1
Description: {name}
{more}
"""
CONFIGURATION = """Dir "{directory}/apt";
Dir::State::status "{directory}/dpkg/status";
Dir::Etc::sourcelist "{directory}/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "";
"""
SUDO = """case "$*" in
  *" update") exec "$@" ;;
  *) echo "$*" >> {log} ;;
esac"""


def boost(version):
    return [f"libboost{version}-dev", f"libboost-json{version}-dev", f"libboost-url{version}-dev"]


class System:
    """With what is installed, and what its distribution has; as an ordinary user, who has sudo."""

    def __init__(self, world):
        self.world = world
        self.directory, self.log = world.path("system"), world.path("sudo.log")
        for part in ("dpkg", "repository", "apt/etc/apt/preferences.d", "apt/var/lib/apt/lists/partial",
                     "apt/var/cache/apt/archives/partial"):
            (self.directory / part).mkdir(parents=True)
        (self.directory / "sources.list").write_text(f"deb [trusted=yes] file:{self.directory}/repository ./\n")
        (self.directory / "apt.conf").write_text(CONFIGURATION.format(directory=self.directory))
        self.installs([])
        self.has([])
        world.script("id", "echo 1000")
        world.script("sudo", SUDO.format(log=self.log))
        self.env = {**world.env, "APT_CONFIG": str(self.directory / "apt.conf"), "DPKG_ADMINDIR": str(self.directory / "dpkg")}

    def _write(self, path, form, names):
        clang = "Depends: clang-19"
        (self.directory / path).write_text("\n".join(form.format(name=name, more=clang if name == "clang" else "").strip() + "\n"
                                                     for name in names))

    def installs(self, names):
        self._write("dpkg/status", INSTALLED, names)

    def has(self, names):
        self._write("repository/Packages", PACKAGE, names)

    def deps(self, *arguments):
        return self.world.run([DEPS, *arguments], self.env)

    def asked_for(self):
        """What apt-get was to install."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        if not lines:
            return set()
        [line] = [line for line in lines if " install " in line]
        return set(line.split("--no-install-recommends ")[1].split())


@pytest.fixture
def system(world):
    if not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        pytest.skip("this machine has other packages than Debian's")
    return System(world)


@pytest.fixture
def others(world):
    """The names of all packages but Boost's, as a system is told that has no apt-get."""
    tools = world.path("tools")
    tools.mkdir()
    for tool in ("bash", "env", "sed", "sort"):
        (tools / tool).symlink_to(shutil.which(tool))
    done = world.run([DEPS], {"PATH": str(tools)}).ok()
    assert not done.stdout and "there is no apt-get here" in done.stderr, done
    names = set(re.findall(r"^  (.*) \(Boost may be newer\)$", done.stderr, re.MULTILINE)[0].split())
    assert names >= {"cmake", "libssl-dev", "chromium", *boost("1.81")}
    return sorted(names - set(boost("1.81")))


@pytest.mark.parametrize("versions, wanted", [
    (["1.74", "1.81"], "1.81"),  # Debian 12
    (["1.83", "1.88"], "1.83"),  # Debian 13
    (["1.9", "1.90", "1.100"], "1.90"),
])
def test_the_oldest_boost_that_will_do_is_taken(system, others, versions, wanted):
    system.has([*others, *(name for version in versions for name in boost(version))])
    done = system.deps().ok()
    assert "no package of these names" not in done.stderr and not done.stdout, done
    asked = system.asked_for()
    assert asked >= {"cmake", "chromium", *boost(wanted)}
    assert {name for name in asked if name.startswith("libboost")} == set(boost(wanted))


def test_a_boost_that_is_installed_stays(system, others):
    system.has([*others, *boost("1.83"), *boost("1.88")])
    system.installs(boost("1.88")[2:])
    system.deps("--demo").ok()
    assert {name for name in system.asked_for() if name.startswith("libboost")} == set(boost("1.88")[:2])


def test_nothing_is_done_where_all_is_installed(system, others):
    system.installs([*others, *boost("1.88")])
    done = system.deps().ok()
    assert not done.stderr and not done.stdout and not system.asked_for(), done


def test_packages_that_are_not_to_be_had_are_named_and_gone_without(system, others):
    rest = [name for name in others if name not in ("chromium", "haproxy")]
    system.has([*rest, *boost("1.83")])
    done = system.deps().ok()
    assert "try without: chromium haproxy\n" in done.stderr, done
    assert system.asked_for() >= {"cmake", *boost("1.83")}

    system.installs([*rest, *boost("1.83")])
    done = system.deps().ok()
    assert "try without: chromium haproxy\n" in done.stderr and not system.asked_for(), done


def test_the_fuzzers_runtime_is_that_of_the_compiler(system, others):
    system.has([*others, *boost("1.83"), "clang", "libclang-rt-19-dev", "llvm-19"])
    system.deps("--fuzz").ok()
    asked = system.asked_for()
    assert asked >= {"clang", "libclang-rt-19-dev", "llvm-19"} and "chromium" not in asked


def test_who_may_install_nothing_is_told_the_command(system, world, others):
    system.has([*others, *boost("1.83")])
    world.path("bin", "sudo").unlink()
    tools = world.path("tools")  # bin, and of this machine what the script wants, but no sudo
    for tool in ("apt-get", "apt-cache", "dpkg-query"):
        (tools / tool).symlink_to(shutil.which(tool))
    system.env["PATH"] = f"{world.path('bin')}:{tools}"
    done = system.deps("--demo").failed(1)
    assert "apt-get update && apt-get install --no-install-recommends build-essential " in done.stderr, done
