"""python-tds, a driver for SQL Server: runs a query, and prints what came of it.

    python tds_client.py LIBRARY PORT NAME PASSWORD QUERY

The library makes the messages: ntlm-auth, pyspnego, or pyspnego with SPNEGO around them.
"""

import sys

import pytds
from pytds import login

library, port, name, password, query = sys.argv[1:]
if library == 'ntlm-auth':
    auth = login.NtlmAuth(name, password)
else:
    protocol = 'ntlm' if library == 'pyspnego' else 'negotiate'
    auth = login.SpnegoAuth(name, password, protocol=protocol)
try:
    connection = pytds.connect(
        '127.0.0.1', port=int(port), auth=auth, autocommit=True, timeout=20, login_timeout=20,
        disable_connect_retry=True,
    )
except pytds.Error as error:
    print('rejected:', error)
    sys.exit()
with connection, connection.cursor() as cursor:
    cursor.execute(query)
    for (column,) in cursor.fetchall():
        print('row:', column)
