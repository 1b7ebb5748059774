"""Runs a command on a server of WinRM with pywinrm or pypsrp, and prints the output as JSON.

    winrm_command.py pywinrm|pypsrp-ntlm|pypsrp-negotiate URL USER PASSWORD auto|never COMMAND ARGUMENTS
"""

import json
import sys
import warnings
from urllib.parse import urlsplit

warnings.simplefilter("ignore")


def pywinrm(url, user, password, encryption, command, arguments):
    import winrm

    session = winrm.Session(
        url, auth=(user, password), transport="ntlm", message_encryption=encryption
    )
    result = session.run_cmd(command, [arguments])
    return result.std_out.decode(), result.std_err.decode(), result.status_code


def pypsrp(auth, url, user, password, encryption, command, arguments):
    from pypsrp.client import Client

    parts = urlsplit(url)
    with Client(
        parts.hostname, port=parts.port, path=parts.path.strip("/"), ssl=False, auth=auth,
        username=user, password=password, encryption=encryption,
    ) as client:
        return client.execute_cmd(f"{command} {arguments}", encoding="utf-8")


client, *arguments = sys.argv[1:]
try:
    if client == "pywinrm":
        stdout, stderr, code = pywinrm(*arguments)
    else:
        stdout, stderr, code = pypsrp(client.removeprefix("pypsrp-"), *arguments)
    print(json.dumps({"stdout": stdout, "stderr": stderr, "code": code}))
except Exception as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
