"""ldap3's client, without the LDAP around it."""

import bridge


class Context:
    def __init__(self, role, user, domain, password):
        from ldap3.utils.ntlm import NtlmClient

        self.client = NtlmClient(domain, user, password)

    def step(self, token):
        if token is None:
            return {"token": self.client.create_negotiate_message().hex(), "done": False}
        self.client.parse_challenge_message(bytes.fromhex(token))
        message = self.client.create_authenticate_message()
        # This is all that it says if the server grants too little.
        if message is False:
            raise ValueError("there is no AUTHENTICATE")
        return {"token": message.hex(), "done": True}


def load():
    import ldap3.utils.ntlm  # noqa: F401

    return Context


bridge.serve("ldap3", load)
