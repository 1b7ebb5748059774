"""WinPR, FreeRDP's implementation of SSPI: its package `NTLM`.

Its server takes the hash of the password where Windows asks a domain controller. It has no
signatures without encryption, and does not tell the session key.
"""

import ctypes
import os

import bridge

SEC_I_CONTINUE_NEEDED, SEC_I_COMPLETE_NEEDED = 0x90312, 0x90313
CREDENTIAL_INBOUND, CREDENTIAL_OUTBOUND = 1, 2
CONFIDENTIALITY, INTEGRITY = 0x10, 0x10000
DATA, TOKEN, CHANNEL_BINDINGS = 1, 2, 14
NATIVE_DATA = 0x10
UNICODE = 2
NTLM_HASH = 1003

pointer, c_uint32, c_size_t = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_size_t


class Handle(ctypes.Structure):
    _fields_ = [("lower", c_size_t), ("upper", c_size_t)]


class Identity(ctypes.Structure):
    _fields_ = [
        ("user", pointer),
        ("user_length", c_uint32),
        ("domain", pointer),
        ("domain_length", c_uint32),
        ("password", pointer),
        ("password_length", c_uint32),
        ("flags", c_uint32),
    ]


class Buffer(ctypes.Structure):
    _fields_ = [("length", c_uint32), ("kind", c_uint32), ("content", pointer)]

    @classmethod
    def of(cls, kind, content=b"", room=0):
        held = ctypes.create_string_buffer(content, max(len(content), room, 1))
        buffer = cls(room or len(content), kind, ctypes.cast(held, pointer))
        buffer.held = held
        return buffer


class Buffers(ctypes.Structure):
    _fields_ = [("version", c_uint32), ("count", c_uint32), ("first", pointer)]

    @classmethod
    def of(cls, *buffers):
        array = (Buffer * len(buffers))(*buffers)
        all_buffers = cls(0, len(buffers), ctypes.cast(array, pointer))
        all_buffers.array, all_buffers.held = array, buffers
        return all_buffers

    def bytes(self, number):
        buffer = self.array[number]
        return ctypes.string_at(buffer.content, buffer.length)


class Hash(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int), ("nt_hash", ctypes.c_ubyte * 16)]


class SspiError(Exception):
    pass


class Functions:
    """The table of functions, whose order is fixed."""

    NAMES = (
        "EnumerateSecurityPackages QueryCredentialsAttributes AcquireCredentialsHandle "
        "FreeCredentialsHandle Reserved2 InitializeSecurityContext AcceptSecurityContext "
        "CompleteAuthToken DeleteSecurityContext ApplyControlToken QueryContextAttributes "
        "ImpersonateSecurityContext RevertSecurityContext MakeSignature VerifySignature "
        "FreeContextBuffer QuerySecurityPackageInfo Reserved3 Reserved4 ExportSecurityContext "
        "ImportSecurityContext AddCredentials Reserved8 QuerySecurityContextToken EncryptMessage "
        "DecryptMessage SetContextAttributes"
    ).split()

    def __init__(self, library):
        library.sspi_GlobalInit()
        library.InitSecurityInterfaceExW.restype = pointer
        table = library.InitSecurityInterfaceExW(c_uint32(1))
        self.table = ctypes.cast(table, ctypes.POINTER(pointer))

    def call(self, name, *arguments):
        address = self.table[1 + self.NAMES.index(name)]
        kinds = [type(a) if isinstance(a, ctypes._SimpleCData) else pointer for a in arguments]
        status = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(address)(*map(pass_on, arguments))
        if status < 0:
            raise SspiError(f"{name}: {status & 0xFFFFFFFF:#010x}")
        return status


def pass_on(argument):
    """A structure goes as its address."""
    if isinstance(argument, ctypes.Structure):
        return ctypes.cast(ctypes.pointer(argument), pointer)
    return argument


class Context:
    functions = None

    def __init__(
        self,
        role,
        user="",
        domain="",
        password="",
        nt_hash=None,
        target="HTTP/files.example.com",
        protection="none",
        bindings=None,
    ):
        self.is_initiator = role == "initiator"
        self.target, self.nt_hash = utf16(target), bridge.from_hex(nt_hash)
        self.request = {"none": 0, "sign": INTEGRITY, "seal": INTEGRITY | CONFIDENTIALITY}[
            protection
        ]
        self.bindings = bridge.from_hex(bindings)
        self.credential, self.context, self.has_begun = Handle(), Handle(), False
        # It wants the caller to count.
        self.sent = self.received = 0
        user, domain, password = utf16(user), utf16(domain), utf16(password)
        identity = Identity(*user, *domain, *password, UNICODE)
        self.functions.call(
            "AcquireCredentialsHandle",
            None,
            utf16("NTLM")[0],
            c_uint32(CREDENTIAL_OUTBOUND if self.is_initiator else CREDENTIAL_INBOUND),
            None,
            identity if self.is_initiator else None,
            None,
            None,
            self.credential,
            Handle(),
        )
        self.held = user, domain, password, identity

    def step(self, token):
        output = Buffers.of(Buffer.of(TOKEN, room=8192))
        context = self.context if self.has_begun else None
        if self.is_initiator:
            status = self.functions.call(
                "InitializeSecurityContext",
                self.credential,
                context,
                self.target[0],
                c_uint32(self.request),
                c_uint32(0),
                c_uint32(NATIVE_DATA),
                self.input(token),
                c_uint32(0),
                self.context,
                output,
                Number(),
                Handle(),
            )
        else:
            if self.has_begun:
                self.set_hash()
            status = self.functions.call(
                "AcceptSecurityContext",
                self.credential,
                context,
                self.input(token),
                c_uint32(self.request),
                c_uint32(NATIVE_DATA),
                self.context,
                output,
                Number(),
                Handle(),
            )
        self.has_begun = True
        if status == SEC_I_COMPLETE_NEEDED:
            self.functions.call("CompleteAuthToken", self.context, output)
        is_done = status != SEC_I_CONTINUE_NEEDED
        has_token = self.is_initiator or not is_done
        return {"token": output.bytes(0).hex() if has_token else "", "done": is_done}

    def input(self, token):
        if token is None:
            return None
        buffers = [Buffer.of(TOKEN, bytes.fromhex(token))]
        if self.bindings is not None:
            # SEC_CHANNEL_BINDINGS: lengths and offsets of three things, of which there is one.
            header = [0, 0, 0, 0, 0, 0, len(self.bindings), 32]
            content = b"".join(number.to_bytes(4, "little") for number in header) + self.bindings
            buffers.append(Buffer.of(CHANNEL_BINDINGS, content))
        return Buffers.of(*buffers)

    def set_hash(self):
        value = Hash(1, (ctypes.c_ubyte * 16)(*self.nt_hash))
        size = c_uint32(ctypes.sizeof(value))
        attribute = c_uint32(NTLM_HASH)
        self.functions.call("SetContextAttributes", self.context, attribute, value, size)

    def seal(self, message):
        buffers = Buffers.of(Buffer.of(TOKEN, room=16), Buffer.of(DATA, bytes.fromhex(message)))
        number = c_uint32(self.sent)
        self.functions.call("EncryptMessage", self.context, c_uint32(0), buffers, number)
        self.sent += 1
        return bridge.result(buffers.bytes(0) + buffers.bytes(1))

    def unseal(self, sealed):
        content = bytes.fromhex(sealed)
        buffers = Buffers.of(Buffer.of(TOKEN, content[:16]), Buffer.of(DATA, content[16:]))
        number = c_uint32(self.received)
        self.functions.call("DecryptMessage", self.context, buffers, number, Number())
        self.received += 1
        return bridge.result(buffers.bytes(1))

    def sign(self, message):
        buffers = Buffers.of(Buffer.of(DATA, bytes.fromhex(message)), Buffer.of(TOKEN, room=16))
        number = c_uint32(self.sent)
        self.functions.call("MakeSignature", self.context, c_uint32(0), buffers, number)
        self.sent += 1
        return bridge.result(buffers.bytes(1))


class Number(ctypes.Structure):
    """A place for a number that nobody reads."""

    _fields_ = [("number", c_uint32)]


def utf16(text):
    """A text's place and its length in characters of two bytes."""
    content = text.encode("utf-16-le")
    held = ctypes.create_string_buffer(content + b"\0\0")
    place = ctypes.cast(held, pointer)
    place.held = held
    return place, len(content) // 2


def load():
    os.environ["WLOG_LEVEL"] = "OFF"
    Context.functions = Functions(ctypes.CDLL("libwinpr2.so.2"))
    return Context


bridge.serve("WinPR", load)
