"""What one test owns: a directory, an environment, and everything it has started."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from support import limits, process

USER = pwd.getpwuid(os.getuid()).pw_name
EMAIL = f"{USER}@example.com"  # the part before the @ becomes the certificate's principal
# No provider makes a person root: where the tests run as root, the configuration names it.
NAMED = ["root"] if USER == "root" else []

SANITIZER_OPTIONS = {
    # Reports go to files, so that those of ssh's grandchildren are found as well.
    "ASAN_OPTIONS": "halt_on_error=1:abort_on_error=0:exitcode=99:quarantine_size_mb=16:log_path={log}",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99:log_path={log}",
}


class Finished:
    """A program that has run to its end."""

    def __init__(self, argv, status, stdout, stderr):
        self.argv, self.status, self.output = argv, status, stdout
        self.stdout = stdout.decode("utf-8", "replace")
        self.stderr = stderr.decode("utf-8", "replace")

    def __repr__(self):
        return f"{self.argv}: status {self.status}\n--- stdout\n{self.stdout[-4000:]}\n--- stderr\n{self.stderr[-8000:]}"

    def ok(self):
        assert self.status == 0, self
        return self

    def failed(self, status):
        assert self.status == status, self
        return self


class World:
    def __init__(self):
        # Short, because sockets live below it and their names have 108 bytes at most.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cfp."))
        self._closers = []
        self._children = []
        for name in ("bin", "user", "tmp"):
            (self.directory / name).mkdir()
        # curl reads the first .curlrc of those in CURL_HOME, in HOME and in the account's own directory.
        (self.directory / "user/.curlrc").touch()
        log = self.directory / "sanitizer"
        self.env = {
            "PATH": f"{self.directory}/bin:{limits.BUILD}:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.directory / "user"),
            "CURL_HOME": str(self.directory / "user"),
            "TMPDIR": str(self.directory / "tmp"),
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            **{name: value.format(log=log) for name, value in SANITIZER_OPTIONS.items()},
        }

    def path(self, *parts):
        return self.directory.joinpath(*parts)

    def script(self, name, text):
        """A program first on the PATH of everything that the test starts."""
        path = self.path("bin", name)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def for_everyone(self, program):
        """A copy of this program that every user of the machine can run, whatever this account's umask is."""
        copy = shutil.copy(program, self.path("bin", f"{program.name}-for-everyone"))
        for path in (self.directory, copy.parent, copy):
            path.chmod(0o755)
        return copy

    def certificate(self, name, host, usage="serverAuth"):
        """Files of a certificate for this host and of its key, by an authority that is in test-ca.pem."""
        def openssl(*argv):
            self.run(["/usr/bin/openssl", *argv]).ok()
        def new_key(stem):
            return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(f"{stem}-key.pem")]
        ca, ca_key = self.path("test-ca.pem"), self.path("test-ca-key.pem")
        if not ca.exists():
            openssl("req", "-x509", *new_key("test-ca"), "-out", ca, "-days", "2", "-subj", "/CN=Test CA",
                    "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        cert, request, extensions = (self.path(f"{name}{end}") for end in (".pem", ".csr", ".ext"))
        openssl("req", *new_key(name), "-out", request, "-subj", f"/CN={name}")
        extensions.write_text(f"subjectAltName=DNS:{host}\nextendedKeyUsage={usage}\n"
                              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", cert)
        return cert, self.path(f"{name}-key.pem")

    def closing(self, thing):
        """`thing.close()` at the end of the test, last come first."""
        self._closers.append(thing.close)
        return thing

    def start(self, argv, env=None, **options):
        child = process.Child(argv, env or self.env, **options)
        self._children.append(child)
        self._closers.append(child.kill)
        return child

    def run(self, argv, env=None, input=b"", deadline=limits.COMMAND_DEADLINE, cwd=None):
        argv = [str(a) for a in argv]
        try:
            done = subprocess.run(argv, env=env or self.env, input=input, capture_output=True, timeout=deadline, cwd=cwd)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{argv} still ran after {deadline} s\n{(error.stderr or b'').decode()}") from None
        return Finished(argv, done.returncode, done.stdout, done.stderr)

    def logs(self):
        """What the long-running programs have said, for a failed test's report."""
        texts = [(" ".join(c.argv)[:200], c.stderr.text) for c in self._children]
        texts += [(str(p), p.read_text(errors="replace")) for p in sorted(self.directory.rglob("*.log"))]
        return texts

    def close(self):
        """Ends everything. Returns what was wrong: processes left behind, sanitizer reports."""
        wrong = []
        while self._closers:
            try:
                self._closers.pop()()
            except Exception as error:  # the rest must be closed all the same
                wrong.append(f"while closing: {error}")
        wrong += [f"left running: {line}" for line in process.leftovers()]
        wrong += process.sanitizer_reports(self.directory)
        wrong += [c.stderr.text for c in self._children if process.SANITIZER_REPORT.search(c.stderr.text)]
        return wrong

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
