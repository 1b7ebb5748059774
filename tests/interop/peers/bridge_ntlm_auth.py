"""ntlm-auth's client, the library of PyPI."""

import bridge


class Context:
    def __init__(
        self, role, user, domain, password, level=3, protection="none", bindings=None, without=0
    ):
        from ntlm_auth.gss_channel_bindings import GssChannelBindingsStruct
        from ntlm_auth.ntlm import NtlmContext

        channel = None
        if bindings is not None:
            channel = GssChannelBindingsStruct()
            channel[channel.APPLICATION_DATA] = bytes.fromhex(bindings)
        self.context = NtlmContext(
            user,
            password,
            domain,
            "LAPTOP",
            cbt_data=channel,
            ntlm_compatibility=level,
        )
        wanted = {"none": 0, "sign": 0x10, "seal": 0x30}[protection]
        # It offers neither NTLM nor REQUEST_TARGET of its own.
        self.context.negotiate_flags |= 0x204
        self.context.negotiate_flags &= ~(0x30 | without)
        self.context.negotiate_flags |= wanted

    def step(self, token):
        answer = self.context.step(bridge.from_hex(token))
        return {"token": answer.hex(), "done": self.context.complete}

    def key(self):
        return bridge.result(self.context.session_key)

    def seal(self, message):
        return bridge.result(self.context.wrap(bytes.fromhex(message)))

    def unseal(self, sealed):
        return bridge.result(self.context.unwrap(bytes.fromhex(sealed)))

    def sign(self, message):
        return bridge.result(self.context.sign(bytes.fromhex(message)))

    def verify(self, message, signature):
        self.context.verify(bytes.fromhex(message), bytes.fromhex(signature))


def load():
    import ntlm_auth.ntlm  # noqa: F401

    return Context


bridge.serve("ntlm-auth", load)
