"""GNU libntlm's client: NTLMv1 and LM responses, no protection."""

import ctypes

import bridge


class Context:
    library = None

    def __init__(self, role, user, domain, password):
        self.user, self.domain, self.password = user.encode(), domain.encode(), password.encode()

    def step(self, token):
        if token is None:
            request = Message(32)
            self.library.buildSmbNtlmAuthRequest_noatsplit(request.room, self.user, self.domain)
            return {"token": request.bytes().hex(), "done": False}
        content = bytes.fromhex(token)
        challenge, response = ctypes.create_string_buffer(content, 2048), Message(64)
        self.library.buildSmbNtlmAuthResponse_noatsplit(
            challenge, response.room, self.user, self.password
        )
        return {"token": response.bytes().hex(), "done": True}


class Message:
    """A header, a buffer of 1024 bytes, and how many of these are used."""

    def __init__(self, header):
        self.header, self.room = header, ctypes.create_string_buffer(2048)

    def bytes(self):
        end = self.header + 1024
        used = int.from_bytes(self.room.raw[end : end + 4], "little")
        return self.room.raw[: self.header + used]


def load():
    Context.library = ctypes.CDLL("libntlm.so.0")
    return Context


bridge.serve("libntlm", load)
