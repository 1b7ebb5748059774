"""The client of Heimdal's mechanism for NTLM, which takes its password from a file.

Its server asks a KDC, so it is not here.
"""

import ctypes
import os
import tempfile

import bridge
from acceptors import GssBuffer, GssOid, GssOidSet
from gss_library import BufferSet, Library

PROTECTION = {"none": 0, "sign": 0x20, "seal": 0x30}
INDEFINITE = ctypes.c_uint32(0xFFFFFFFF)


class Context:
    library = None
    files = tempfile.TemporaryDirectory(prefix="ntlm-interop-heimdal-")

    def __init__(self, role, user, domain, password, target, protection="none"):
        self.gss = self.library.call
        # This library compares addresses of such names, not what they say.
        self.mechanism = self.oid("__gss_ntlm_mechanism_oid_desc")
        self.session_key = self.oid("__gss_c_ntlm_session_key_oid_desc")
        self.request = PROTECTION[protection]
        self.context, self.credential = ctypes.c_void_p(), ctypes.c_void_p()
        self.target = self.name(target, "__gss_c_nt_hostbased_service_oid_desc")
        self.write_password(user, domain, password)
        mechanisms, initiate = GssOidSet(1, ctypes.pointer(self.mechanism)), ctypes.c_int(1)
        self.gss(
            "gss_acquire_cred",
            self.name(f"{user}@{domain}", "__gss_c_nt_user_name_oid_desc"),
            INDEFINITE,
            ctypes.byref(mechanisms),
            initiate,
            ctypes.byref(self.credential),
            None,
            None,
        )

    def write_password(self, user, domain, password):
        path = os.path.join(self.files.name, "users")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{domain}:{user}:{password}\n")
        os.environ["NTLM_USER_FILE"] = path

    def oid(self, symbol):
        return GssOid.in_dll(self.library.library, symbol)

    def name(self, text, kind):
        name, content = ctypes.c_void_p(), GssBuffer.of(text.encode())
        arguments = ctypes.byref(content), ctypes.byref(self.oid(kind)), ctypes.byref(name)
        self.gss("gss_import_name", *arguments)
        return name

    def step(self, token):
        received = None if token is None else ctypes.byref(GssBuffer.of(bytes.fromhex(token)))
        answer = GssBuffer()
        status = self.gss(
            "gss_init_sec_context",
            self.credential,
            ctypes.byref(self.context),
            self.target,
            ctypes.byref(self.mechanism),
            ctypes.c_uint32(self.request),
            ctypes.c_uint32(0),
            None,
            received,
            None,
            ctypes.byref(answer),
            None,
            None,
        )
        return {"token": answer.bytes().hex(), "done": not status & 1}

    def key(self):
        found = ctypes.POINTER(BufferSet)()
        oid = ctypes.byref(self.session_key)
        self.gss("gss_inquire_sec_context_by_oid", self.context, oid, ctypes.byref(found))
        return bridge.result(found.contents.elements[0].bytes())

    def sign(self, message):
        content, signature = GssBuffer.of(bytes.fromhex(message)), GssBuffer()
        quality = ctypes.c_uint32(0)
        arguments = quality, ctypes.byref(content), ctypes.byref(signature)
        self.gss("gss_get_mic", self.context, *arguments)
        return bridge.result(signature.bytes())

    def seal(self, message):
        content, sealed = GssBuffer.of(bytes.fromhex(message)), GssBuffer()
        self.gss(
            "gss_wrap",
            self.context,
            ctypes.c_int(1),
            ctypes.c_uint32(0),
            ctypes.byref(content),
            None,
            ctypes.byref(sealed),
        )
        return bridge.result(sealed.bytes())


def load():
    Context.library = Library("libgssapi.so.3")
    return Context


bridge.serve("Heimdal", load)
