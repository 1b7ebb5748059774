"""Samba's `ntlm_auth` as the helper of another program: its client, and its server as Squid's.

The server compares with one password, whoever comes, so that it needs no winbind.
"""

import base64
import os
import shutil
import subprocess
import tempfile

import bridge

CONFIGURATION = """[global]
    workgroup = EXAMPLE
    netbios name = FILES
    ntlm auth = ntlmv1-permitted
    lanman auth = yes
    private dir = {place}
    lock directory = {place}
    state directory = {place}
    cache directory = {place}
    pid directory = {place}
"""
FEATURES = {
    "none": [],
    "sign": ["NTLMSSP_FEATURE_SESSION_KEY", "NTLMSSP_FEATURE_SIGN"],
    "seal": ["NTLMSSP_FEATURE_SESSION_KEY", "NTLMSSP_FEATURE_SIGN", "NTLMSSP_FEATURE_SEAL"],
}


class Context:
    place = tempfile.TemporaryDirectory(prefix="ntlm-interop-helper-")
    helper = None

    def __init__(
        self, role, password, user=None, domain="EXAMPLE", protection="none", settings=None
    ):
        self.is_initiator = role == "initiator"
        protocol = "ntlmssp-client-1" if self.is_initiator else "squid-2.5-ntlmssp"
        command = ["ntlm_auth", f"--helper-protocol={protocol}", f"--password={password}"]
        command += [f"--configfile={self.configuration()}", f"--domain={domain}"]
        command += [f"--username={user}"] if user is not None else []
        command += [f"--option={name}={value}" for name, value in (settings or {}).items()]
        self.restart(command)
        self.has_begun = False
        if FEATURES[protection]:
            self.ask("SF " + " ".join(FEATURES[protection]), "OK")

    def configuration(self):
        path = os.path.join(self.place.name, "smb.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(place=self.place.name))
        return path

    @classmethod
    def restart(cls, command):
        """The helper of the last context ends, since its input does."""
        if cls.helper is not None:
            cls.helper.communicate(timeout=10)
        pipe = subprocess.PIPE
        cls.helper = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def ask(self, line, *expected):
        self.helper.stdin.write(line.encode() + b"\n")
        self.helper.stdin.flush()
        answer = self.helper.stdout.readline().decode().rstrip("\n")
        code, _, rest = answer.partition(" ")
        if code not in expected:
            raise ValueError(answer or "the helper ended")
        return code, rest

    def step(self, token):
        encoded = base64.b64encode(bridge.from_hex(token) or b"").decode()
        if self.is_initiator:
            line = "YR" if token is None else f"TT {encoded}"
            code, answer = self.ask(line, "YR", "KK", "AF")
            return {"token": base64.b64decode(answer).hex(), "done": code != "YR"}
        line = f"KK {encoded}" if self.has_begun else f"YR {encoded}"
        self.has_begun = True
        code, answer = self.ask(line, "TT", "AF")
        if code == "TT":
            return {"token": base64.b64decode(answer).hex(), "done": False}
        return {"token": "", "done": True, "user": answer}

    def key(self):
        _, answer = self.ask("GK", "GK")
        return bridge.result(base64.b64decode(answer))


def load():
    if shutil.which("ntlm_auth") is None:
        raise FileNotFoundError("there is no ntlm_auth")
    return Context


bridge.serve("Samba's ntlm_auth", load)
