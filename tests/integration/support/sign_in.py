"""A person at a browser on another machine: `sign_in URL CA-FILE [NAME PASSWORD]` opens the address that a client has printed, signs
in at the provider, or on the edge's own page that asks for no password, and lets the client have what it asks for. Prints the last
page."""

import sys

from support.visitor import Web


def main(url, ca_file, name=None, password=None):
    web = Web(ca_file)
    asked = web.follow(url)
    if name is not None:
        asked = web.follow(web.submit(asked, login=name, password=password))
    print(web.follow(web.submit(asked)).page)


main(*sys.argv[1:])
