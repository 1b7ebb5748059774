"""Runs a command on a server of WinRM with pywinrm or pypsrp, and prints the output as JSON.

    winrm_command.py pywinrm|pypsrp-ntlm|pypsrp-negotiate URL USER PASSWORD ENCRYPTION TRUST
        COMMAND ARGUMENTS

ENCRYPTION is auto, always or never. TRUST is a file of certificate authorities, `any` to accept any
certificate, or `unbound` to accept any and send no channel bindings.
"""

import json
import sys
import warnings
from urllib.parse import urlsplit

warnings.simplefilter("ignore")


def pywinrm(url, user, password, encryption, trust, command, arguments):
    import winrm

    is_any = trust in ("any", "unbound")
    session = winrm.Session(
        url, auth=(user, password), transport="ntlm", message_encryption=encryption,
        server_cert_validation="ignore" if is_any else "validate", ca_trust_path=trust,
        send_cbt=trust != "unbound",
    )
    result = session.run_cmd(command, [arguments])
    return result.std_out.decode(), result.std_err.decode(), result.status_code


def pypsrp(auth, url, user, password, encryption, trust, command, arguments):
    from pypsrp.client import Client

    parts = urlsplit(url)
    with Client(
        parts.hostname, port=parts.port, path=parts.path.strip("/"),
        ssl=parts.scheme == "https", auth=auth, username=user, password=password,
        encryption=encryption, cert_validation=False if trust in ("any", "unbound") else trust,
        negotiate_send_cbt=trust != "unbound",
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
