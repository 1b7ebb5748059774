"""Samba's own client of DCE/RPC: asks the endpoint mapper for its first entry.

Its arguments are a binding, as `ncacn_ip_tcp:127.0.0.1[135,seal]`, and a user, domain and password.
"""

import sys


def main(binding, user, domain, password):
    try:
        from samba import credentials, param
        from samba.dcerpc import epmapper, misc
    except ImportError as error:
        sys.exit(f"Samba's module for Python is missing ({error}): run `tests/interop/install`")
    parameters = param.LoadParm()
    own = credentials.Credentials()
    own.guess(parameters)
    own.set_kerberos_state(credentials.DONT_USE_KERBEROS)
    own.set_username(user)
    own.set_domain(domain)
    own.set_password(password)
    mapper = epmapper.epmapper(binding, parameters, own)
    everything = 0
    answer = mapper.epm_Lookup(everything, None, None, 1, misc.policy_handle(), 100)
    print([entry.annotation for entry in answer[1]])


main(*sys.argv[1:])
