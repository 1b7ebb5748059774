"""Samba's gensec: its NTLM client, and its server with the users of a domain that does not run."""

import os

import bridge

# What Samba's module for Python has no name for.
FEATURE_LDAP_STYLE = 0x400


class Context:
    def __init__(
        self,
        role,
        user=None,
        domain="",
        password=None,
        target="files.example.com",
        protection="none",
        settings=None,
        spnego=False,
        ldap_style=False,
        kerberos=False,
    ):
        from samba import auth, credentials, gensec, param

        parameters = param.LoadParm()
        parameters.load(os.path.join(os.environ["NTLM_INTEROP"], "domain/etc/smb.conf"))
        for name, value in (settings or {}).items():
            parameters.set(name, value)
        options = {"lp_ctx": parameters, "target_hostname": target, "target_service": "http"}
        own = credentials.Credentials()
        authentication = None
        if role == "initiator":
            self.security = gensec.Security.start_client(options)
            use = credentials.AUTO_USE_KERBEROS if kerberos else credentials.DONT_USE_KERBEROS
            own.set_kerberos_state(use)
            if kerberos:
                own.set_realm("EXAMPLE.COM")
            own.set_workstation("LAPTOP")
            if user is None:
                own.set_anonymous()
            else:
                own.set_username(user)
                own.set_domain(domain)
                own.set_password(password)
        else:
            authentication = auth.AuthContext(lp_ctx=parameters)
            self.security = gensec.Security.start_server(options, authentication)
            own.guess(parameters)
            own.set_anonymous()
        self.is_acceptor = role == "acceptor"
        self.security.set_credentials(own)
        # A session key alone it would ask for with SIGN.
        wanted = {"none": [], "sign": ["SIGN", "SESSION_KEY"], "seal": ["SEAL", "SESSION_KEY"]}
        for feature in wanted[protection]:
            self.security.want_feature(getattr(gensec, f"FEATURE_{feature}"))
        if ldap_style:
            self.security.want_feature(FEATURE_LDAP_STYLE)
        self.security.start_mech_by_name("spnego" if spnego else "ntlmssp")
        # Samba's library refers to these without holding them.
        self.held = parameters, options, own, authentication

    def step(self, token):
        is_done, answer = self.security.update(bridge.from_hex(token) or b"")
        user = None
        if is_done and self.is_acceptor:
            info = self.security.session_info().info
            user = f"{info.domain_name}\\{info.account_name}"
        return {"token": (answer or b"").hex(), "done": bool(is_done), "user": user}

    def key(self):
        return bridge.result(self.security.session_key())

    def seal(self, message):
        return bridge.result(self.security.wrap(bytes.fromhex(message)))

    def unseal(self, sealed):
        return bridge.result(self.security.unwrap(bytes.fromhex(sealed)))

    def sign(self, message):
        content = bytes.fromhex(message)
        return bridge.result(self.security.sign_packet(content, content))

    def verify(self, message, signature):
        content = bytes.fromhex(message)
        self.security.check_packet(content, content, bytes.fromhex(signature))


def load():
    from samba import auth, credentials, gensec, param  # noqa: F401

    return Context


bridge.serve("Samba's module for Python", load)
