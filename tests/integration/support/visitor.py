"""A browser without a screen: cookies, redirects and forms, over https and http."""

import html.parser
import http.client
import ssl
import urllib.parse

from support import limits

MAX_STEPS = 20  # requests of one walk
MAX_PAGE_BYTES = 1 << 20


class Loopback(http.client.HTTPSConnection):
    """Names under .localhost are 127.0.0.1; the certificate is still checked for the name."""

    def connect(self):
        self.sock = self._create_connection(("127.0.0.1", self.port), self.timeout, self.source_address)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


class Form(html.parser.HTMLParser):
    """The first form of a page."""

    def __init__(self, page):
        super().__init__()
        self.found, self.action, self.inputs = False, "", {}
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.found:
            self.found = self._inside = True
            self.action = attrs.get("action", "")
        elif tag in ("input", "button") and attrs.get("name") and self._inside:
            self.inputs.setdefault(attrs["name"], attrs.get("value", ""))

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "form"


class Answer:
    def __init__(self, url, status, headers, page):
        self.url, self.status, self.headers, self.page = url, status, headers, page
        self.location = headers.get("Location") and urllib.parse.urljoin(url, headers["Location"])

    def __repr__(self):
        return f"{self.url}: {self.status} {self.location or ''}\n{self.page[:2000]}"

    @property
    def query(self):
        """The parameters that its redirect carries."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.location or "").query))


class Web:
    """`address`: where its https connections come from."""

    def __init__(self, ca_file, address="127.0.0.1"):
        self.tls = ssl.create_default_context(cafile=str(ca_file))
        self._from = (address, 0)
        self.cookies = {}  # host -> {name: value}

    def request(self, method, url, form=None, origin=None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "https":
            connection = Loopback(parts.hostname, parts.port or 443, context=self.tls, timeout=limits.COMMAND_DEADLINE,
                                  source_address=self._from)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=limits.COMMAND_DEADLINE)
        headers = {"Accept": "text/html"}
        jar = self.cookies.setdefault(parts.hostname, {})
        if jar:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = origin or f"{parts.scheme}://{parts.netloc}"
        try:
            connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or []:
                self._take(jar, line)
            page = answer.read(MAX_PAGE_BYTES).decode("utf-8", "replace")
            return Answer(url, answer.status, answer.headers, page)
        finally:
            connection.close()

    @staticmethod
    def _take(jar, line):
        name, _, value = line.split(";")[0].strip().partition("=")
        gone = not value or "1970" in line.lower().partition("expires=")[2][:20]
        jar.pop(name, None) if gone else jar.update({name: value})

    def get(self, url):
        return self.request("GET", url)

    def follow(self, answer, stop=lambda url: False):
        """What comes after the redirects, or the redirect to a URL at which to stop."""
        if isinstance(answer, str):
            answer = self.get(answer)
        for _ in range(MAX_STEPS):
            if not answer.location or stop(answer.location):
                return answer
            answer = self.get(answer.location)
        raise AssertionError(f"still being redirected: {answer}")

    def submit(self, answer, /, **fields):
        """Fills in the page's form and posts it."""
        form = Form(answer.page)
        assert form.found, answer
        return self.request("POST", urllib.parse.urljoin(answer.url, form.action), {**form.inputs, **fields})
