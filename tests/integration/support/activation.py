"""What a service manager does for a program that it starts: sockets that it holds, and an ear for what the program says."""

import array
import fcntl
import queue
import socket
import threading

from support import limits

# Descriptors 3 and on are those of the sockets; LISTEN_PID is known once the program is about to begin.
BECOME = 'for fd in $GIVEN; do at=$((${at:-2} + 1)); eval "exec $at<&$fd $fd<&-"; done; unset GIVEN at fd; LISTEN_PID=$$ exec "$@"'
BEYOND = 60  # descriptors from here on collide with no others


def start_with_sockets(world, argv, sockets, names=None, env=None, **more):
    """`sockets`: of Python, or numbers of descriptors. `names`: LISTEN_FDNAMES; `more`: other variables, or LISTEN_FDS itself."""
    given = [fcntl.fcntl(one, fcntl.F_DUPFD, BEYOND + 10 * at) for at, one in enumerate(sockets)]
    variables = {"GIVEN": " ".join(map(str, given)), "LISTEN_FDS": str(len(given)), **({} if names is None else {"LISTEN_FDNAMES": names}), **more}
    child = world.start(["/bin/bash", "-c", BECOME, "become", *argv], {**(env or world.env), **variables}, pass_fds=given)
    for fd in given:
        socket.close(fd)
    return child


class Manager:
    """systemd, as far as a service of Type=notify with FileDescriptorStoreMax= sees it."""

    def __init__(self, world, argv):
        self.world, self.argv, self.kept, self.child = world, argv, {}, None
        self.said = queue.Queue()
        self._path = world.path("manager")
        self._socket = world.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._socket.bind(str(self._path))
        threading.Thread(target=self._listen, daemon=True).start()
        world.closing(self)

    def _listen(self):
        while True:
            try:
                text, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(4))
            except OSError:
                return  # it has been closed
            lines = dict(line.split("=", 1) for line in text.decode().split("\n"))
            if "FDSTORE" in lines:
                fds = array.array("i", ancillary[0][2])
                self.kept[lines["FDNAME"]] = socket.socket(fileno=fds[0])
            elif "FDSTOREREMOVE" in lines:
                if lines["FDNAME"] in self.kept:
                    self.kept.pop(lines["FDNAME"]).close()
            else:
                self.said.put(text.decode())

    def wait_for(self, text):
        while (said := self.said.get(timeout=limits.READY_DEADLINE)) != text:
            pass

    def start(self):
        env = {**self.world.env, "NOTIFY_SOCKET": str(self._path)}
        if self.kept:
            self.child = start_with_sockets(self.world, self.argv, list(self.kept.values()), ":".join(self.kept), env)
        else:
            self.child = self.world.start(self.argv, env)
        self.wait_for("READY=1")
        return self.child

    def restart(self, number):
        """`number`: the unit's KillSignal. The manager waits for the main process alone (KillMode=process), whatever still writes
        to its log."""
        self.child.process.send_signal(number)
        assert self.child.process.wait(limits.COMMAND_DEADLINE) == 0, self.child.stderr.text
        return self.start()

    def close(self):
        for one in self.kept.values():
            one.close()
