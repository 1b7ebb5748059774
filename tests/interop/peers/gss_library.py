"""A library with the functions of GSS-API: MIT's, Heimdal's, or a mechanism's own."""

import ctypes

from acceptors import NTLM, GssBuffer, GssError


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
