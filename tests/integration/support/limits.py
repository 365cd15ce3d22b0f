"""Every bound and deadline of the integration tests, with its unit. A sanitizer build gets its own where it must."""

import os
import pathlib
import ssl

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("CFPIPE_BUILD_DIR", ROOT / "build")).resolve()


def _configured(name):
    cache = BUILD / "CMakeCache.txt"
    lines = cache.read_text().splitlines() if cache.exists() else []
    return next((line.split("=", 1)[1] for line in lines if line.startswith(f"{name}:")), "")


SANITIZED = bool(_configured("CFPIPE_SANITIZE"))
SHARED_LIBRARIES = _configured("CFPIPE_SHARED_LIBRARIES") == "ON"

MIB = 1 << 20

# Seconds. Deadlines are for failures only: nothing waits for one to pass while all is well.
READY_DEADLINE = 60 if SANITIZED else 30
COMMAND_DEADLINE = 120 if SANITIZED else 60
TRANSFER_DEADLINE = 300
GOODBYE_DEADLINE = 20

# What "a large transfer" is, in bytes each way.
TRANSFER_BYTES = 64 * MIB if SANITIZED else 1024 * MIB

# A reader that does not read: for how long, in seconds, and what the client and the edge may grow by meanwhile, in
# bytes of resident memory. The streams' own buffers come to a few MiB on each side; twice 16 MiB is generous.
# The sanitizers keep freed memory for a while and shadow all of it.
STALL_SECONDS = 10 if SANITIZED else 60
STALL_GROWTH_BYTES = 96 * MIB if SANITIZED else 32 * MIB

# Resident memory of a client that waits, in bytes, the pages of its program among them. OpenSSL 3.5 takes 2 MiB more.
IDLE_BYTES = (11 if ssl.OPENSSL_VERSION_INFO >= (3, 5) else 8) * MIB
