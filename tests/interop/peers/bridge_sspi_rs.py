"""sspi-rs, through sspilib: its NTLM, bare and in SPNEGO."""

import bridge


class Context:
    def __init__(
        self,
        role,
        user,
        password,
        domain="",
        target="HTTP/files.example.com",
        protection="none",
        spnego=False,
    ):
        import sspilib

        is_acceptor = role == "acceptor"
        credential = sspilib.UserCredential(
            user,
            password,
            domain=domain or None,
            protocol="Negotiate" if spnego else "NTLM",
            usage="accept" if is_acceptor else "initiate",
            protocol_list=["ntlm"] if spnego else None,
        )
        if is_acceptor:
            self.context = sspilib.ServerSecurityContext(credential)
        else:
            integrity = sspilib.IscReq.ISC_REQ_INTEGRITY
            request = {
                "none": sspilib.IscReq(0),
                "sign": integrity,
                "seal": integrity | sspilib.IscReq.ISC_REQ_CONFIDENTIALITY,
            }[protection]
            self.context = sspilib.ClientSecurityContext(credential, target, flags=request)

    def step(self, token):
        answer = self.context.step(bridge.from_hex(token))
        return {"token": answer.hex(), "done": self.context.complete}

    def seal(self, message):
        return bridge.result(self.context.wrap(bytes.fromhex(message)))

    def unseal(self, sealed):
        return bridge.result(self.context.unwrap(bytes.fromhex(sealed)).data)

    def sign(self, message):
        return bridge.result(self.context.sign(bytes.fromhex(message)))

    def verify(self, message, signature):
        self.context.verify(bytes.fromhex(message), bytes.fromhex(signature))


def load():
    import sspilib  # noqa: F401

    return Context


bridge.serve("sspilib", load)
