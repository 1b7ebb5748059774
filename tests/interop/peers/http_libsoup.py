"""libsoup, by GObject introspection: requests URLs."""

import bridge


class Context:
    def __init__(self, library, user, domain, password, proxy=None):
        import gi

        gi.require_version("Soup", library)
        from gi.repository import Gio, Soup

        # It splits the domain off itself.
        self.name = f"{domain}\\{user}" if domain else user
        self.password = password
        self.session = Soup.Session()
        self.session.add_feature_by_type(Soup.AuthNTLM)
        if proxy:
            resolver = Gio.SimpleProxyResolver.new(f"http://{proxy}", None)
            self.session.set_property("proxy-resolver", resolver)
        is_old = library == "2.4"
        self.send = self.send_in_2 if is_old else self.send_in_3
        if is_old:
            # The servers of the tests sign their certificates themselves.
            self.session.set_property("ssl-strict", False)
            self.session.connect("authenticate", lambda _, *arguments: self.log_in(*arguments))

    def request(self, url, data):
        from gi.repository import Soup

        message = Soup.Message.new("GET" if data is None else "POST", url)
        return self.send(message, data)

    def send_in_3(self, message, data):
        from gi.repository import GLib

        message.connect("authenticate", self.log_in)
        message.connect("accept-certificate", lambda *_: True)
        if data is not None:
            set_body = lambda _: message.set_request_body_from_bytes(
                "text/plain", GLib.Bytes.new(data.encode())
            )
            set_body(message)
            # The library drops the body where it sends the request again.
            message.connect("restarted", set_body)
        body = self.session.send_and_read(message, None).get_data()
        user = message.get_response_headers().get_one("X-User")
        return {"status": message.get_status(), "user": user, "body": (body or b"").decode()}

    def send_in_2(self, message, data):
        from gi.repository import Soup

        if data is not None:
            message.set_request("text/plain", Soup.MemoryUse.COPY, data.encode())
        status = self.session.send_message(message)
        user = message.props.response_headers.get_one("X-User")
        return {"status": status, "user": user, "body": message.props.response_body.data}

    def log_in(self, message, auth, is_retry):
        if not is_retry:
            auth.authenticate(self.name, self.password)
        return not is_retry


def load():
    import gi  # noqa: F401

    return Context


bridge.serve("libsoup", load)
