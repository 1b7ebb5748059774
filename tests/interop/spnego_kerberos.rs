//! Clients that have a ticket of Kerberos, and offer Kerberos before NTLM. Our server has no Kerberos,
//! so that they log in with NTLM, and says which mechanism they prefer.

use ntlm::crypto::Side;
use ntlm::spnego::{Error, Established, Initiator, Mechanism, NegState, Token, TokenKind};
use ntlm_interop::bridge::Bridge;
use ntlm_interop::exchange::Refusal;
use ntlm_interop::identities::{self, Identity};
use ntlm_interop::kerberos::{NO_REALM, Realm, SERVICE};
use ntlm_interop::messages::{Abilities, converse};
use ntlm_interop::modes;
use ntlm_interop::negotiations::assert_is_wrong;
use ntlm_interop::programs::{python, system_python};
use ntlm_interop::scratch::Directory;
use ntlm_interop::spnego::{Carrier, NTLM, change_response, describe, init};
use serde_json::{Value, json};

#[test]
fn mit_kerberos_logs_in_with_ntlm_and_both_sign_the_list() {
    logs_in_and_both_sign_the_list(mit_kerberos(), "[Kerberos, Ntlm]");
}

#[test]
fn pyspnego_logs_in_with_ntlm_and_both_sign_the_list() {
    logs_in_and_both_sign_the_list(pyspnego(), "[Kerberos, Ntlm]");
}

#[test]
fn samba_logs_in_with_ntlm_and_both_sign_the_list() {
    logs_in_and_both_sign_the_list(samba(), "[MsKerberos, Kerberos, Ntlm]");
}

/// The client does not notice: it is told that the server wants the list signed.
#[test]
fn a_list_without_kerberos_is_detected() {
    for client in [mit_kerberos(), pyspnego(), samba()] {
        let (tokens, result) = client.log_in(|side, token| match Token::parse(&token) {
            Ok(Token::Init(_)) => init(&[NTLM], None),
            _ if side == Side::Server => change_response(token, |response| {
                if response.supported_mech.is_some() {
                    response.neg_state = Some(NegState::RequestMic);
                }
            }),
            _ => token,
        });
        assert_is_wrong(&result);
        assert_eq!(tokens[1], "Server: AcceptIncomplete Ntlm");
    }
}

/// A man in the middle removes the request for a signature, and the client's signature. Then our server
/// sends its own and asks for the client's, and does not accept the client without it.
#[test]
fn a_removed_signature_is_asked_for_again() {
    for client in [mit_kerberos(), pyspnego(), samba()] {
        let (tokens, result) = client.log_in(|side, token| {
            change_response(token, |response| match side {
                Side::Server if response.neg_state == Some(NegState::RequestMic) => {
                    response.neg_state = Some(NegState::AcceptIncomplete);
                }
                Side::Server => {}
                Side::Client => response.mech_list_mic = None,
            })
        });
        assert_eq!(tokens[5..], ["Server: AcceptIncomplete mic"]);
        // The client has sent its signature already. MIT Kerberos and pyspnego send nothing more,
        // Samba gives up.
        let nothing = Error::Unexpected(TokenKind::Empty);
        let is_refused = match &result {
            Err(Refusal::OurSpnego(error)) => *error == nothing,
            Err(Refusal::Theirs(why)) => why.contains("An invalid parameter"),
            _ => false,
        };
        assert!(is_refused, "{result:?}");
    }
}

/// The first token is MIT Kerberos'. The server has no key of the service, and chooses NTLM.
#[test]
fn our_client_continues_what_mit_kerberos_began() {
    let mut client = mit_kerberos();
    client.bridge.begin(client.begin.clone()).expect("it begins");
    let first = client.bridge.step(None).expect("it speaks first").token;
    assert_eq!(describe(&first), "[Kerberos, Ntlm] token");

    let mut command = system_python("bridge_gss_ntlmssp.py");
    let users = Directory::new();
    command.env("NTLM_USER_FILE", users.write("users", &identities::user_file()));
    command.env("KRB5_CONFIG", users.write("krb5.conf", NO_REALM));
    let mut server = Bridge::start(command);
    let begin = json!({ "role": "acceptor", "protection": "seal", "spnego": true });
    server.begin(begin).expect("it begins");
    let initiator = Initiator::new(modes::DEFAULT.client(Identity::ALICE.credentials()));
    let state = initiator.continue_after(&first).expect("it offers NTLM");
    let mut carrier = Carrier::new(&mut server);
    let keys = carrier.continue_from((first, state)).expect("it accepts us").keys;
    let expected = [
        "Client: [Kerberos, Ntlm] token",
        "Server: RequestMic Ntlm",
        "Client: AcceptIncomplete token",
        "Server: AcceptIncomplete token",
        "Client: AcceptIncomplete token mic",
        "Server: AcceptCompleted mic",
    ];
    assert_eq!(carrier.tokens, expected);
    drop(carrier);
    let session = keys.into_session().expect("a session");
    converse(&mut server, session, client.abilities).expect("they understand");
}

#[track_caller]
fn logs_in_and_both_sign_the_list(mut client: Client, offer: &str) {
    let (tokens, done) = client.log_in_again(|_, token| token);
    let done = done.unwrap_or_else(|why| panic!("{why:?} after {tokens:#?}"));
    let prefers_kerberos =
        matches!(done.client_preferred, Some(Mechanism::Kerberos | Mechanism::MsKerberos));
    assert!(prefers_kerberos, "{:?}", done.client_preferred);
    let user = done.accepted.user().map(|name| name.user().to_string());
    // Samba sends the user principal name.
    assert!(user.is_some_and(|user| user == "alice" || user == "alice@EXAMPLE.COM"));
    assert_eq!(tokens[0], format!("Client: {offer} token"));
    assert_eq!(tokens[1], "Server: RequestMic Ntlm");
    assert!(tokens[2].ends_with(" token"), "{tokens:#?}");
    assert_eq!(tokens[3], "Server: AcceptIncomplete token");
    assert!(tokens[4].ends_with(" token mic"), "{tokens:#?}");
    assert_eq!(tokens[5..], ["Server: AcceptCompleted mic"]);
    let session = done.accepted.keys.into_session().expect("a session");
    converse(&mut client.bridge, session, client.abilities).expect("they understand");
}

/// A client that has a ticket.
struct Client {
    bridge: Bridge,
    begin: Value,
    abilities: Abilities,
    _realm: Realm,
    _users: Directory,
}

impl Client {
    fn new(script: &str, begin: Value, abilities: Abilities) -> Self {
        let (realm, users) = (Realm::start(), Directory::new());
        let mut command =
            if script == "bridge_pyspnego.py" { python(script) } else { system_python(script) };
        command.env("NTLM_USER_FILE", users.write("users", &identities::user_file()));
        realm.give_ticket(&mut command);
        let bridge = Bridge::start(command);
        Self { bridge, begin, abilities, _realm: realm, _users: users }
    }

    /// Logs in, with this man in the middle. Yields the tokens that were sent.
    fn log_in(
        mut self,
        change: impl FnMut(Side, Vec<u8>) -> Vec<u8>,
    ) -> (Vec<String>, Result<Established, Refusal>) {
        self.log_in_again(change)
    }

    fn log_in_again(
        &mut self,
        change: impl FnMut(Side, Vec<u8>) -> Vec<u8>,
    ) -> (Vec<String>, Result<Established, Refusal>) {
        self.bridge.begin(self.begin.clone()).expect("it begins");
        let mut carrier = Carrier::new(&mut self.bridge).with_change(change);
        let result =
            carrier.let_in(&modes::DEFAULT.server(), &[Identity::ALICE, Identity::PRINCIPAL]);
        (carrier.tokens.clone(), result)
    }
}

fn mit_kerberos() -> Client {
    let begin = json!({
        "role": "initiator",
        "default_credential": true,
        "target": SERVICE,
        "protection": "seal",
        "spnego": true,
    });
    // As without Kerberos.
    let abilities = Abilities { protects_nothing: false, ..Abilities::ALL };
    Client::new("bridge_gss_ntlmssp.py", begin, abilities)
}

fn pyspnego() -> Client {
    let Identity { password, .. } = Identity::ALICE;
    let begin = json!({
        "role": "initiator",
        "user": Identity::ALICE.full_name(),
        "password": password,
        "target": SERVICE,
        "protection": "seal",
        "spnego": true,
        "kerberos": true,
    });
    Client::new("bridge_pyspnego.py", begin, Abilities::ALL)
}

fn samba() -> Client {
    let Identity { user, domain, password } = Identity::ALICE;
    let begin = json!({
        "role": "initiator",
        "user": user,
        "domain": domain,
        "password": password,
        "protection": "seal",
        "spnego": true,
        "kerberos": true,
    });
    Client::new("bridge_samba_gensec.py", begin, Abilities::ALL)
}
