"""docs/CONNECTOR.md takes an edge that docs/EDGE.md has made to ssh with a server that no one dials. Its lines are run as they stand
there, in order, on that machine, which is the edge's and the server's in one."""

import configparser
import os
import re
import shlex
import signal

from support.page import Section
from test_a_stranger_follows_the_page import VM, Stranger

UNIT = "/usr/local/lib/systemd/system/cfpipe-connector.service"
SERVED = "tunnel to 127.0.0.1:22 for ann@example.com from 127.0.0.1: "


class Beside:
    def __init__(self, stranger):
        self.stranger, self.machine, self.shown = stranger, stranger.machine, {}
        self.page = Section("docs/CONNECTOR.md", "From nothing to ssh")
        config = self.machine.run(["cat", "/etc/cfpipe/edge.yaml"]).ok().stdout
        before, _, _ = config.partition("applications:\n")
        self.machine.write("/etc/cfpipe/edge.yaml", before + self.page.only("yaml"))

    def follow(self):
        instead = {
            "systemctl reload cfpipe-edge": self.reload_edge,
            "apt-get install ./cfpipe-connector_*.deb": lambda *_: None,  # it came with the edge's programs
            "cfpipe-connector enroll": self.enrol,
            "systemctl enable --now cfpipe-connector": self.start_connector,
            f"cfpipe-edge sshd-setup --app {VM} --ca-key - --edge-address 127.0.0.1,::1": self.set_up_sshd,
            f"ssh {VM}": self.log_in,
        }
        for where, line in self.page.lines():
            line = line.split("  #")[0].rstrip()
            (instead.pop(line) if line in instead else self.run)(where, line)
        assert not instead, f"the page does not say: {list(instead)}"

    def run(self, where, line, input=b""):
        user = [] if where.endswith("as root") else ["runuser", "-l", where.split()[1].rstrip(","), "-c"]
        argv = [*user, line] if user else ["/bin/bash", "-ec", line]
        self.shown[line] = self.machine.run(argv, input=input).ok().stdout

    def reload_edge(self, *_):
        os.kill(self.stranger.edge.pid, signal.SIGHUP)
        self.stranger.edge.stderr.wait_for("reloaded: ")

    def enrol(self, where, line):
        self.run(where, line, self.shown["cfpipe-edge connector create office"].encode())

    def start_connector(self, *_):
        """What systemd would make of the unit, were it here."""
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read_string(self.machine.run(["cat", UNIT]).ok().stdout)
        service = unit["Service"]
        as_user = ["setpriv", "--reuid", service["User"], "--regid", service["Group"], "--clear-groups", "--inh-caps=-all",
                   "--ambient-caps=-all", "--bounding-set=-all"]
        self.connector = self.machine.start([*as_user, *shlex.split(service["ExecStart"])])
        self.connector.stderr.wait_for("attached to auth.example.com as office")

    def set_up_sshd(self, where, line):
        self.run(where, line, self.shown[f"cfpipe-edge ca show --app {VM}"].encode())

    def log_in(self, where, line):
        self.run(where, f"{line} 'echo I-am-$(whoami)'")


def test_from_an_edge_to_a_server_that_only_dials_out(world):
    stranger = Stranger(world)
    stranger.follow()
    beside = Beside(stranger)
    beside.follow()
    assert beside.shown[f"ssh {VM} 'echo I-am-$(whoami)'"].endswith("I-am-ann\n")
    beside.connector.stderr.wait_for(SERVED + "open")
    assert re.search(r"^  attach +ok ", beside.shown["cfpipe-connector doctor"], re.MULTILINE)
    owner = beside.machine.run(["stat", "-c", "%U %a", "/var/lib/cfpipe-connector/key.pem"]).ok().stdout
    assert owner == "cfpipe-connector 600\n"
    listed = beside.machine.run(["cfpipe-edge", "connector", "list"]).ok().stdout
    assert "office" in listed
    beside.machine.run(["cfpipe-edge", "connector", "revoke", "office", "--yes"]).ok()
    beside.connector.stderr.wait_for("the edge refuses this connector")
    assert beside.connector.stop() == 0, beside.connector.stderr.text
    assert stranger.edge.stop() == 0, stranger.edge.stderr.text
    assert stranger.sshd.stop() in (0, 255), stranger.sshd.stderr.text
