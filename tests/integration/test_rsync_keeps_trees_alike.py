"""rsync over ssh through cfpipe, both ways, and what is missing after a cut is all that is sent again."""

import filecmp
import os
import re
import subprocess

from support import limits, stream
from support.pairs import EDGE_AND_STYLE
from support.process import wait_until

pytestmark = EDGE_AND_STYLE

FILES = 100
# A copy that takes some seconds, so that it can be cut in the middle.
BIG_BYTES = 16 * limits.MIB
KIB_PER_SECOND = 6 * 1024
CUT_AT_BYTES = BIG_BYTES // 4


def make_tree(root):
    data = next(stream.blocks(FILES * 1000))
    for number in range(FILES):
        file = root / f"directory {number % 7}" / f"file-{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data[number : number * 1000])
    (root / "link").symlink_to("directory 0/file-0")
    (root / "directory 1/file-1").chmod(0o751)


def assert_alike(one, other):
    assert sorted(p.relative_to(one) for p in one.rglob("*")) == sorted(p.relative_to(other) for p in other.rglob("*"))
    for path in (p for p in one.rglob("*") if p.is_file()):
        same = other / path.relative_to(one)
        assert filecmp.cmp(path, same, shallow=False), path
        assert path.stat().st_mode == same.stat().st_mode, path
    assert os.readlink(one / "link") == os.readlink(other / "link")


def test_trees_are_alike_after_it_in_both_directions(ssh):
    here, there, back = (ssh.world.path(name) for name in ("here", "there", "back"))
    make_tree(here)
    ssh.tool("rsync", "-a", f"{here}/", f"{ssh.host}:{there}").ok()
    assert_alike(here, there)

    (here / "directory 3/file-3").unlink()
    (here / "directory 4/file-4").write_text("changed\n")
    ssh.tool("rsync", "-az", "--delete", f"{here}/", f"{ssh.host}:{there}").ok()
    assert_alike(here, there)

    ssh.tool("rsync", "-a", f"{ssh.host}:{there}/", back).ok()
    assert_alike(here, back)


def test_an_upload_that_was_cut_goes_on(ssh):
    goes_on_after_a_cut(ssh, "{here}", "{host}:{there}", receives="{there}")


def test_a_download_that_was_cut_goes_on(ssh):
    goes_on_after_a_cut(ssh, "{host}:{here}", "{there}", receives="{there}")


def goes_on_after_a_cut(ssh, source, destination, receives):
    here, there = ssh.world.path("here", "big"), ssh.world.path("there", "big")
    for path in (here, there):
        path.parent.mkdir()
    here.write_bytes(b"".join(stream.blocks(BIG_BYTES)))
    places = [place.format(host=ssh.host, here=here, there=there) for place in (source, destination)]
    argv = ["rsync", "--partial", "--stats", f"--bwlimit={KIB_PER_SECOND}", *places]

    child = ssh.world.start(argv, ssh.client.env, stdin=subprocess.DEVNULL)
    wait_until(lambda: sum(p.stat().st_size for p in there.parent.iterdir()) > CUT_AT_BYTES, "a quarter has come")
    ssh.client.edge.child.kill()
    assert child.wait() != 0
    assert re.search("^cfpipe: tunnel: the connection was lost", child.stderr.text, re.MULTILINE), child.stderr.text
    # The far rsync keeps its part once it has seen the end.
    part = wait_until(lambda: there.exists() and there.stat().st_size, "the part is kept")
    assert CUT_AT_BYTES <= part < BIG_BYTES

    ssh.client.edge.start_again()
    sent = ssh.world.run([word for word in argv if not word.startswith("--bwlimit")], ssh.client.env).ok().stdout
    literal = int(re.search(r"^Literal data: ([\d,]+) bytes$", sent, re.MULTILINE).group(1).replace(",", ""))
    assert literal <= BIG_BYTES - part + limits.MIB
    assert filecmp.cmp(here, there, shallow=False)
