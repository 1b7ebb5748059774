//! Why the protocol allows what is possible, and what helps.

pub(crate) const NAMES: &str = "\
    An NTLMv2 or LMv2 response covers the user and the domain, so that no more than their case \
    can change, and it is the same user. An NTLMv1 response covers neither: it lets in any user \
    who has the same password. The workstation is covered by the MIC alone. What helps: no \
    NTLMv1, and `require_mic`.";

pub(crate) const BORDER: &str = "\
    An NTLMv2 or LMv2 response covers the user in upper case followed by the domain, as one string \
    without a border: user `app` of domain `LEGACY` has the same response as user `appl` of domain \
    `EGACY`, and as user `appLEGACY` of any domain, since a response may cover none. An NTLMv1 \
    response covers neither name. What helps: `require_mic`, and `UserClaim::with_account`, which \
    accepts the account that was looked up instead of the name that was sent.";

pub(crate) const LENGTHS: &str = "\
    They decide what is read as a name or as a key, and are covered as little as the name or the \
    key itself. What helps: `require_mic`.";

pub(crate) const KEY: &str = "\
    A session key that protects no messages here can be changed on the way; a protocol that uses \
    it for messages of its own notices. What helps: `require_mic`.";

pub(crate) const PROTECTION: &str = "\
    Without a MIC nobody notices flags that are cleared or set on the way, so that the server \
    may believe that its client did not ask for protection, and take messages in clear. Our \
    client insists on what it asked for. What helps: SIGN or SEAL in `SharedPolicy::require`, \
    and `require_mic`.";

pub(crate) const STRENGTH: &str = "\
    Without a MIC both sides can be talked down to the weakest that their policies let pass, or \
    up to the strongest. What helps: the flags in `require` and `require_when_protected` of \
    either side, and `require_mic`.";

pub(crate) const UNTRUSTED: &str = "\
    A client that repeats the `MsvAvFlags` of the CHALLENGE can be made to say that it does not \
    trust the SPN that it sends, which then counts as none. Our client does not repeat \
    them. What helps: `require_mic`.";

pub(crate) const REPEATED: &str = "\
    A client that sends no MIC and repeats the server's `TargetInfo` as it came, such as curl, \
    also repeats the server's own channel bindings and SPN, if whoever relays it put \
    them there: neither is secret. To require both then proves nothing. Our client says its own, \
    and its MIC shows the change. What helps: `require_mic`.";

pub(crate) const REPLAY: &str = "\
    Anonymous clients prove nothing, so that there is nothing that could not be sent again. What \
    helps: the default, which lets none in.";

pub(crate) const TWICE: &str = "\
    An answer uses up the state that waits for it, and another one does not compile. Where the \
    application keeps the challenge elsewhere (`Server::resume`, `Server::import`) it alone \
    knows whether there was an answer. What helps: to keep each one for one answer only.";

pub(crate) const LATE: &str = "\
    The default gives an answer 36 hours, as Windows did. What helps: `max_challenge_age` and \
    `max_time_difference`, which are five minutes in the strict policy.";

pub(crate) const RELAY: &str = "\
    The response does not say whom it is meant for: because the client was given nothing to say, \
    or because there is no room for it, as in NTLMv1, LMv2 and anonymous exchanges. What helps: \
    to give each client its target and its channel, and to require both (`channel_bindings`, \
    `target_name`); outside TLS, to require SIGN or SEAL, since whoever relays has no key.";

pub(crate) const NO_BINDINGS: &str = "\
    A server that was not given the bindings of its TLS connection has nothing to compare with, so \
    by default it does not check the client's. What helps: `Server::with_channel_bindings` wherever \
    there is TLS, and `Enforcement::Required`, with which a server without bindings begins no \
    handshake.";

pub(crate) const LINEAR: &str = "\
    Without extended session security the signature is a CRC32, encrypted with RC4. Both are \
    linear, so an attacker can flip bits of a sealed message and the bits of the checksum that go \
    with them, without a key and without knowing the message. What helps: both policies, which \
    demand extended session security where messages are protected.";

pub(crate) const DATAGRAM: &str = "\
    Datagrams are lost, doubled and reordered without anybody's doing. What helps: an \
    application that numbers them and refuses the numbers that it has seen.";

pub(crate) const SENT_BACK: &str = "\
    Without extended session security both directions have the same key. What helps: both \
    policies, which demand it where messages are protected.";

#[cfg(feature = "spnego")]
pub(crate) const LIST: &str = "\
    The AUTHENTICATE has no MIC, so the server cannot know that the client sent a `mechListMIC`, and \
    does not demand one of a client that seems to prefer NTLM. The server accepts the client, whose \
    password is right, but does not learn that the client prefers Kerberos. What helps: \
    `require_mic`. A client that waits for the server's `mechListMIC` notices the attack then.";

#[cfg(feature = "spnego")]
pub(crate) const BARE: &str = "\
    A server that also takes NTLM without SPNEGO does not see the list of mechanisms. It accepts the \
    client, whose password is right, but does not learn that the client prefers Kerberos. What \
    helps: the default, which takes SPNEGO only. A client that waits for the server's `mechListMIC` \
    notices the attack then.";
