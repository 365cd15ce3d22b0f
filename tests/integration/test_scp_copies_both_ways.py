"""scp through cfpipe, in the old protocol and over sftp."""

import pytest

from support import limits, stream

FILE_BYTES = 8 * limits.MIB + 17


@pytest.mark.parametrize("protocol", ["-O", "-s"], ids=["scp", "sftp"])
def test_scp_copies_both_ways(ssh, protocol):
    directory = ssh.world.path("copies")
    directory.mkdir()
    original = directory / "original"
    original.write_bytes(b"".join(stream.blocks(FILE_BYTES)))
    ssh.scp(protocol, original, f"{ssh.host}:{directory}/there").ok()
    ssh.scp(protocol, f"{ssh.host}:{directory}/there", directory / "back").ok()
    assert (directory / "there").read_bytes() == original.read_bytes()
    assert (directory / "back").read_bytes() == original.read_bytes()
