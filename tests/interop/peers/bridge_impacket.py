"""impacket's client: its functions for messages and signatures, as its protocols use them."""

import bridge

EXTENDED, SIGN = 0x00080000, 0x10
NTLMSSP = "NTLMSSP - Microsoft NTLM Security Support Provider"
# What its client of LDAP signs: the list that it sends.
LIST = b"0\x0c\x06\n+\x06\x01\x04\x01\x827\x02\x02\n"


class Context:
    def __init__(
        self,
        role,
        user,
        domain,
        password,
        ntlmv2=True,
        protection="none",
        bindings=None,
        without=0,
        spnego=None,
    ):
        from impacket import ntlm, spnego as tokens

        self.ntlm, self.tokens, self.spnego = ntlm, tokens, spnego
        self.identity = user, domain, password
        self.ntlmv2, self.without = ntlmv2, without
        self.is_protected = protection != "none"
        self.bindings = b"" if bindings is None else bridge.channel_bindings_md5(bindings)
        self.first = self.flags = None

    def step(self, token):
        if self.spnego is not None:
            return self.step_in_spnego(bridge.from_hex(token))
        if token is None:
            return {"token": self.negotiate().hex(), "done": False}
        return {"token": self.authenticate(bytes.fromhex(token)).hex(), "done": True}

    def step_in_spnego(self, token):
        """As its clients of `ldap` and `smb` do it; `smb` does not sign the list."""
        if token is None:
            init = self.tokens.SPNEGO_NegTokenInit()
            init["MechTypes"] = [self.tokens.TypesMech[NTLMSSP]]
            init["MechToken"] = self.negotiate()
            return {"token": init.getData().hex(), "done": False}
        if self.flags is not None:
            # Neither reads what the server signed.
            return {"token": "", "done": True}
        challenge = self.tokens.SPNEGO_NegTokenResp(token)["ResponseToken"]
        response = self.tokens.SPNEGO_NegTokenResp()
        response["ResponseToken"] = self.authenticate(challenge)
        if self.spnego == "ldap":
            cipher = self.tokens.SPNEGOCipher(self.first["flags"], self.session_key)
            response["mechListMIC"] = cipher.sign(LIST, 0, reset_cipher=True).getData()
            self.sending.count = self.receiving.count = 1
        return {"token": response.getData().hex(), "done": False}

    def negotiate(self):
        user, domain, _ = self.identity
        self.first = self.ntlm.getNTLMSSPType1(
            "LAPTOP", domain, signingRequired=self.is_protected, use_ntlmv2=self.ntlmv2
        )
        self.first["flags"] &= ~self.without
        return self.first.getData()

    def authenticate(self, challenge):
        user, domain, password = self.identity
        last, self.session_key = self.ntlm.getNTLMSSPType3(
            self.first,
            challenge,
            user,
            password,
            domain,
            use_ntlmv2=self.ntlmv2,
            channel_binding_value=self.bindings,
        )
        self.flags = last["flags"]
        self.make_keys()
        return last.getData()

    def make_keys(self):
        from Cryptodome.Cipher import ARC4

        if not self.flags & EXTENDED:
            # One key, cipher and counter for both directions.
            self.sending = self.receiving = Direction(b"", ARC4.new(self.session_key))
            return
        directions = [
            Direction(
                self.ntlm.SIGNKEY(self.flags, self.session_key, side),
                ARC4.new(self.ntlm.SEALKEY(self.flags, self.session_key, side)),
            )
            for side in ("Client", "Server")
        ]
        self.sending, self.receiving = directions

    def key(self):
        return bridge.result(self.session_key)

    def seal(self, message):
        content = bytes.fromhex(message)
        way = self.sending
        sealed, signature = self.ntlm.SEAL(
            self.flags, way.signing, None, content, content, way.next(), way.cipher.encrypt
        )
        return bridge.result(signature.getData() + sealed)

    def unseal(self, sealed):
        content = bytes.fromhex(sealed)
        message = self.receiving.cipher.encrypt(content[16:])
        self.compare(message, content[:16])
        return bridge.result(message)

    def sign(self, message):
        return bridge.result(self.signature(self.sending, bytes.fromhex(message)))

    def verify(self, message, signature):
        self.compare(bytes.fromhex(message), bytes.fromhex(signature))

    def signature(self, way, message):
        return self.ntlm.SIGN(
            self.flags, way.signing, message, way.next(), way.cipher.encrypt
        ).getData()

    def compare(self, message, signature):
        """It has no function for this: its protocols do not check what they receive."""
        if self.signature(self.receiving, message) != signature:
            raise ValueError("another signature")


class Direction:
    def __init__(self, signing, cipher):
        self.signing, self.cipher, self.count = signing, cipher, 0

    def next(self):
        self.count += 1
        return self.count - 1


def load():
    from Cryptodome.Cipher import ARC4  # noqa: F401
    from impacket import ntlm  # noqa: F401

    return Context


bridge.serve("impacket", load)
