"""`cmake --install`: programs, manual pages and completions, each where its user looks for it. Debian's packages share them out."""

import re
import stat
import subprocess

import pytest

from support import limits
from support.page import Section

PROGRAMS = ("cfpipe", "cfpipe-edge", "cfpipe-connector")
FILES = [
    "bin/cfpipe", "bin/cfpipe-edge", "bin/cfpipe-connector",
    "share/man/man1/cfpipe.1", "share/man/man1/cfpipe-edge.1", "share/man/man1/cfpipe-connector.1", "share/man/man5/cfpipe-edge.yaml.5",
    "lib/systemd/system/cfpipe-edge.service", "lib/systemd/system/cfpipe-edge.socket", "lib/sysusers.d/cfpipe-edge.conf",
    "lib/tmpfiles.d/cfpipe-edge.conf", "share/doc/cfpipe-edge/examples/edge.yaml",
    "lib/systemd/system/cfpipe-connector.service", "lib/sysusers.d/cfpipe-connector.conf", "lib/tmpfiles.d/cfpipe-connector.conf",
    "share/doc/cfpipe-connector/examples/connector.yaml",
    "share/cfpipe-edge/monitoring/alerts.yaml", "share/cfpipe-edge/monitoring/grafana.json",
    *(f"share/{place}" for program in PROGRAMS for place in (
        f"bash-completion/completions/{program}", f"zsh/site-functions/_{program}", f"fish/vendor_completions.d/{program}.fish")),
]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    if not (limits.BUILD / "man/cfpipe.1").exists():
        subprocess.run(["cmake", "--build", limits.BUILD, "--target", "texts"], check=True, capture_output=True)
    prefix = tmp_path_factory.mktemp("install") / "prefix"
    # As on a machine whose new files are for their owner alone.
    subprocess.run(["cmake", "--install", limits.BUILD, "--prefix", prefix], check=True, capture_output=True, umask=0o077)
    return prefix


def test_every_file_is_there_and_no_other(prefix):
    installed = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert installed == set(FILES)


def test_every_user_may_read_it_whatever_the_umask_was(prefix):
    for path in [prefix, *prefix.rglob("*")]:
        programs = path.is_dir() or path.parent.name == "bin"
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if programs else 0o644), path


def test_installed_programs_run(prefix):
    for program in PROGRAMS:
        done = subprocess.run([prefix / "bin" / program, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"{program} "), done


def test_pages_and_completions_are_found_by_name(prefix):
    env = {"PATH": "/usr/bin:/bin", "MANPATH": str(prefix / "share/man"), "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    for program in PROGRAMS:
        found = subprocess.run(["man", "-w", program], capture_output=True, text=True, env=env)
        assert found.stdout.strip() == str(prefix / f"share/man/man1/{program}.1"), found


def test_the_example_is_the_configuration_of_the_page():
    example = (limits.ROOT / "packaging/edge.yaml").read_text().splitlines()
    page = Section("docs/EDGE.md", "From a bare machine to ssh").only("yaml").splitlines()
    assert [line for line in example if line and not line.startswith("#")] == page


def test_each_file_is_in_one_package():
    packaged = [line.split()[0] for path in sorted((limits.ROOT / "debian").glob("*.install")) for line in path.read_text().splitlines()]
    assert sorted(packaged) == sorted(f"usr/{name}" for name in FILES)


def test_packages_have_the_version_of_the_programs():
    (project,) = re.findall(r"^project\(cfpipe VERSION (\S+)", (limits.ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert (limits.ROOT / "debian/changelog").read_text().startswith(f"cfpipe ({project}) ")
