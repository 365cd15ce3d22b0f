"""Warnings are errors in builds by a preset, with the compilers known to give none; a packager's build and an unknown compiler go on."""

import json
import pathlib
import re

import pytest

from support import limits

# Its own warnings are those of the real one; it only says that it is another version.
COMPILER = """#!/bin/sh
exec /usr/bin/{name} -U__GNUC__ -D__GNUC__={version} "$@"
"""
ASIOS_FRAMES = "transport/dial/proxy_dial.cc"  # of which g++ 12 believes below -O3 that Asio deletes what it has not made
DISTRIBUTION = "-O2 -g -Wformat -Werror=format-security -D_FORTIFY_SOURCE=3"


class Configured:
    def __init__(self, world):
        self.world = world
        if not pathlib.Path("/usr/bin/g++").exists():
            pytest.skip("g++ is not installed")

    def commands(self, *options, version="12"):
        """What compiles the program, the tests and the tests' module. With a version the compiler says that it is that one."""
        build = self.world.path("build")
        self.world.run(["cmake", "-S", limits.ROOT, "-B", build, "-G", "Ninja", "--fresh", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
                        "-DCFPIPE_TERMINAL=OFF", *(self._compilers(version) if version else []), *options],
                       self.world.env, deadline=limits.TRANSFER_DEADLINE).ok()
        return [entry["command"] for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))]

    def _compilers(self, version):
        tools = self.world.path(f"g++-{version}")
        tools.mkdir(exist_ok=True)
        for name in ("gcc", "g++"):
            tool = tools / name
            tool.write_text(COMPILER.format(name=name, version=version), encoding="utf-8")
            tool.chmod(0o755)
        return [f"-DCMAKE_C_COMPILER={tools}/gcc", f"-DCMAKE_CXX_COMPILER={tools}/g++"]


@pytest.fixture
def configured(world):
    return Configured(world)


def errors(commands):
    return [command for command in commands if " -Werror " in command]


def test_warnings_are_errors_by_a_preset(configured):
    commands = configured.commands("--preset", "release")
    ours = [command for command in commands if " -Wall " in command]
    assert len(ours) > 300 and errors(commands) == ours, commands[0]


def test_an_unknown_compiler_may_warn(configured):
    commands = configured.commands("--preset", "release", version="99")
    assert not errors(commands)
    commands = configured.commands("--preset", "release", "-DCFPIPE_WERROR=ON", version="99")
    assert errors(commands)


def test_a_packagers_build_goes_on_with_its_own_flags(configured):
    commands = configured.commands("-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_CXX_FLAGS={DISTRIBUTION}")
    assert not errors(commands)
    ours = [command for command in commands if " -Wall " in command]
    assert ours and all(command.count("D_FORTIFY_SOURCE") == 1 and " -O2 " in command for command in ours), ours[0]
    commands = configured.commands("-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_CXX_FLAGS={DISTRIBUTION}")
    assert all(command.count("D_FORTIFY_SOURCE") == 1 for command in commands if " -Wall " in command), commands[0]


def test_what_the_compiler_is_wrong_about_stays_silent_with_other_flags(configured):
    configured.commands("-DCMAKE_BUILD_TYPE=None", "-DCFPIPE_WERROR=ON", f"-DCMAKE_CXX_FLAGS={DISTRIBUTION}", version=None)
    targets = configured.world.run(["ninja", "-C", configured.world.path("build"), "-t", "targets", "all"]).ok().stdout
    [target] = re.findall(rf"^(\S+/{ASIOS_FRAMES.partition('/')[2]}\.o):", targets, re.MULTILINE)
    configured.world.run(["ninja", "-C", configured.world.path("build"), target], deadline=limits.TRANSFER_DEADLINE).ok()
