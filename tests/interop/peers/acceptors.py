"""Servers' sides of NTLM in other implementations, behind one interface.

An acceptor belongs to one connection. `step` takes the client's token, and returns the token to
answer with and who the client is, or None while the exchange goes on. Whatever it raises means
that the client was refused. Where it speaks SPNEGO, the last step has a token too.
"""

import ctypes
import os
import threading


def gss_ntlmssp(user_file, channel_bindings, spnego):
    """gss-ntlmssp, through MIT Kerberos' GSS-API."""
    os.environ["NTLM_USER_FILE"] = user_file
    os.environ["NETBIOS_COMPUTER_NAME"] = "FILES"
    os.environ["NETBIOS_DOMAIN_NAME"] = "EXAMPLE"
    return lambda: GssNtlmssp(channel_bindings, SPNEGO if spnego else NTLM)


def pyspnego(user_file, channel_bindings, spnego):
    """pyspnego's own implementation."""
    os.environ["NTLM_USER_FILE"] = user_file
    os.environ["NETBIOS_COMPUTER_NAME"] = "FILES"
    os.environ["NETBIOS_DOMAIN_NAME"] = "EXAMPLE"
    return lambda: (PyspnegoNegotiate if spnego else Pyspnego)(channel_bindings)


def pyspnego_asking(user_file, channel_bindings, spnego):
    """As pyspnego, which asks for a mechListMIC with its CHALLENGE, but later: after AUTHENTICATE."""
    pyspnego(user_file, channel_bindings, spnego)
    return lambda: PyspnegoNegotiate(channel_bindings, asks=True)


def samba(_user_file, _channel_bindings, _spnego):
    """Samba's gensec, with the users of a domain; it does not look at channel bindings."""
    return Samba


KINDS = {
    "gss-ntlmssp": gss_ntlmssp,
    "pyspnego": pyspnego,
    "pyspnego-asking": pyspnego_asking,
    "samba": samba,
}


class Pyspnego:
    def __init__(self, channel_bindings):
        import spnego
        from spnego._ntlm import NTLMProxy
        from spnego.channel_bindings import GssChannelBindings

        bindings = channel_bindings and GssChannelBindings(application_data=channel_bindings)
        self.context = NTLMProxy(
            channel_bindings=bindings, context_req=spnego.ContextReq.none, usage="accept"
        )

    def step(self, token):
        answer = self.context.step(token)
        return answer or b"", self.context.client_principal if self.context.complete else None


class PyspnegoNegotiate:
    def __init__(self, channel_bindings, asks=False):
        import spnego
        from spnego._context import GSSMech
        from spnego.channel_bindings import GssChannelBindings

        bindings = channel_bindings and GssChannelBindings(application_data=channel_bindings)
        self.context = spnego.server(
            channel_bindings=bindings,
            context_req=spnego.ContextReq.none,
            protocol="negotiate",
            options=spnego.NegotiateOptions.use_negotiate,
        )
        self.asks = asks
        if asks:
            # It does not prefer Kerberos, and so sees no reason to ask.
            self.context._preferred_mech_list = lambda: [GSSMech.ntlm]

    def step(self, token):
        answer = self.context.step(token)
        if self.asks:
            self.context._mic_required = True
        return answer or b"", self.context.client_principal if self.context.complete else None


class Samba:
    # Samba's library is not made for threads.
    lock = threading.Lock()

    def __init__(self):
        from samba import auth, credentials, gensec, param

        with self.lock:
            settings = param.LoadParm()
            settings.load(os.path.join(os.environ["NTLM_INTEROP"], "domain/etc/smb.conf"))
            context = auth.AuthContext(lp_ctx=settings)
            options = {"lp_ctx": settings, "target_hostname": "localhost"}
            self.security = gensec.Security.start_server(options, context)
            own = credentials.Credentials()
            own.guess(settings)
            own.set_anonymous()
            self.security.set_credentials(own)
            # It takes SPNEGO and bare NTLM.
            self.security.start_mech_by_name("spnego")
            # Samba's library refers to these without holding them.
            self.held = settings, context, options, own

    def step(self, token):
        with self.lock:
            is_done, answer = self.security.update(token)
            if not is_done:
                return answer, None
            info = self.security.session_info().info
            return answer or b"", f"{info.domain_name}\\{info.account_name}"


class GssNtlmssp:
    def __init__(self, channel_bindings, mechanism):
        self.bindings = None
        if channel_bindings:
            self.bindings = ctypes.byref(GssBindings(data=GssBuffer.of(channel_bindings)))
        self.context = ctypes.c_void_p()
        self.credential = ctypes.c_void_p()
        mechanisms = GssOidSet(1, ctypes.pointer(mechanism))
        gss(
            "gss_acquire_cred",
            None,
            ctypes.c_uint32(0xFFFFFFFF),
            ctypes.byref(mechanisms),
            ctypes.c_int(2),
            ctypes.byref(self.credential),
            None,
            None,
        )

    def step(self, token):
        received, answer = GssBuffer.of(token), GssBuffer()
        source = ctypes.c_void_p()
        status = gss(
            "gss_accept_sec_context",
            ctypes.byref(self.context),
            self.credential,
            ctypes.byref(received),
            self.bindings,
            ctypes.byref(source),
            None,
            ctypes.byref(answer),
            None,
            None,
            None,
        )
        continues = status & 1
        # It counts the terminator of the name.
        return answer.bytes(), None if continues else display_name(source).rstrip("\0")


class GssBuffer(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]

    @classmethod
    def of(cls, content):
        held = ctypes.create_string_buffer(content, len(content))
        buffer = cls(len(content), ctypes.cast(held, ctypes.c_void_p))
        buffer.held = held
        return buffer

    def bytes(self):
        return ctypes.string_at(self.value, self.length) if self.value else b""


class GssBindings(ctypes.Structure):
    _fields_ = [
        ("initiator_type", ctypes.c_uint32),
        ("initiator", GssBuffer),
        ("acceptor_type", ctypes.c_uint32),
        ("acceptor", GssBuffer),
        ("data", GssBuffer),
    ]


class GssOid(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("elements", ctypes.c_char_p)]


class GssOidSet(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("elements", ctypes.POINTER(GssOid))]


# 1.3.6.1.4.1.311.2.2.10
NTLM = GssOid(10, b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")
# 1.3.6.1.5.5.2
SPNEGO = GssOid(6, b"\x2b\x06\x01\x05\x05\x02")


class GssError(Exception):
    pass


def gss(function, *arguments):
    """Calls a function of GSS-API, which all begin with the minor status; returns the major one."""
    library = ctypes.CDLL("libgssapi_krb5.so.2")
    minor = ctypes.c_uint32()
    call = getattr(library, function)
    call.restype = ctypes.c_uint32
    major = call(ctypes.byref(minor), *arguments)
    if major & 0xFFFF0000:
        codes = (major, 1), (minor.value, 2)
        texts = [display_status(library, code, kind) for code, kind in codes]
        raise GssError(f"{function}: {'; '.join(texts)}")
    return major


def display_status(library, code, kind):
    minor, more, text = ctypes.c_uint32(), ctypes.c_uint32(), GssBuffer()
    library.gss_display_status(
        ctypes.byref(minor),
        ctypes.c_uint32(code),
        ctypes.c_int(kind),
        ctypes.byref(NTLM),
        ctypes.byref(more),
        ctypes.byref(text),
    )
    return text.bytes().decode("utf-8", "replace")


def display_name(name):
    text = GssBuffer()
    gss("gss_display_name", name, ctypes.byref(text), None)
    return text.bytes().decode("utf-8", "replace")
