"""A program as we build it needs libc and nothing else of the machine, and names what it carries; a distribution's may share its
libraries."""

import re
import shutil
import subprocess

import pytest

from support import edges, limits
from support.clients import CFPIPE

PROGRAMS = [CFPIPE, edges.PROGRAMS["own"], limits.BUILD / "cfpipe-connector"]
# Archives that a program is linked with, as --version --verbose names them; those of pkg-config by their module, too.
CARRIED = {"boost_container": "Boost", "boost_json": "Boost", "boost_url": "Boost", "ssl": "OpenSSL", "crypto": "OpenSSL",
           "nghttp2": "nghttp2", "sodium": "libsodium", "ssh": "libssh", "yaml-cpp": "yaml-cpp", "sqlite3": "SQLite", "z": "zlib",
           "zstd": "zstd"}
MODULES = {"OpenSSL": "openssl", "nghttp2": "libnghttp2", "libsodium": "libsodium", "fmt": "fmt", "spdlog": "spdlog", "libssh": "libssh",
           "yaml-cpp": "yaml-cpp", "SQLite": "sqlite3", "zlib": "zlib"}
OF_LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def needed(program):
    text = subprocess.run(["readelf", "--dynamic", program], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_programs_need_libc_alone_unless_built_to_share(program):
    if limits.SHARED_LIBRARIES:
        assert needed(program) >= {"libssl.so.3", "libcrypto.so.3", "libstdc++.so.6"}
    else:
        assert "libc.so.6" in needed(program)
        assert needed(program) <= OF_LIBC


@pytest.mark.skipif(limits.SANITIZED, reason="programs that are not shipped are linked to start quickly")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_programs_are_at_random_addresses(program):
    header = subprocess.run(["readelf", "--file-header", program], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Type:\s+DYN ", header), header


def named(program):
    """{library: version}, as the program says; those that OpenSSL takes with it have none."""
    head, title, *lines = subprocess.run([program, "--version", "--verbose"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert re.fullmatch(rf"{program.name} \d+\.\d+\.\d+", head) and title == "Libraries inside:", head
    assert all(line.endswith(" (the system's, shared)") == limits.SHARED_LIBRARIES for line in lines if " OpenSSL " in line), lines
    with_openssl = re.findall(r"\w+", "".join(line.partition(" with ")[2] for line in lines))
    return dict.fromkeys(with_openssl) | dict(line.split()[:2] for line in lines)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_programs_name_every_archive_that_they_are_linked_with(program):
    if limits.SHARED_LIBRARIES or not (limits.BUILD / "build.ninja").exists():
        pytest.skip("ninja does not tell which archives are inside")
    link = subprocess.run(["ninja", "-C", limits.BUILD, "-t", "commands", "-s", program.name], check=True, capture_output=True, text=True)
    archives = set(re.findall(r"/usr/\S*/lib([\w+-]+)\.a\b", link.stdout))
    assert {"ssl", "crypto", "nghttp2"} <= archives, link.stdout
    assert {CARRIED[archive] for archive in archives} <= named(program).keys()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_the_versions_of_libraries_are_those_that_are_installed(program):
    if not shutil.which("pkg-config"):
        pytest.skip("there is no pkg-config to ask")
    versions = named(program)
    common = {"OpenSSL", "nghttp2", "fmt", "spdlog"}
    expected = {"cfpipe": common | {"libsodium"}, "cfpipe-connector": common | {"yaml-cpp"}}.get(program.name, MODULES.keys())
    assert expected <= versions.keys()
    for name in expected:
        installed = subprocess.run(["pkg-config", "--modversion", MODULES[name]], check=True, capture_output=True, text=True).stdout.strip()
        assert versions[name] == installed, name
