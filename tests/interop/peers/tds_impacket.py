"""impacket as a client of SQL Server: runs a query, and prints what came of it.

    python tds_impacket.py PORT DOMAIN USER PASSWORD QUERY [BINDINGS]

The bindings, in hexadecimal digits, take the place of the right ones.
"""

import sys

from impacket.tds import MSSQL

port, domain, user, password, query, *bindings = sys.argv[1:]
fake = bytes.fromhex(bindings[0]) if bindings else None
client = MSSQL('127.0.0.1', int(port))
client.connect(timeout=20)
if client.login('master', user, password, domain, None, True, cbt_fake_value=fake):
    for row in client.sql_query(query):
        for value in row.values():
            print('row:', value)
else:
    print('rejected')
client.disconnect()
