"""The NTLM plugin of Cyrus SASL, through libsasl2; its server has users in a file of its own."""

import ctypes
import os
import subprocess
import tempfile

import bridge

SASL_OK, SASL_CONTINUE = 0, 1
GET_OPTION, USER, AUTHENTICATION_NAME, PASSWORD, REALM = 1, 0x4001, 0x4002, 0x4004, 0x4008
END = 0

c_int, c_char_p, c_void_p, c_uint = ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint
Pointer = ctypes.POINTER
GetOption = ctypes.CFUNCTYPE(
    c_int, c_void_p, c_char_p, c_char_p, Pointer(c_char_p), Pointer(c_uint)
)
GetName = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, Pointer(c_char_p), Pointer(c_uint))
GetPassword = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, Pointer(c_void_p))
GetRealm = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, Pointer(c_char_p), Pointer(c_char_p))


class Callback(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_ulong), ("function", c_void_p), ("context", c_void_p)]


class SaslError(Exception):
    pass


class Context:
    library = None
    # The library keeps what it is given, and is set up once.
    options, identity, held = {}, (b"", b"", b""), []
    is_client_ready = is_server_ready = False
    users = tempfile.TemporaryDirectory(prefix="ntlm-interop-sasl-")

    def __init__(self, role, user="", domain="", password="", ntlmv2=True, users=()):
        self.is_initiator = role == "initiator"
        self.connection, self.has_begun = c_void_p(), False
        if self.is_initiator:
            encoded = user.encode(), domain.encode(), password.encode()
            type(self).identity = encoded
            self.options["ntlm_v2"] = "yes" if ntlmv2 else "no"
            self.begin_client()
        else:
            self.begin_server(users)

    def begin_client(self):
        callbacks = self.callbacks()
        if not self.is_client_ready:
            check(self.library.sasl_client_init(callbacks), "sasl_client_init")
            type(self).is_client_ready = True
        connection = ctypes.byref(self.connection)
        status = self.library.sasl_client_new(
            b"imap", b"localhost", None, None, callbacks, c_uint(0), connection
        )
        check(status, "sasl_client_new")

    def begin_server(self, users):
        database = os.path.join(self.users.name, "sasldb")
        if not os.path.exists(database):
            self.create_users(database, users)
        self.options.update(
            pwcheck_method="auxprop",
            auxprop_plugin="sasldb",
            mech_list="NTLM",
            sasldb_path=database,
        )
        callbacks = self.callbacks()
        if not self.is_server_ready:
            check(self.library.sasl_server_init(callbacks, b"ntlm-interop"), "sasl_server_init")
            type(self).is_server_ready = True
        connection = ctypes.byref(self.connection)
        status = self.library.sasl_server_new(
            b"imap", b"localhost", None, None, None, callbacks, c_uint(0), connection
        )
        check(status, "sasl_server_new")

    @staticmethod
    def create_users(database, users):
        # Whatever domain a client names, the server looks in the realm of its own name.
        for user, password in users:
            command = ["saslpasswd2", "-p", "-c", "-f", database, "-u", "localhost", user]
            subprocess.run(command, input=password.encode(), check=True, timeout=30)

    def callbacks(self):
        functions = [
            (GET_OPTION, GetOption(self.get_option)),
            (USER, GetName(self.get_name)),
            (AUTHENTICATION_NAME, GetName(self.get_name)),
            (PASSWORD, GetPassword(self.get_password)),
            (REALM, GetRealm(self.get_realm)),
        ]
        if not self.is_initiator:
            functions = functions[:1]
        entries = [Callback(kind, ctypes.cast(f, c_void_p)) for kind, f in functions]
        callbacks = (Callback * (len(entries) + 1))(*entries, Callback(END))
        self.held.append((functions, callbacks))
        return callbacks

    @classmethod
    def get_option(cls, _context, _plugin, name, value, length):
        option = cls.options.get(name.decode())
        if option is None:
            return -1
        value[0] = cls.keep(option.encode())
        if length:
            length[0] = len(option)
        return SASL_OK

    @classmethod
    def get_name(cls, _context, _kind, value, length):
        user, _, _ = cls.identity
        value[0] = user
        if length:
            length[0] = len(user)
        return SASL_OK

    @classmethod
    def get_password(cls, _connection, _context, _kind, value):
        _, _, password = cls.identity
        # A length and as many bytes.
        content = len(password).to_bytes(ctypes.sizeof(ctypes.c_ulong), "little") + password
        value[0] = ctypes.cast(cls.keep(ctypes.create_string_buffer(content)), c_void_p).value
        return SASL_OK

    @classmethod
    def get_realm(cls, _context, _kind, _available, value):
        _, domain, _ = cls.identity
        value[0] = domain
        return SASL_OK

    @classmethod
    def keep(cls, thing):
        cls.held.append(thing)
        return thing

    def step(self, token):
        content = bridge.from_hex(token) or b""
        output, length, mechanism = c_void_p(), c_uint(), c_char_p()
        answer = ctypes.byref(output), ctypes.byref(length)
        received = content, c_uint(len(content))
        if self.is_initiator and not self.has_begun:
            arguments = b"NTLM", None, *answer, ctypes.byref(mechanism)
            status = self.library.sasl_client_start(self.connection, *arguments)
        elif self.is_initiator:
            status = self.library.sasl_client_step(self.connection, *received, None, *answer)
        elif not self.has_begun:
            status = self.library.sasl_server_start(self.connection, b"NTLM", *received, *answer)
        else:
            status = self.library.sasl_server_step(self.connection, *received, *answer)
        self.has_begun = True
        if status not in (SASL_OK, SASL_CONTINUE):
            raise SaslError(f"{status}: {self.library.sasl_errdetail(self.connection).decode()}")
        token = ctypes.string_at(output.value, length.value) if output.value else b""
        is_done = status == SASL_OK
        user = self.user() if is_done and not self.is_initiator else None
        return {"token": token.hex(), "done": is_done, "user": user}

    def user(self):
        name = c_void_p()
        check(self.library.sasl_getprop(self.connection, 0, ctypes.byref(name)), "sasl_getprop")
        return ctypes.string_at(name.value).decode()


def check(status, function):
    if status != SASL_OK:
        raise SaslError(f"{function}: {status}")


def load():
    library = ctypes.CDLL("libsasl2.so.2")
    library.sasl_errdetail.restype = c_char_p
    Context.library = library
    if not os.path.exists("/usr/sbin/saslpasswd2"):
        raise FileNotFoundError("there is no saslpasswd2")
    return Context


bridge.serve("Cyrus SASL", load)
