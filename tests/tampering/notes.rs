//! Why the protocol allows an attack, and which setting stops it.

pub(crate) const NAMES: &str = "\
    An NTLMv2 or LMv2 response covers the user and the domain, so that no more than their case \
    can change, and it is the same user. An NTLMv1 response covers neither, so it is valid for any user \
    with the same password. Only the MIC covers the workstation. To stop it: no NTLMv1, and \
    `require_mic`.";

pub(crate) const BORDER: &str = "\
    An NTLMv2 or LMv2 response covers the user in upper case followed by the domain, as one string \
    without a border: user `app` of domain `LEGACY` has the same response as user `appl` of domain \
    `EGACY`, and as user `appLEGACY` of any domain, because a response may cover none. An NTLMv1 \
    response covers neither name. To stop it: `require_mic`, and `UserClaim::with_account`, which \
    accepts the account that was looked up instead of the name that was sent.";

pub(crate) const LENGTHS: &str = "\
    Lengths and offsets decide which bytes are read as a name or as a key. Only the MIC covers \
    them. To stop it: `require_mic`.";

pub(crate) const KEY: &str = "\
    The man in the middle can change a session key that protects no NTLM messages. A protocol that uses \
    the key for its own messages detects the change. To stop it: `require_mic`.";

pub(crate) const PROTECTION: &str = "\
    Without a MIC, flags that the man in the middle clears or sets are not detected. The server then \
    concludes that the client did not ask for protection, and accepts unprotected messages. This crate's \
    client requires the protection that it asked for. To stop it: SIGN or SEAL in \
    `SharedPolicy::require`, and `require_mic`.";

pub(crate) const STRENGTH: &str = "\
    Without a MIC, the man in the middle can make both sides use the weakest strength that their policies \
    allow, or the strongest. To stop it: the flags in `require` and `require_when_protected` of \
    either side, and `require_mic`.";

pub(crate) const UNTRUSTED: &str = "\
    A client that repeats the `MsvAvFlags` of the CHALLENGE can be made to mark its SPN as unverified, \
    which then counts as none. This crate's client does not repeat them. To stop it: `require_mic`.";

pub(crate) const REPEATED: &str = "\
    A client that sends no MIC and repeats the server's `TargetInfo` as it came, such as curl, \
    also repeats the server's own channel bindings and SPN if a relay put them there; neither is secret. \
    So requiring both proves nothing for such clients. This crate's client sends its own, and its MIC \
    shows the change. To stop it: `require_mic`.";

pub(crate) const REPLAY: &str = "\
    Anonymous clients have no secret, so nothing protects their messages against a replay. To \
    stop it: the default, which rejects anonymous clients.";

pub(crate) const TWICE: &str = "\
    Reading an answer consumes the state that waits for it, so a second answer does not compile. Where the \
    application stores the challenge (`Server::resume`, `Server::import`), only the application knows \
    whether it was answered. To stop it: answer each stored challenge once.";

pub(crate) const LATE: &str = "\
    The default accepts an answer for 36 hours, as Windows did. To stop it: `max_challenge_age` and \
    `max_time_difference`, which are five minutes in the strict policy.";

pub(crate) const RELAY: &str = "\
    The response does not name the server that it is meant for: the client was given neither an SPN nor \
    channel bindings, or the response has no place for them, as in NTLMv1, LMv2 and anonymous handshakes. \
    To stop it: give each client its SPN and channel bindings, and require both (`spn`, \
    `channel_bindings`); outside TLS, require SIGN or SEAL, because a relay does not have the key.";

pub(crate) const NO_BINDINGS: &str = "\
    A server that was not given the bindings of its TLS connection has nothing to compare with, so \
    by default it does not check the client's. To stop it: `Server::with_channel_bindings` wherever \
    there is TLS, and `Enforcement::Required`, with which a server without bindings begins no \
    handshake.";

pub(crate) const LINEAR: &str = "\
    Without extended session security the signature is a CRC32, encrypted with RC4. Both are \
    linear, so an attacker can flip bits of a sealed message and the corresponding bits of the \
    checksum, without a key and without knowing the message. To stop it: both policies, which \
    require extended session security if messages are protected.";

pub(crate) const DATAGRAM: &str = "\
    Networks lose, repeat and reorder datagrams even without an attack. To stop it: the application numbers the \
    datagrams, and rejects numbers that it has seen.";

pub(crate) const SENT_BACK: &str = "\
    Without extended session security both directions have the same key. To stop it: both \
    policies, which require extended session security if messages are protected.";

#[cfg(feature = "spnego")]
pub(crate) const LIST: &str = "\
    The AUTHENTICATE has no MIC, so the server cannot know that the client sent a `mechListMIC`, and \
    does not require one from a client that seems to prefer NTLM. The server accepts the client, whose \
    password is right, but does not learn that the client prefers Kerberos. To stop it: \
    `require_mic`. A client that waits for the server's `mechListMIC` detects the attack afterwards.";

#[cfg(feature = "spnego")]
pub(crate) const BARE: &str = "\
    A server that also accepts NTLM without SPNEGO does not see the list of mechanisms. It accepts the \
    client, whose password is right, but does not learn that the client prefers Kerberos. To \
    stop it: the default, which accepts SPNEGO only. A client that waits for the server's `mechListMIC` \
    detects the attack afterwards.";
