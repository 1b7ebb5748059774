"""libcurl, as pycurl brings it to Python: requests URLs. All clients share the connections."""

import io
import os

import bridge


class Context:
    connections = None

    def __init__(self, user, domain, password, proxy=None):
        self.name = f"{domain}\\{user}" if domain else user
        self.password = password
        self.proxy = proxy

    def request(self, url, data):
        transfer = new_transfer(url, self.name, self.password, self.proxy)
        if data is not None:
            transfer.setopt(transfer.COPYPOSTFIELDS, data)
        return perform([transfer])[0]

    def at_once(self, url, users):
        """Requests the URL as each of these users, a name and a password, all at the same time."""
        return {"responses": perform([new_transfer(url, *user) for user in users])}


def new_transfer(url, name, password, proxy=None):
    import pycurl

    # pycurl would encode text as ASCII.
    name, password = name.encode(), password.encode()
    transfer = pycurl.Curl()
    transfer.setopt(pycurl.URL, url)
    transfer.setopt(pycurl.TIMEOUT, 30)
    # The servers of the tests sign their certificates themselves.
    transfer.setopt(pycurl.SSL_VERIFYPEER, 0)
    transfer.setopt(pycurl.SSL_VERIFYHOST, 0)
    if proxy:
        transfer.setopt(pycurl.PROXY, proxy)
        transfer.setopt(pycurl.PROXYAUTH, pycurl.HTTPAUTH_NTLM)
        transfer.setopt(pycurl.PROXYUSERNAME, name)
        transfer.setopt(pycurl.PROXYPASSWORD, password)
    else:
        transfer.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_NTLM)
        transfer.setopt(pycurl.USERNAME, name)
        transfer.setopt(pycurl.PASSWORD, password)
    return transfer


def perform(transfers):
    outputs = [(io.BytesIO(), io.BytesIO()) for _ in transfers]
    for transfer, (header, body) in zip(transfers, outputs):
        transfer.setopt(transfer.WRITEHEADER, header)
        transfer.setopt(transfer.WRITEDATA, body)
        Context.connections.add_handle(transfer)
    left = len(transfers)
    while left:
        _, left = Context.connections.perform()
        Context.connections.select(0.1)
    _, _, failed = Context.connections.info_read()
    for transfer in transfers:
        Context.connections.remove_handle(transfer)
    if failed:
        raise RuntimeError(failed[0][2])
    return [response(*each) for each in zip(transfers, outputs)]


def response(transfer, outputs):
    header, body = (output.getvalue().decode() for output in outputs)
    users = [line[8:].strip() for line in header.splitlines() if line.lower().startswith("x-user:")]
    return {
        "status": transfer.getinfo(transfer.RESPONSE_CODE),
        "user": users[-1] if users else None,
        "body": body,
    }


def load():
    import pycurl

    os.environ.pop("NTLM_USER_FILE", None)
    Context.connections = pycurl.CurlMulti()
    return Context


bridge.serve("pycurl", load)
