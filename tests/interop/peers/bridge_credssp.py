"""pyspnego's CredSSP ([MS-CSSP]) without the TLS around it: tokens are TSRequests."""

import types

import bridge


class Context:
    def __init__(self, role, user=None, password=None):
        from spnego._credssp import CredSSPProxy

        credential = {} if user is None else {"username": user, "password": password}
        usage = "initiate" if role == "initiator" else "accept"
        self.context = without_tls(CredSSPProxy)(usage=usage, **credential)

    def step(self, token):
        answer = self.context.step(bridge.from_hex(token))
        return {"token": (answer or b"").hex(), "done": self.context.complete}

    def binding_hash(self, direction, nonce):
        """What proves that both sides see the same public key of the server."""
        from spnego._credssp import _get_pub_key_auth

        key = self.context.server_key
        return bridge.result(_get_pub_key_auth(key, direction, nonce=bytes.fromhex(nonce)))

    def delegated(self):
        credential = self.context.get_extra_info("client_credential")
        return {"user": credential.username, "password": credential.password}


def without_tls(base):
    from spnego._context import UnwrapResult, WrapResult
    from spnego.tls import generate_tls_certificate

    class Plain(base):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            certificate, _, self.server_key = generate_tls_certificate()
            self._tls_context.public_key = self.server_key
            encoded = to_der(certificate)
            self._tls_object = types.SimpleNamespace(getpeercert=lambda binary: encoded)

        def _step_tls(self, in_token):
            return in_token
            yield

        def wrap(self, data, encrypt=True, qop=None):
            return WrapResult(data=data, encrypted=False)

        def unwrap(self, data):
            return UnwrapResult(data=data, encrypted=False, qop=0)

    return Plain


def to_der(certificate):
    import ssl

    return ssl.PEM_cert_to_DER_cert(certificate.decode())


def load():
    import spnego._credssp  # noqa: F401

    return Context


bridge.serve("pyspnego", load)
