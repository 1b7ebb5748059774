"""gss-ntlmssp: through MIT Kerberos' GSS-API, as NTLM or inside SPNEGO, or its own entry points.

The latter are for connectionless exchanges: the acceptor begins them with an empty token, which
MIT's library takes for SPNEGO.
"""

import ctypes
import glob

import bridge
from acceptors import NTLM, GssBindings, GssBuffer, GssOid, GssOidSet
from gss_library import SERVICE_NAME, BufferSet, Library

SPNEGO = GssOid(6, b"\x2b\x06\x01\x05\x05\x02")
USER_NAME = GssOid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x01")
SESSION_KEY = GssOid(11, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05")
# GSS_NTLMSSP_BASE_OID and one byte.
SET_SEQUENCE = GssOid(11, b"\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f\x01\x01")
NEGOTIATE_FLAGS = GssOid(11, b"\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f\x01\x05")

CONFIDENTIALITY, INTEGRITY, ANONYMOUS, DATAGRAM = 0x10, 0x20, 0x40, 0x10000
PROTECTION = {"none": 0, "sign": INTEGRITY, "seal": INTEGRITY | CONFIDENTIALITY}
INDEFINITE = ctypes.c_uint32(0xFFFFFFFF)


class Context:
    mit = mechanism_itself = None

    def __init__(
        self,
        role,
        user=None,
        password=None,
        target=None,
        protection="none",
        bindings=None,
        flags=None,
        spnego=False,
        datagram=False,
        default_credential=False,
    ):
        self.is_initiator = role == "initiator"
        is_direct = datagram and not self.is_initiator
        self.gss = (self.mechanism_itself if is_direct else self.mit).call
        self.oid = SPNEGO if spnego else NTLM
        self.request = PROTECTION[protection] | (DATAGRAM if datagram else 0)
        if self.is_initiator and user is None and not default_credential:
            self.request |= ANONYMOUS
        self.bindings = None
        if bindings is not None:
            content = GssBuffer.of(bytes.fromhex(bindings))
            self.bindings = ctypes.byref(GssBindings(data=content))
        self.context, self.credential = ctypes.c_void_p(), ctypes.c_void_p()
        self.target = target and self.name(target, SERVICE_NAME)
        self.acquire(user, password)
        if flags is not None:
            value = GssBuffer.of(flags.to_bytes(4, "little"))
            oid = ctypes.byref(NEGOTIATE_FLAGS)
            self.gss("gss_set_cred_option", ctypes.byref(self.credential), oid, ctypes.byref(value))

    def name(self, text, kind):
        name, content = ctypes.c_void_p(), GssBuffer.of(text.encode())
        self.gss(
            "gss_import_name", ctypes.byref(content), ctypes.byref(kind), ctypes.byref(name)
        )
        return name

    def acquire(self, user, password):
        mechanisms = ctypes.byref(GssOidSet(1, ctypes.pointer(self.oid)))
        output = ctypes.byref(self.credential), None, None
        if not self.is_initiator:
            accept = ctypes.c_int(2)
            self.gss("gss_acquire_cred", None, INDEFINITE, mechanisms, accept, *output)
        elif user is not None:
            secret, initiate = GssBuffer.of(password.encode()), ctypes.c_int(1)
            self.gss(
                "gss_acquire_cred_with_password",
                self.name(user, USER_NAME),
                ctypes.byref(secret),
                INDEFINITE,
                mechanisms,
                initiate,
                *output,
            )

    def step(self, token):
        received = None if token is None else ctypes.byref(GssBuffer.of(bytes.fromhex(token)))
        answer, source = GssBuffer(), ctypes.c_void_p()
        if self.is_initiator:
            status = self.gss(
                "gss_init_sec_context",
                self.credential,
                ctypes.byref(self.context),
                self.target,
                ctypes.byref(self.oid),
                ctypes.c_uint32(self.request),
                ctypes.c_uint32(0),
                self.bindings,
                received,
                None,
                ctypes.byref(answer),
                None,
                None,
            )
        else:
            status = self.gss(
                "gss_accept_sec_context",
                ctypes.byref(self.context),
                self.credential,
                received or ctypes.byref(GssBuffer.of(b"")),
                self.bindings,
                ctypes.byref(source),
                None,
                ctypes.byref(answer),
                None,
                None,
                None,
            )
        user = self.display(source) if source.value else None
        return {"token": answer.bytes().hex(), "done": not status & 1, "user": user}

    def display(self, name):
        text = GssBuffer()
        self.gss("gss_display_name", name, ctypes.byref(text), None)
        # It counts the terminator of the name.
        return text.bytes().decode("utf-8", "replace").rstrip("\0")

    def key(self):
        found = ctypes.POINTER(BufferSet)()
        oid = ctypes.byref(SESSION_KEY)
        self.gss("gss_inquire_sec_context_by_oid", self.context, oid, ctypes.byref(found))
        return bridge.result(found.contents.elements[0].bytes())

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

    def unseal(self, sealed):
        content, message = GssBuffer.of(bytes.fromhex(sealed)), GssBuffer()
        output = ctypes.byref(message), None, None
        self.gss("gss_unwrap", self.context, ctypes.byref(content), *output)
        return bridge.result(message.bytes())

    def sign(self, message):
        content, signature = GssBuffer.of(bytes.fromhex(message)), GssBuffer()
        quality = ctypes.c_uint32(0)
        output = ctypes.byref(signature)
        self.gss("gss_get_mic", self.context, quality, ctypes.byref(content), output)
        return bridge.result(signature.bytes())

    def verify(self, message, signature):
        content = GssBuffer.of(bytes.fromhex(message))
        given = GssBuffer.of(bytes.fromhex(signature))
        self.gss("gss_verify_mic", self.context, ctypes.byref(content), ctypes.byref(given), None)

    def set_sequence(self, number):
        value = GssBuffer.of(number.to_bytes(4, "little"))
        oid = ctypes.byref(SET_SEQUENCE)
        context = ctypes.byref(self.context)
        self.gss("gss_set_sec_context_option", context, oid, ctypes.byref(value))


def load():
    Context.mit = Library("libgssapi_krb5.so.2")
    Context.mechanism_itself = Library(glob.glob("/usr/lib/*/gssntlmssp/gssntlmssp.so")[0])
    return Context


bridge.serve("gss-ntlmssp", load)
