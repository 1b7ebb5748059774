"""pyspnego's CredSSP behind the negotiation of RDP, in both roles.

    rdp.py client PORT USER PASSWORD ntlm|negotiate VERSION [REQUESTED]
    rdp.py server ntlm|negotiate VERSION [AUTHORIZATION]

pyspnego makes TLS itself, and takes and gives its records as tokens. Prints a line of JSON for each
login. The accounts of the server are in the file that NTLM_USER_FILE names. REQUESTED are the protocols
that the client requests, 3 or 11; with an AUTHORIZATION, the server chooses HYBRID_EX and sends it after
the login, in hexadecimal digits.
"""

import json
import socket
import ssl
import sys
import tempfile

import spnego
import spnego._credssp
import spnego.tls

CONNECTION_CONFIRM = bytes.fromhex("0300 0013 0e d0 0000 1234 00 02 08 0800")
CONNECTION_REQUEST = bytes.fromhex("0300 0013 0e e0 0000 0000 00 01 00 0800")
HYBRID, HYBRID_EX = bytes([2, 0, 0, 0]), bytes([8, 0, 0, 0])


def read_exactly(connection, length):
    data = b""
    while len(data) < length:
        chunk = connection.recv(length - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def read_packet(connection):
    header = read_exactly(connection, 4)
    return read_exactly(connection, int.from_bytes(header[2:], "big") - 4)


class Flights:
    """Reads TLS 1.2 flight by flight: pyspnego cannot go on with a part of one."""

    def __init__(self, connection):
        self.connection = connection
        self.is_encrypted = False
        self.is_established = False

    def read(self):
        flight = b""
        while True:
            header = read_exactly(self.connection, 5)
            body = read_exactly(self.connection, int.from_bytes(header[3:], "big"))
            flight += header + body
            kind = header[0]
            if self.is_established or kind == 21:
                return flight
            if self.is_encrypted:  # Finished
                self.is_established = True
                return flight
            self.is_encrypted = kind == 20  # ChangeCipherSpec
            # ClientHello, ServerHelloDone
            if kind == 22 and (body[0] == 1 or body[-4:] == b"\x0e\0\0\0"):
                return flight


def tls_context(usage):
    context = spnego.tls.default_tls_context(usage=usage)
    context.context.maximum_version = ssl.TLSVersion.TLSv1_2
    if usage == "accept":
        certificate, key, context.public_key = spnego.tls.generate_tls_certificate()
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + key)
            file.flush()
            context.context.load_cert_chain(file.name)
    return context


def converse(context, flights, token):
    """Exchanges tokens until the login is over or has failed."""
    try:
        while True:
            if token:
                flights.connection.sendall(token)
            if context.complete:
                return None
            token = context.step(flights.read())
            if token is None:
                return None if context.complete else "it gave up"
    except EOFError:
        return "closed"
    except spnego.exceptions.SpnegoError as error:
        return str(error)


def options(protocol, version):
    """Its own NTLM, in SPNEGO or not."""
    spnego._credssp._CREDSSP_VERSION = int(version)
    negotiate = spnego.NegotiateOptions.use_negotiate if protocol == "negotiate" else 0
    return spnego.NegotiateOptions.use_ntlm | negotiate


def client(port, user, password, protocol, version, requested="3"):
    inner = spnego.client(
        user, password, hostname="localhost", service="TERMSRV", protocol=protocol,
        options=options(protocol, version),
    )
    context = spnego.client(
        user, password, hostname="localhost", service="TERMSRV", protocol="credssp",
        credssp_negotiate_context=inner, credssp_tls_context=tls_context("initiate"),
    )
    with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as connection:
        connection.sendall(CONNECTION_REQUEST + int(requested).to_bytes(4, "little"))
        has_authorization = read_packet(connection).endswith(HYBRID_EX)
        flights = Flights(connection)
        event = {"error": converse(context, flights, context.step())}
        if has_authorization:
            event["authorization"] = context.unwrap(flights.read()).data.hex()
        print(json.dumps(event))


def server(protocol, version, authorization=None):
    inner_options = options(protocol, version)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            inner = spnego.server(protocol=protocol, options=inner_options)
            context = spnego.server(
                protocol="credssp", credssp_negotiate_context=inner,
                credssp_tls_context=tls_context("accept"),
            )
            try:
                read_packet(connection)
            except EOFError:
                continue
            connection.sendall(CONNECTION_CONFIRM + (HYBRID if authorization is None else HYBRID_EX))
            error = converse(context, Flights(connection), None)
            event = {"error": error, "user": context.client_principal}
            if error is None:
                delegated = context._ts_credential.credentials
                if authorization:
                    connection.sendall(context.wrap(bytes.fromhex(authorization)).data)
                event["delegated"] = [delegated.domain_name, delegated.username, delegated.password]
            print(json.dumps(event), flush=True)


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
