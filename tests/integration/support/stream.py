"""A long byte stream that is cheap to make, the same every time, and different at every position.

Block i is one random MiB, rotated by a step that depends on i, behind i itself: whatever is lost, doubled or swapped
changes the digest. As a program: `stream.py source BYTES [SEED]` writes it, `stream.py sink` prints the digest of its
standard input.
"""

import hashlib
import os
import random
import sys

BLOCK = 1 << 20
STEP = 4099  # bytes; prime, so that rotations do not repeat within a stream


def blocks(total, seed=1):
    pattern = random.Random(seed).randbytes(BLOCK)
    doubled = memoryview(pattern + pattern)
    index = 0
    while total:
        start = index * STEP % BLOCK
        block = index.to_bytes(8, "big") + bytes(doubled[start : start + BLOCK - 8])
        block = block[:total]
        yield block
        total -= len(block)
        index += 1


def digest(total, seed=1):
    state = hashlib.blake2b()
    for block in blocks(total, seed):
        state.update(block)
    return state.hexdigest()


def digest_of(read):
    """Digest and length of everything that `read(n)` returns until it returns nothing."""
    state = hashlib.blake2b()
    length = 0
    while data := read(BLOCK):
        state.update(data)
        length += len(data)
    return state.hexdigest(), length


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main(argv):
    if argv[0] == "source":
        for block in blocks(int(argv[1]), int(argv[2]) if len(argv) > 2 else 1):
            write_all(1, block)
    else:
        print(digest_of(lambda n: os.read(0, n))[0])


if __name__ == "__main__":
    main(sys.argv[1:])
