"""asyauth's NTLM, which aiosmb, msldap and others use: its client."""

import asyncio

import bridge


class Context:
    def __init__(self, user, domain, password, ntlmv2=True, protection="none", bindings=None):
        from asyauth.common.constants import asyauthSecret
        from asyauth.common.credentials.ntlm import NTLMCredential
        from asyauth.protocols.ntlm.client.native import NTLMClientNative

        credential = NTLMCredential(password, user, domain, asyauthSecret.PASSWORD)
        credential.ntlm_version = 2 if ntlmv2 else 1
        self.client = NTLMClientNative(credential)
        self.client.set_sign(protection != "none")
        self.client.set_seal(protection == "seal")
        self.bindings = bridge.from_hex(bindings)
        self.sent = 0

    def step(self, token):
        answer, continues, error = wait(
            self.client.authenticate(bridge.from_hex(token), cb_data=self.bindings)
        )
        if error:
            raise error
        return {"token": answer.hex(), "done": not continues}

    def key(self):
        return bridge.result(self.client.get_session_key())

    def seal(self, message):
        ciphertext, signature = wait(self.client.encrypt(bytes.fromhex(message), self.next()))
        return bridge.result(signature + ciphertext)

    def unseal(self, sealed):
        message, _ = wait(self.client.decrypt(bytes.fromhex(sealed), 0))
        return bridge.result(message)

    def sign(self, message):
        return bridge.result(wait(self.client.sign(bytes.fromhex(message), self.next())))

    def verify(self, message, signature):
        if not wait(self.client.verify(bytes.fromhex(message), bytes.fromhex(signature))):
            raise ValueError("wrong signature")

    def next(self):
        """The sequence number is the caller's."""
        self.sent += 1
        return self.sent - 1


def wait(coroutine):
    return asyncio.run(coroutine)


def load():
    import asyauth.protocols.ntlm.client.native  # noqa: F401

    return Context


bridge.serve("asyauth", load)
