"""cfpipe-connector in a test: enrolled, and perhaps running."""

from support import limits

PROGRAM = limits.BUILD / "cfpipe-connector"


class Connector:
    """A cfpipe-connector that is enrolled at that edge, and perhaps runs."""

    def __init__(self, world, edge, name="connector"):
        self.world, self.edge = world, edge
        self.state = world.path(name)
        self.child = None

    def command(self, *argv, input=b"", env=None):
        return self.world.run([PROGRAM, *argv], input=input, env=env)

    def enroll(self, *more, token=None):
        token = token or self.edge.new_token()
        return self.command("enroll", "--state", self.state, "--ca-file", self.edge.ca_file, *more, input=token.encode() + b"\n")

    def start(self, *more, config=None, env=None, origins=()):
        argv = [PROGRAM, "run", "--state", self.state, "--ca-file", self.edge.ca_file, *more]
        argv += [part for origin in origins for part in ("--origin", origin)]
        argv += ["--config", config] if config else []
        self.child = self.world.start(argv, env=env)
        return self

    def said(self, pattern):
        return self.child.stderr.wait_for(pattern)
