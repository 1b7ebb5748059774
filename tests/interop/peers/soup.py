"""libsoup, which logs in through the helper that SOUP_NTLM_AUTH_DEBUG names; prints JSON for each URL.

It has no password of its own: what it is asked for here is not answered."""

import json
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import Soup

session = Soup.Session()
session.add_feature_by_type(Soup.AuthNTLM)
for url in sys.argv[1:]:
    message = Soup.Message.new("GET", url)
    body = session.send_and_read(message, None).get_data() or b""
    result = {
        "status": message.get_status(),
        "user": message.get_response_headers().get_one("X-User"),
        "body": body.decode().strip(),
    }
    print(json.dumps(result), flush=True)
