"""An HTTP/1.1 server or proxy behind NTLM, whose acceptor is another implementation.

It prints `listening on http://127.0.0.1:PORT`, and then one line of JSON for each connection, each
login and each refusal. As a server it answers each authenticated request with who sent what, and
redirects `/redirect`; as a proxy it passes requests on, and opens tunnels, to the loopback
interface alone.
"""

import argparse
import base64
import hashlib
import http.client
import itertools
import json
import select
import socket
import ssl
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import acceptors


def main():
    options = arguments()
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    if options.spnego:
        options.scheme = "Negotiate"
    kind = acceptors.KINDS[options.acceptor]
    new_acceptor = kind(options.users, channel_bindings(options), options.spnego)
    try:
        new_acceptor()
    except Exception as error:  # Each implementation has its own.
        sys.exit(f"{options.acceptor} is missing ({error}): run `tests/interop/install`")
    Connection.options = options
    Connection.tls = tls
    Connection.new_acceptor = staticmethod(new_acceptor)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
    server.daemon_threads = True
    scheme = "https" if tls else "http"
    print(f"listening on {scheme}://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--acceptor", choices=acceptors.KINDS, required=True)
    parser.add_argument("--users", help="a file of DOMAIN:user:password", required=True)
    parser.add_argument("--scheme", choices=["NTLM", "Negotiate"], default="NTLM")
    parser.add_argument("--spnego", action="store_true", help="speak SPNEGO, under Negotiate")
    parser.add_argument(
        "--omit-last-token", action="store_true", help="log in without SPNEGO's last token"
    )
    parser.add_argument("--proxy", action="store_true")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument(
        "--channel-bindings",
        choices=["none", "certificate", "other"],
        default="none",
        help="what clients must be bound to, if they are bound",
    )
    return parser.parse_args()


def channel_bindings(options):
    """RFC 5929's value, for certificates that are signed with SHA-256."""
    if options.channel_bindings == "none":
        return None
    with open(options.certificate, encoding="ascii") as file:
        certificate = ssl.PEM_cert_to_DER_cert(file.read())
    if options.channel_bindings == "other":
        certificate = b"another certificate"
    return b"tls-server-end-point:" + hashlib.sha256(certificate).digest()


class Connection(BaseHTTPRequestHandler):
    """One client's connection, which is what NTLM authenticates."""

    protocol_version = "HTTP/1.1"
    # A response goes out as one, and a connection that idles ends.
    wbufsize = -1
    timeout = 60
    numbers = itertools.count(1)
    output = threading.Lock()

    def setup(self):
        if self.tls:
            self.request = self.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.number = next(self.numbers)
        self.acceptor = None
        self.user = None
        self.upstream = None
        self.record = {}
        self.last_token = b""
        self.report("connection")

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # The client left.

    def report(self, event, **fields):
        line = json.dumps({"event": event, "connection": self.number, **fields})
        with self.output:
            print(line, flush=True)

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.token()
        if token is not None and not self.step(token):
            return
        if self.user is None:
            self.ask()
        elif not self.options.proxy:
            self.serve(body)
        elif self.command == "CONNECT":
            self.tunnel()
        else:
            self.forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_CONNECT = answer

    def token(self):
        header = "Proxy-Authorization" if self.options.proxy else "Authorization"
        scheme, _, token = self.headers.get(header, "").partition(" ")
        return base64.b64decode(token) if scheme == self.options.scheme else None

    def step(self, token):
        """Takes a token, and says whether it proved who the client is; if not, it has replied."""
        # Whatever wraps it.
        _, _, message = token.partition(b"NTLMSSP\0")
        number = message[0] if message else 0
        kind = {1: "negotiate", 3: "authenticate"}.get(number, "other")
        self.record[kind] = token.hex()
        if kind == "negotiate" or self.acceptor is None:
            self.acceptor, self.user = self.new_acceptor(), None
        try:
            reply, self.user = self.acceptor.step(token)
        except Exception as error:  # Each implementation has its own.
            self.report("refused", error=f"{type(error).__name__}: {error}", **self.record)
            self.acceptor, self.user, self.record = None, None, {}
            self.ask()
            return False
        if self.user is None:
            self.record.setdefault("challenge", reply.hex())
            self.ask(reply)
            return False
        self.last_token = b"" if self.options.omit_last_token else reply
        self.report("accepted", user=self.user, last=self.last_token.hex(), **self.record)
        self.acceptor, self.record = None, {}
        return True

    def ask(self, token=b""):
        self.reply(407 if self.options.proxy else 401, [self.header(token)], b"")

    def header(self, token):
        name = "Proxy-Authenticate" if self.options.proxy else "WWW-Authenticate"
        return name, f"{self.options.scheme} {base64.b64encode(token).decode()}".strip()

    def serve(self, body):
        if self.path == "/redirect":
            self.reply(302, [("Location", "/target")], b"")
            return
        text = f"{self.command} {self.path} with {len(body)} bytes from {self.user}\n"
        self.reply(200, [("Content-Type", "text/plain; charset=utf-8")], text.encode())

    def reply(self, status, headers, body):
        self.send_response(status)
        if self.last_token:
            headers = [*headers, self.header(self.last_token)]
            self.last_token = b""
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forward(self, body):
        """Passes a request on, always on the same connection: the server may want NTLM too."""
        url = urllib.parse.urlsplit(self.path)
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(loopback(url.hostname), url.port or 80, 30)
        headers = {n: v for n, v in self.headers.items() if not n.lower().startswith("proxy-")}
        path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
        self.upstream.request(self.command, path, body, headers)
        response = self.upstream.getresponse()
        content = response.read()
        left_out = "transfer-encoding", "content-length", "connection"
        kept = [(n, v) for n, v in response.getheaders() if n.lower() not in left_out]
        self.reply(response.status, kept, content)

    def tunnel(self):
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((loopback(host), int(port)), 30) as server:
            self.send_response(200)
            if self.last_token:
                self.send_header(*self.header(self.last_token))
            self.end_headers()
            self.wfile.flush()
            self.close_connection = True
            pass_both_ways(self.connection, server)


def loopback(host):
    if host not in ("127.0.0.1", "localhost"):
        raise OSError(f"{host} is not on this machine")
    return "127.0.0.1"


def pass_both_ways(client, server):
    other = {client: server, server: client}
    while True:
        readable, _, _ = select.select(list(other), [], [], 60)
        for side in readable:
            content = side.recv(65536)
            if not content:
                return
            other[side].sendall(content)
        if not readable:
            return


if __name__ == "__main__":
    sys.exit(main())
