"""What all bridges share: JSON in, JSON out, one line each.

A bridge gives a class whose objects are contexts of one implementation. `begin` makes one, and the
other operations are its methods; what comes after the operation's name are their arguments.
Whatever a method raises is the answer's `error`: the implementation refused.
"""

import hashlib
import json
import os
import sys


def serve(name, load):
    """Serves the class that `load` returns, after it has found what the bridge needs."""
    try:
        context_class = load()
    except Exception as error:  # A library or a module that is not there.
        sys.exit(f"{name} is missing ({error}): run `tests/interop/install`")
    print("ready", flush=True)
    context = None
    for line in sys.stdin:
        arguments = json.loads(line)
        operation = arguments.pop("operation")
        try:
            if operation == "begin":
                set_environment(arguments.pop("environment", {}))
                context = context_class(**arguments)
                answer = {}
            else:
                answer = getattr(context, operation)(**arguments) or {}
        except Exception as error:  # Each implementation has its own.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def set_environment(variables):
    """Sets variables, and unsets those that are null: some libraries are configured so."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = str(value)


def from_hex(digits):
    return None if digits is None else bytes.fromhex(digits)


def result(content):
    return {"bytes": bytes(content).hex()}


def channel_bindings_md5(application_data):
    """The hash of a `gss_channel_bindings_struct` without addresses."""
    content = bytes.fromhex(application_data)
    return hashlib.md5(bytes(16) + len(content).to_bytes(4, "little") + content).digest()
