"""impacket as a file server: prints the port that it listens on, and a log.

    python smb_server.py DIRECTORY USER PASSWORD [USER PASSWORD...]

The share `share` is the directory. The users are of any domain.
"""

import logging
import sys

from impacket.ntlm import compute_lmhash, compute_nthash
from impacket.smbserver import SimpleSMBServer

directory, *users = sys.argv[1:]
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
server = SimpleSMBServer("127.0.0.1", 0)
server.setSMB2Support(True)
server.addShare("share", directory, readOnly="yes")
for uid, (user, password) in enumerate(zip(users[::2], users[1::2]), start=1):
    server.addCredential(user, uid, compute_lmhash(password), compute_nthash(password))
print("listening on", server.getServer().server_address[1], flush=True)
server.start()
