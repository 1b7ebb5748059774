"""Clients in Python: requests a URL some times in one session, and prints JSON for each."""

import argparse
import json
import sys
import warnings

warnings.simplefilter("ignore")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--method", default="GET")
    parser.add_argument("--data")
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    session = CLIENTS[options.client](options.user, options.password)
    for _ in range(options.times):
        response = session(options.method, options.url, options.data)
        result = {
            "status": response.status_code,
            "user": response.headers.get("X-User"),
            "body": response.text,
        }
        print(json.dumps(result), flush=True)


def requests_ntlm(user, password):
    from requests_ntlm import HttpNtlmAuth

    return with_requests(HttpNtlmAuth(user, password))


def requests_ntlm2(user, password):
    from requests_ntlm2 import HttpNtlmAuth

    return with_requests(HttpNtlmAuth(user, password))


def pypsrp(user, password):
    from pypsrp.negotiate import HTTPNegotiateAuth

    return with_requests(HTTPNegotiateAuth(user, password, auth_provider="negotiate"))


def pypsrp_unsigned(user, password):
    """As pypsrp, but sends its mechListMIC only when the server asks for it, as some Windows do."""
    from spnego._negotiate import NegotiateProxy

    sign = NegotiateProxy._step_spnego_mic
    NegotiateProxy._step_spnego_mic = lambda self, in_mic=None: in_mic and sign(self, in_mic)
    return pypsrp(user, password)


def with_requests(auth):
    import requests

    session = requests.Session()
    session.auth = auth
    session.verify = False
    return lambda method, url, data: session.request(
        method, url, data=data, timeout=20, verify=False
    )


def httpx_ntlm(user, password):
    import httpx
    from httpx_ntlm import HttpNtlmAuth

    client = httpx.Client(auth=HttpNtlmAuth(user, password), verify=False, timeout=20)
    return lambda method, url, data: client.request(method, url, content=data)


CLIENTS = {
    "requests_ntlm": requests_ntlm,
    "requests-ntlm2": requests_ntlm2,
    "httpx-ntlm": httpx_ntlm,
    "pypsrp": pypsrp,
    "pypsrp-unsigned": pypsrp_unsigned,
}

if __name__ == "__main__":
    sys.exit(main())
