"""Exim's authenticator `spa`: its server over SMTP, on the standard input and output of a session.

It offers the mechanism as `NTLM`, and knows a list of users.
"""

import base64
import os
import shutil
import subprocess
import tempfile

import bridge

CONFIGURATION = """primary_hostname = localhost
spool_directory = {place}
log_file_path = {place}/%slog
keep_environment =
host_lookup =
rfc1413_hosts =
acl_smtp_rcpt = accept
begin authenticators
spa:
  driver = spa
  public_name = NTLM
  server_password = ${{lookup{{$auth1}}lsearch{{{place}/users}}{{$value}}fail}}
  server_set_id = $auth1
"""


class Context:
    place = tempfile.TemporaryDirectory(prefix="ntlm-interop-exim-")
    session = None

    def __init__(self, role, users=()):
        # It gives up the rights of root before it looks users up.
        os.chmod(self.place.name, 0o755)
        self.write("exim.conf", CONFIGURATION.format(place=self.place.name))
        self.write("users", "".join(f'"{user}": {password}\n' for user, password in users))
        self.restart()
        self.answer()
        self.has_begun = False
        self.ask("EHLO localhost")

    def write(self, name, content):
        with open(os.path.join(self.place.name, name), "w", encoding="utf-8") as file:
            file.write(content)

    @classmethod
    def restart(cls):
        """The session before ends, since its input does."""
        if cls.session is not None:
            cls.session.communicate(timeout=10)
        configuration = os.path.join(cls.place.name, "exim.conf")
        cls.session = subprocess.Popen(
            ["exim4", "-C", configuration, "-bh", "127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, line):
        self.session.stdin.write(line.encode() + b"\r\n")
        self.session.stdin.flush()
        return self.answer()

    def answer(self):
        """The last line of an answer, whose code a space follows."""
        for line in self.session.stdout:
            text = line.decode().strip()
            if len(text) > 3 and text[:3].isdigit() and text[3] == " ":
                return text
        raise EOFError("Exim ended")

    def step(self, token):
        encoded = base64.b64encode(bytes.fromhex(token)).decode()
        answer = self.ask(encoded if self.has_begun else f"AUTH NTLM {encoded}")
        self.has_begun = True
        if answer.startswith("334 "):
            return {"token": base64.b64decode(answer[4:]).hex(), "done": False}
        if answer.startswith("235 "):
            return {"token": "", "done": True}
        raise ValueError(answer)


def load():
    if shutil.which("exim4") is None:
        raise FileNotFoundError("there is no exim4")
    return Context


bridge.serve("Exim", load)
