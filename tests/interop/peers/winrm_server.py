"""A server of WinRM's encrypted bodies ([MS-WSMV] 2.2.9.1) over HTTP, behind pyspnego's SPNEGO.

It prints `listening on http://127.0.0.1:PORT`. Each POST needs a login on its connection, and is
answered with its own body, sealed again, and who sent it.
"""

import base64
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    import spnego
except ImportError as error:
    sys.exit(f"pyspnego is missing ({error}): run `tests/interop/install`")

BOUNDARY = "Encrypted Boundary"
ENCRYPTED = "application/HTTP-SPNEGO-session-encrypted"


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self):
        super().setup()
        options = spnego.NegotiateOptions.use_negotiate
        self.context = spnego.server(protocol="negotiate", options=options)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Negotiate":
            try:
                answer = self.context.step(base64.b64decode(token)) or b""
            except spnego.exceptions.SpnegoError as error:
                print(f"refused {error}", flush=True)
                return self.answer(401, "Negotiate")
            negotiate = f"Negotiate {base64.b64encode(answer).decode()}"
            return self.answer(200 if self.context.complete else 401, negotiate)
        if not self.context.complete:
            return self.answer(401, "Negotiate")
        message = self.context.client_principal.encode() + b": " + self.unwrap(body)
        return self.answer(200, None, self.wrap(message))

    def unwrap(self, body):
        content = body.split(b"Content-Type: application/octet-stream\r\n", 1)[1]
        content = content.removesuffix(f"--{BOUNDARY}--\r\n".encode())
        size = int.from_bytes(content[:4], "little")
        header, sealed = content[4 : 4 + size], content[4 + size :]
        message = self.context.unwrap_winrm(header, sealed)
        length = int(re.search(rb"Length=(\d+)", body)[1])
        if len(message) != length:
            raise ValueError(f"{len(message)} bytes instead of {length}")
        return message

    def wrap(self, message):
        sealed = self.context.wrap_winrm(message)
        lines = [
            f"--{BOUNDARY}",
            f"\tContent-Type: {ENCRYPTED}",
            f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(message)}",
            f"--{BOUNDARY}",
            "\tContent-Type: application/octet-stream",
            "",
        ]
        head = "\r\n".join(lines).encode() + len(sealed.header).to_bytes(4, "little")
        return head + sealed.header + sealed.data + f"--{BOUNDARY}--\r\n".encode()

    def answer(self, status, negotiate, body=b""):
        self.send_response(status)
        if negotiate:
            self.send_header("WWW-Authenticate", negotiate)
        if body:
            kind = f'multipart/encrypted;protocol="{ENCRYPTED}";boundary="{BOUNDARY}"'
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
    server.daemon_threads = True
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


main()
