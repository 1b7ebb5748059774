"""A library with the functions of GSS-API: MIT's, Heimdal's, or a mechanism's own."""

import ctypes

from acceptors import NTLM, GssBuffer, GssError, GssOid

KERBEROS = GssOid(9, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
SERVICE_NAME = GssOid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04")


class BufferSet(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("elements", ctypes.POINTER(GssBuffer))]


class Library:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)

    def call(self, function, *arguments):
        """All functions begin with the minor status; returns the major one."""
        minor = ctypes.c_uint32()
        call = getattr(self.library, function)
        call.restype = ctypes.c_uint32
        major = call(ctypes.byref(minor), *arguments)
        if major & 0xFFFF0000:
            texts = [self.text(code, kind) for code, kind in ((major, 1), (minor.value, 2))]
            raise GssError(f"{function}: {'; '.join(texts)}")
        return major

    def text(self, code, kind):
        minor, more, text = ctypes.c_uint32(), ctypes.c_uint32(), GssBuffer()
        self.library.gss_display_status(
            ctypes.byref(minor),
            ctypes.c_uint32(code),
            ctypes.c_int(kind),
            ctypes.byref(NTLM),
            ctypes.byref(more),
            ctypes.byref(text),
        )
        return text.bytes().decode("utf-8", "replace")


def first_token(mechanism, service):
    """What MIT's library begins a handshake of a mechanism with, for the default credential."""
    gss = Library("libgssapi_krb5.so.2").call
    name, content = ctypes.c_void_p(), GssBuffer.of(service.encode())
    kind = ctypes.byref(SERVICE_NAME)
    gss("gss_import_name", ctypes.byref(content), kind, ctypes.byref(name))
    context, token = ctypes.c_void_p(), GssBuffer()
    gss(
        "gss_init_sec_context",
        None,
        ctypes.byref(context),
        name,
        ctypes.byref(mechanism),
        ctypes.c_uint32(0),
        ctypes.c_uint32(0),
        None,
        None,
        None,
        ctypes.byref(token),
        None,
        None,
    )
    return token.bytes()
