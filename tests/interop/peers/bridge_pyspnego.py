"""pyspnego's own implementation of NTLM."""

import bridge
import gss_library


class Context:
    def __init__(
        self,
        role,
        user=None,
        password=None,
        target="@",
        protection="none",
        bindings=None,
        flags=None,
        without=0,
        spnego=False,
        kerberos=False,
    ):
        from spnego import ContextReq
        from spnego._context import GSSMech
        from spnego._negotiate import NegotiateProxy
        from spnego._ntlm import NTLMProxy
        from spnego.channel_bindings import GssChannelBindings

        request = {
            "none": ContextReq.none,
            "sign": ContextReq.integrity,
            "seal": ContextReq.integrity | ContextReq.confidentiality,
        }[protection]
        if bindings is not None:
            bindings = GssChannelBindings(application_data=bytes.fromhex(bindings))
        service, _, host = target.partition("@")
        credential = {"username": user, "password": password} if role == "initiator" else {}
        self.context = NTLMProxy(
            hostname=host or None,
            service=service or None,
            channel_bindings=bindings,
            context_req=request,
            usage="initiate" if role == "initiator" else "accept",
            **credential,
        )
        # What it offers besides, it takes from nowhere.
        self.context._context_req &= ~without
        if spnego:
            # As it makes it itself.
            self.context._is_wrapped = True
            # The first is its first choice.
            contexts = {GSSMech.kerberos: Kerberos(target)} if kerberos else {}
            contexts[GSSMech.ntlm] = self.context
            self.context = NegotiateProxy(
                context_req=request, usage=self.context.usage, _negotiate_contexts=contexts
            )
        self.is_acceptor = role == "acceptor"

    def step(self, token):
        answer = self.context.step(bridge.from_hex(token))
        is_done = self.context.complete
        user = self.context.client_principal if is_done and self.is_acceptor else None
        return {"token": (answer or b"").hex(), "done": is_done, "user": user}

    def key(self):
        return bridge.result(self.context.session_key)

    def seal(self, message):
        return bridge.result(self.context.wrap(bytes.fromhex(message)).data)

    def unseal(self, sealed):
        return bridge.result(self.context.unwrap(bytes.fromhex(sealed)).data)

    def sign(self, message):
        return bridge.result(self.context.sign(bytes.fromhex(message)))

    def verify(self, message, signature):
        self.context.verify(bytes.fromhex(message), bytes.fromhex(signature))

    def seal_parts(self, parts):
        """Parts are pairs: `clear` or `sealed`, and bytes."""
        sealed = self.context.wrap_iov([*buffers(parts), header()])
        content = [buffer.data.hex() for buffer in sealed.buffers[:-1]]
        return {"parts": content, "signature": sealed.buffers[-1].data.hex()}

    def unseal_parts(self, parts, signature):
        opened = self.context.unwrap_iov([*buffers(parts), header(bytes.fromhex(signature))])
        return {"parts": [buffer.data.hex() for buffer in opened.buffers[:-1]]}

    def seal_winrm(self, message):
        sealed = self.context.wrap_winrm(bytes.fromhex(message))
        return {"header": sealed.header.hex(), "sealed": sealed.data.hex()}

    def unseal_winrm(self, header, sealed):
        content = self.context.unwrap_winrm(bytes.fromhex(header), bytes.fromhex(sealed))
        return bridge.result(content)


class Kerberos:
    """As much of a context of Kerberos as begins: MIT's library has a ticket."""

    complete = _requires_mech_list_mic = False

    def __init__(self, target):
        self.target = target

    def step(self, in_token=None, channel_bindings=None):
        return gss_library.first_token(gss_library.KERBEROS, self.target)


def buffers(parts):
    """Clear parts are signed, the sealed one is encrypted too."""
    from spnego.iov import BufferType, IOVBuffer

    kinds = {"clear": BufferType.sign_only, "sealed": BufferType.data}
    return [IOVBuffer(kinds[kind], bytes.fromhex(content)) for kind, content in parts]


def header(content=True):
    from spnego.iov import BufferType, IOVBuffer

    return IOVBuffer(BufferType.header, content)


def load():
    import spnego._ntlm  # noqa: F401

    return Context


bridge.serve("pyspnego", load)
