"""SMB clients of PyPI: each logs in, connects to IPC$ and logs off.

Its arguments are the library, a port of 127.0.0.1, a user, a domain and a password.
"""

import sys
import uuid


def impacket(port, user, domain, password):
    from impacket import smb3structs
    from impacket.smbconnection import SMBConnection

    # Without a version it begins with SMB 1.
    for dialect in (
        smb3structs.SMB2_DIALECT_002,
        smb3structs.SMB2_DIALECT_21,
        smb3structs.SMB2_DIALECT_30,
        smb3structs.SMB2_DIALECT_311,
    ):
        connection = SMBConnection(
            "files", "127.0.0.1", sess_port=port, preferredDialect=dialect, timeout=30
        )
        connection.login(user, password, domain)
        tree = connection.connectTree("IPC$")
        connection.disconnectTree(tree)
        connection.logoff()
        print("logged in", hex(connection.getDialect()))


def smbprotocol(port, user, domain, password):
    from smbprotocol import Dialects
    from smbprotocol.connection import Connection
    from smbprotocol.session import Session
    from smbprotocol.tree import TreeConnect

    name = f"{domain}\\{user}" if domain else user
    for dialect in (
        Dialects.SMB_2_0_2,
        Dialects.SMB_2_1_0,
        Dialects.SMB_3_0_0,
        Dialects.SMB_3_0_2,
        Dialects.SMB_3_1_1,
    ):
        # Its "ntlm" is without SPNEGO.
        connection = Connection(uuid.uuid4(), "127.0.0.1", port)
        connection.connect(dialect, timeout=30)
        session = Session(
            connection, name, password, require_encryption=False, auth_protocol="negotiate"
        )
        session.connect()
        tree = TreeConnect(session, r"\\127.0.0.1\IPC$")
        tree.connect(require_secure_negotiate=True)
        tree.disconnect()
        session.disconnect()
        connection.disconnect()
        print("logged in", hex(dialect))


def main(library, port, *arguments):
    {"impacket": impacket, "smbprotocol": smbprotocol}[library](int(port), *arguments)


main(*sys.argv[1:])
