"""A program as we build it needs libc and nothing else of the machine; a distribution's may share its libraries."""

import re
import subprocess

import pytest

from support import edges, limits
from support.clients import CFPIPE

OF_LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def needed(program):
    text = subprocess.run(["readelf", "--dynamic", program], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


@pytest.mark.parametrize("program", [CFPIPE, edges.PROGRAMS["own"]], ids=lambda p: p.name)
def test_programs_need_libc_alone_unless_built_to_share(program):
    if limits.SHARED_LIBRARIES:
        assert needed(program) >= {"libssl.so.3", "libcrypto.so.3", "libstdc++.so.6"}
    else:
        assert "libc.so.6" in needed(program)
        assert needed(program) <= OF_LIBC


@pytest.mark.parametrize("program", [CFPIPE, edges.PROGRAMS["own"]], ids=lambda p: p.name)
def test_programs_are_at_random_addresses(program):
    header = subprocess.run(["readelf", "--file-header", program], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Type:\s+DYN ", header), header
