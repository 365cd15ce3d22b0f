"""A machine whose clock is wrong."""



def at(client, offset):
    """A client like this one, that runs at another time: `+10m`, `-26h`. Its browser does not."""
    library = "/usr/$LIB/faketime/libfaketime.so.1"
    shifted = type(client).__new__(type(client))
    shifted.__dict__ = dict(client.__dict__)
    shifted.env = {
        **client.env,
        "LD_PRELOAD": library,
        "FAKETIME": offset,
        "DONT_FAKE_MONOTONIC": "1",  # deadlines are no matter of what time it is
        "ASAN_OPTIONS": client.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0",
    }
    return shifted


