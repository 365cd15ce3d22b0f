"""A large stream each way through ssh, tunnel, edge and sshd."""

import sys

import pytest

from support import limits, stream
from support.clients import Ssh

PROGRAM = f"{sys.executable} {stream.__file__}"


@pytest.fixture
def agent_ssh(user):
    return Ssh(user, "agent")


def test_upload_through_ssh_arrives_whole(agent_ssh):
    session = agent_ssh.start(f"{PROGRAM} sink")
    for block in stream.blocks(limits.TRANSFER_BYTES):
        stream.write_all(session.process.stdin.fileno(), block)
    session.process.stdin.close()
    assert session.process.stdout.read().decode().strip() == stream.digest(limits.TRANSFER_BYTES), session.stderr.text
    assert session.wait() == 0, session.stderr.text
    session.process.stdout.close()


def test_download_through_ssh_arrives_whole(agent_ssh):
    session = agent_ssh.start(f"{PROGRAM} source {limits.TRANSFER_BYTES}")
    digest, length = stream.digest_of(session.process.stdout.read1)
    assert length == limits.TRANSFER_BYTES, session.stderr.text
    assert digest == stream.digest(limits.TRANSFER_BYTES)
    session.process.stdin.close()
    assert session.wait() == 0, session.stderr.text
    session.process.stdout.close()
