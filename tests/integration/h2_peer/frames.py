"""WebSocket frames (RFC 6455 5.2), the server's side: what a client sends must be masked, what a server sends must not be."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL, MASKED = 0x80, 0x80


def _frame(opcode, payload):
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([FINAL | opcode]) + length + payload


def binary(payload):
    return _frame(BINARY, payload)


def close(code):
    return _frame(CLOSE, code.to_bytes(2, "big"))


def pong(payload):
    return _frame(PONG, payload)


def unmasked(payload, mask):
    """XOR as one long number: a byte at a time takes Python seconds for a megabyte."""
    size = len(payload)
    pad = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


class Reader:
    """Takes a client's bytes apart."""

    def __init__(self):
        self._held = bytearray()

    def feed(self, data):
        """Opcode and payload of every frame that is complete now."""
        self._held += data
        while frame := self._next():
            yield frame

    def _next(self):
        held = self._held
        if len(held) < 2:
            return None
        if not held[1] & MASKED:
            raise ValueError("a client's frame without a mask")
        size, at = held[1] & 0x7F, 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(held[2 : 2 + width], "big"), 2 + width
            if len(held) < at:
                return None
        if len(held) < at + 4 + size:
            return None
        mask = bytes(held[at : at + 4])
        payload = unmasked(bytes(held[at + 4 : at + 4 + size]), mask)
        opcode = held[0] & 0xF
        del held[: at + 4 + size]
        return opcode, payload
