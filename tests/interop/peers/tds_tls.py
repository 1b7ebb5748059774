"""Ends the TLS of clients that speak TDS, in front of a server that speaks TDS without TLS.

    python tds_tls.py CERTIFICATE KEY SERVER_PORT

The handshake of TLS lies in packets of TDS; what follows is TLS, and TDS inside ([MS-TDS] 3.3.5.3). The
server first gets a line with the channel bindings of the connection: the first Finished message of
TLS 1.2 (`tls-unique`, RFC 5929).
"""

import select
import socket
import ssl
import struct
import sys
import threading

RESPONSE, PRELOGIN = 0x04, 0x12
VERSION, ENCRYPTION, END = 0, 1, 0xff
REQUIRED = 3
PATIENCE = 30


def main(certificate, key, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # TLS 1.3 has no tls-unique.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    listener = socket.create_server(('127.0.0.1', 0))
    print('listening on', listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        client.settimeout(PATIENCE)
        threading.Thread(target=serve, args=(client, context, int(port)), daemon=True).start()


def serve(client, context, port):
    with client, socket.create_connection(('127.0.0.1', port), timeout=PATIENCE) as server:
        send(client, RESPONSE, prelogin_response(receive(client)))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if outgoing.pending:
                    send(client, PRELOGIN, outgoing.read())
                incoming.write(receive(client))
        send(client, PRELOGIN, outgoing.read())
        server.sendall(tls.get_channel_binding('tls-unique').hex().encode() + b'\n')
        relay(client, server, tls, incoming, outgoing)


def relay(client, server, tls, incoming, outgoing):
    while True:
        readable, _, _ = select.select([client, server], [], [], PATIENCE)
        if not readable:
            return
        for side in readable:
            data = side.recv(65536)
            if not data:
                return
            if side is server:
                tls.write(data)
                client.sendall(outgoing.read())
                continue
            incoming.write(data)
            try:
                while plain := tls.read(65536):
                    server.sendall(plain)
            except ssl.SSLWantReadError:
                pass


def prelogin_response(request):
    """The options that the client sent, and no others: some clients read a fixed layout."""
    options = []
    while request[5 * len(options)] != END:
        option = request[5 * len(options)]
        value = {VERSION: bytes([15, 0, 7, 208, 0, 0]), ENCRYPTION: bytes([REQUIRED])}
        options.append((option, value.get(option, b'\0')))
    head, data = b'', b''
    for option, value in options:
        head += struct.pack('>BHH', option, 5 * len(options) + 1 + len(data), len(value))
        data += value
    return head + bytes([END]) + data


def receive(stream):
    head = exactly(stream, 8)
    return exactly(stream, struct.unpack('>H', head[2:4])[0] - 8)


def send(stream, kind, data):
    stream.sendall(struct.pack('>BBHHBB', kind, 1, 8 + len(data), 0, 1, 0) + data)


def exactly(stream, length):
    data = b''
    while len(data) < length:
        more = stream.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


main(*sys.argv[1:])
