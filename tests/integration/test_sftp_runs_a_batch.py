"""sftp through cfpipe."""

from support import limits, stream


def test_sftp_batch_puts_lists_and_gets(ssh):
    directory = ssh.world.path("files")
    directory.mkdir()
    (directory / "original").write_bytes(b"".join(stream.blocks(2 * limits.MIB + 3)))
    listing = ssh.sftp(f"put {directory}/original {directory}/there\nls -l {directory}/there\n"
                       f"get {directory}/there {directory}/back\nrm {directory}/there\n").ok()
    assert "there" in listing.stdout
    assert (directory / "back").read_bytes() == (directory / "original").read_bytes()
    assert not (directory / "there").exists()
