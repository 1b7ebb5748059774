//! SPNEGO over HTTP, both sides in memory: `Negotiate` with wrapped tokens.

#![cfg(all(feature = "http", feature = "spnego"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use ntlm::error::Denied;
use ntlm::http::{
    AuthHeader, Authenticated, ClientConnection, Error, HttpVersion, Next, Outcome, Refusal,
    RequestBody, RequestHeader, Scheme, ServerConnection, Step, header_value,
};
use ntlm::server::Names;
use ntlm::session::Protection;
use ntlm::spnego::{self, Mechanism, MicError, NegState, Token, TokenKind};
use ntlm::{Client, Credentials, LmCompatibility, NtHash, Server, Session};
use ntlm_testkit::peers::{PASSWORD, USER};
use ntlm_testkit::spnego::{Init, KERBEROS, NTLM, Resp};
use ntlm_testkit::{Fixed, accept};

fn client_with(password: &str) -> ClientConnection {
    let client = Client::new(Credentials::password(USER, password));
    ClientConnection::new(client.with_protection(Protection::Seal)).with_spnego()
}

fn client() -> ClientConnection {
    client_with(PASSWORD)
}

fn server() -> ServerConnection {
    let server = Server::new(Names::member("WEB", "EXAMPLE"));
    ServerConnection::new(server).with_schemes([Scheme::Negotiate])
}

/// The result for a request with this value, from a server that knows one password.
fn outcome<'a>(server: &'a mut ServerConnection, value: &str) -> Outcome<'a> {
    let headers = [("Authorization", value)];
    match server.on_request(HttpVersion::Http11, headers, &mut Fixed::default()) {
        Step::LookUp(look_up) => {
            let hash = NtHash::from_password(PASSWORD);
            look_up.verify(|claim| claim.verify_nt_hash(&hash))
        }
        Step::Outcome(outcome) => outcome,
    }
}

/// The value of the 401 response with which the handshake continues.
fn continued(server: &mut ServerConnection, value: &str) -> String {
    match outcome(server, value) {
        Outcome::Continue(mut reply) => {
            assert_eq!((reply.status, reply.values.len()), (401, 1));
            reply.values.remove(0)
        }
        outcome => panic!("{outcome:?}"),
    }
}

fn refused(server: &mut ServerConnection, value: &str) -> Refusal {
    match outcome(server, value) {
        Outcome::Refused(refusal) => refusal,
        outcome => panic!("{outcome:?}"),
    }
}

fn accepted<'a>(server: &'a mut ServerConnection, value: &str) -> Authenticated<'a> {
    match outcome(server, value) {
        Outcome::Authenticated(client) => client,
        outcome => panic!("{outcome:?}"),
    }
}

fn next(client: &mut ClientConnection, status: u16, values: &[&str]) -> Result<Next, Error> {
    let headers = values.iter().map(|value| ("WWW-Authenticate", *value));
    client.on_response(status, HttpVersion::Http11, headers, &mut Fixed::default())
}

fn sent(next: Result<Next, Error>) -> RequestHeader {
    match next {
        Ok(Next::Send(header)) => header,
        next => panic!("{next:?}"),
    }
}

/// The token of a header.
fn token(value: &str) -> Vec<u8> {
    AuthHeader::credentials(&value).unwrap().token().unwrap()
}

fn kind(value: &str) -> TokenKind {
    Token::parse(&token(value)).unwrap().kind()
}

/// A `NegTokenResp` with these fields.
fn response(state: u8, message: &[u8], mic: &[u8]) -> String {
    let field = |bytes: &[u8]| Some(bytes.to_vec()).filter(|bytes| !bytes.is_empty());
    let (token, mic) = (field(message), field(mic));
    let resp = Resp { neg_state: Some(state), token, mic, ..Resp::default() };
    header_value(Scheme::Negotiate, &resp.der())
}

/// The value with the AUTHENTICATE, and both sides, which wait for the next message.
fn up_to_authenticate() -> (ClientConnection, ServerConnection, String) {
    let (mut client, mut server) = (client(), server());
    let negotiate = client.start(Scheme::Negotiate).unwrap();
    let challenge = continued(&mut server, &negotiate.value);
    let authenticate = sent(next(&mut client, 401, &[&challenge]));
    (client, server, authenticate.value)
}

#[test]
fn login_wraps_each_message_and_ends_with_a_token_in_the_answer() {
    let (mut client, mut server) = (client(), server());
    let negotiate = sent(next(&mut client, 401, &["Negotiate"]));
    assert_eq!((kind(&negotiate.value), negotiate.body), (TokenKind::Init, RequestBody::Omit));
    let challenge = continued(&mut server, &negotiate.value);
    assert_eq!(kind(&challenge), TokenKind::Response);
    let authenticate = sent(next(&mut client, 401, &[&challenge]));
    assert_eq!(
        (kind(&authenticate.value), authenticate.body),
        (TokenKind::Response, RequestBody::Send)
    );

    let login = accepted(&mut server, &authenticate.value);
    assert!(login.is_new && login.accepted.mic_checked && login.client_preferred.is_none());
    let last = login.header.unwrap();
    assert_eq!(last.name, "WWW-Authenticate");
    assert!(!format!("{last:?}").contains(&last.value));
    assert!(!client.is_authenticated());
    assert_eq!(next(&mut client, 200, &[&last.value]), Ok(Next::Authenticated));
    assert!(client.is_authenticated());

    // Both sides start with sequence number 1, because the signatures of the list used number 0.
    let mut client_side = client.take_keys().unwrap().into_session().unwrap();
    let mut server_side = server.take_keys().unwrap().into_session().unwrap();
    let sealed = client_side.wrap(b"envelope").unwrap();
    assert_eq!(sealed[12..16], [1, 0, 0, 0]);
    assert_eq!(server_side.unwrap(&sealed).unwrap(), b"envelope");
    let sealed = server_side.wrap(b"answer").unwrap();
    assert_eq!(sealed[12..16], [1, 0, 0, 0]);
    assert_eq!(client_side.unwrap(&sealed).unwrap(), b"answer");

    // The connection is authenticated, and later answers have no such header.
    let nothing: [(&str, &str); 0] = [];
    match server.on_request(HttpVersion::Http11, nothing, &mut Fixed::default()) {
        Step::Outcome(Outcome::Authenticated(client)) => {
            assert!(!client.is_new && client.header.is_none());
        }
        step => panic!("{step:?}"),
    }
}

/// Keycloak and others drop the last token.
#[test]
fn answer_without_the_last_token_is_accepted() {
    let (mut client, mut server, authenticate) = up_to_authenticate();
    let _ = accepted(&mut server, &authenticate);
    assert_eq!(
        next(&mut client, 200, &["Basic realm=\"x\"", "Negotiate"]),
        Ok(Next::Authenticated)
    );
    // The server has made its signature in spite of that, so its first message has number 1.
    let mut client_side = client.take_keys().unwrap().into_session().unwrap();
    let mut server_side = server.take_keys().unwrap().into_session().unwrap();
    assert_eq!(client_side.unwrap(&server_side.wrap(b"answer").unwrap()).unwrap(), b"answer");
}

#[test]
fn last_token_must_be_valid_if_present() {
    for (value, error) in [
        (response(0, &[], &[]), MicError::Missing.into()),
        (response(0, &[], &[1; 16]), MicError::Wrong.into()),
        (response(1, &[], &[]), spnego::Error::NothingToSend),
        (response(2, &[], &[]), spnego::Error::Rejected),
        (response(0, b"NTLMSSP\0", &[]), spnego::Error::UnexpectedMessage),
    ] {
        let (mut client, ..) = up_to_authenticate();
        assert_eq!(next(&mut client, 200, &[&value]), Err(Error::Spnego(error)));
        assert!(!client.is_authenticated() && client.take_keys().is_none());
    }
    let (mut client, _, authenticate) = up_to_authenticate();
    // The client's own token is sent back to it.
    assert!(next(&mut client, 200, &[&authenticate]).is_err());
}

#[test]
fn other_statuses_end_the_login_or_do_not_belong_to_it() {
    let (mut client, _, _) = up_to_authenticate();
    assert_eq!(next(&mut client, 100, &[]), Ok(Next::Answered));
    assert_eq!(next(&mut client, 401, &["Negotiate"]), Ok(Next::Rejected));
    assert_eq!(next(&mut client, 401, &["Negotiate"]), Ok(Next::Rejected));

    for value in [response(2, &[], &[]), "Negotiate realm=\"x\"".into(), "Negotiate !".into()] {
        let (mut client, _, _) = up_to_authenticate();
        assert_eq!(next(&mut client, 401, &[&value]), Ok(Next::Rejected), "{value}");
    }
    // A proxy that asks for a login did not forward the AUTHENTICATE.
    let (mut client, _, _) = up_to_authenticate();
    assert_eq!(next(&mut client, 407, &["Negotiate"]), Ok(Next::Answered));
    assert!(!client.is_authenticated());
}

#[test]
fn challenge_in_answer_to_the_authenticate_came_on_another_connection() {
    let (mut client, _, _) = up_to_authenticate();
    let mut other = server();
    let negotiate = self::client().start(Scheme::Negotiate).unwrap();
    let challenge = continued(&mut other, &negotiate.value);
    assert_eq!(next(&mut client, 401, &[&challenge]), Err(Error::OtherConnection));
}

#[test]
fn wrong_password_gets_the_reply_of_a_first_request() {
    let (mut client, mut server) = (client_with("battery staple"), server());
    let negotiate = client.start(Scheme::Negotiate).unwrap();
    let challenge = continued(&mut server, &negotiate.value);
    let authenticate = sent(next(&mut client, 401, &[&challenge]));
    let refusal = refused(&mut server, &authenticate.value);
    assert_eq!(refusal.reason, Error::Exchange(Denied::WrongPassword.into()));
    assert_eq!(refusal.claimed.unwrap().user.unwrap().to_string(), "EXAMPLE\\alice");
    assert_eq!(
        (refusal.reply.status, &*refusal.reply.values),
        (401, &["Negotiate".to_owned()][..])
    );
    assert_eq!(next(&mut client, 401, &["Negotiate"]), Ok(Next::Rejected));
}

/// Windows and Samba ask a client that omitted its signature for it, with a token in one more 401
/// response.
#[test]
fn missing_mech_list_mic_is_requested_in_one_more_401() {
    let (_, mut server, authenticate) = up_to_authenticate();
    let authenticate = token(&authenticate);
    let Ok(Token::Response(parsed)) = Token::parse(&authenticate) else { panic!("no response") };
    let (message, mic) = (parsed.response_token.unwrap(), parsed.mech_list_mic.unwrap());
    let asked = continued(&mut server, &response(1, message, &[]));
    let asked = token(&asked);
    match Token::parse(&asked).unwrap() {
        Token::Response(asked) => {
            assert_eq!(asked.neg_state, Some(NegState::AcceptIncomplete));
            assert!(asked.mech_list_mic.is_some() && asked.response_token.is_none());
        }
        token => panic!("{token:?}"),
    }
    assert!(server.accepted().is_none());
    let login = accepted(&mut server, &response(1, &[], mic));
    assert!(login.is_new && login.accepted.user().is_some());
    let last = token(&login.header.unwrap().value);
    assert!(matches!(Token::parse(&last), Ok(Token::Response(last))
        if last.neg_state == Some(NegState::AcceptCompleted) && last.mech_list_mic.is_none()));
}

/// The client is not authenticated until its signature arrives, which must be in the next request.
#[test]
fn client_is_not_authenticated_while_its_mech_list_mic_is_due() {
    let waiting = || {
        let (_, mut server, authenticate) = up_to_authenticate();
        let authenticate = token(&authenticate);
        let Ok(Token::Response(parsed)) = Token::parse(&authenticate) else {
            panic!("no response")
        };
        let _ = continued(&mut server, &response(1, parsed.response_token.unwrap(), &[]));
        (server, parsed.mech_list_mic.unwrap().to_vec())
    };
    let (mut server, mic) = waiting();
    let nothing: [(&str, &str); 0] = [];
    let step = server.on_request(HttpVersion::Http11, nothing, &mut Fixed::default());
    assert!(matches!(step, Step::Outcome(Outcome::Continue(_))), "{step:?}");
    assert!(server.take_keys().is_none());
    let refusal = refused(&mut server, &response(1, &[], &mic));
    assert_eq!(refusal.reason, Error::NoPendingChallenge);

    let (mut server, mut mic) = waiting();
    mic[5] ^= 1;
    let refusal = refused(&mut server, &response(1, &[], &mic));
    assert_eq!(refusal.reason, Error::Spnego(MicError::Wrong.into()));
    assert!(server.accepted().is_none());
    let (mut server, _) = waiting();
    let refusal = refused(&mut server, &response(1, &[], &[]));
    assert_eq!(refusal.reason, Error::Spnego(MicError::Missing.into()));
}

/// The client answers such a request once. In this handshake it does not sign on its own, because
/// an NTLM2 session response has no MIC.
#[test]
fn client_signs_the_list_on_request() {
    let mut policy = ntlm::client::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    let client = Client::new(Credentials::password(USER, PASSWORD)).with_policy(policy);
    let mut client = ClientConnection::new(client).with_spnego();
    let negotiate = token(&client.start(Scheme::Negotiate).unwrap().value);
    let Ok(Token::Init(init)) = Token::parse(&negotiate) else { panic!("no NegTokenInit") };
    let mut policy = ntlm::server::Policy::default();
    policy.shared.lm_compatibility = LmCompatibility::SendNtlm;
    let server = Server::new(Names::member("WEB", "EXAMPLE")).with_policy(policy);
    let challenged = server.challenge(init.mech_token.unwrap(), &mut Fixed::default());
    let (challenge, handshake) = challenged.unwrap();
    let authenticate = sent(next(&mut client, 401, &[&response(1, &challenge, &[])]));
    let authenticate = token(&authenticate.value);
    let Ok(Token::Response(parsed)) = Token::parse(&authenticate) else { panic!("no response") };
    assert!(parsed.mech_list_mic.is_none());
    let claim = handshake.read(parsed.response_token.unwrap(), &mut Fixed::default()).unwrap();
    let keys = accept(claim, PASSWORD).unwrap().keys;
    let mut session =
        Session::new(keys.flags(), keys.exported_session_key(), ntlm::crypto::Side::Server);
    let list = init.mech_types.as_bytes();
    let mic = session.mech_list_mic(list).unwrap();
    let asked = response(1, &[], mic.as_bytes());
    let answer = sent(next(&mut client, 401, &[&asked]));
    assert_eq!(answer.body, RequestBody::Send);
    let answer = token(&answer.value);
    let Ok(Token::Response(answer)) = Token::parse(&answer) else { panic!("no response") };
    let theirs = answer.mech_list_mic.unwrap();
    session.verify_mech_list_mic(list, &theirs.try_into().unwrap()).unwrap();
    assert_eq!(next(&mut client, 200, &[&response(0, &[], &[])]), Ok(Next::Authenticated));
    assert_eq!(
        client.take_keys().unwrap().into_session().unwrap().sign(b"").unwrap().sequence(),
        1
    );
}

#[test]
fn first_token_decides_whether_messages_are_wrapped() {
    // Bare messages under `Negotiate`, which browsers and Windows send.
    let mut server = server();
    let mut bare = ClientConnection::new(Client::new(Credentials::password("alice", PASSWORD)));
    let negotiate = bare.start(Scheme::Negotiate).unwrap();
    assert_eq!(kind(&negotiate.value), TokenKind::Ntlm);
    let challenge = continued(&mut server, &negotiate.value);
    assert_eq!(kind(&challenge), TokenKind::Ntlm);
    let authenticate = sent(next(&mut bare, 401, &[&challenge])).value;
    assert!(accepted(&mut server, &authenticate).header.is_none());
    assert_eq!(next(&mut bare, 200, &[]), Ok(Next::Authenticated));

    // A bare AUTHENTICATE in the middle of SPNEGO would remove the signature of the list.
    let (_, mut server, wrapped) = up_to_authenticate();
    let wrapped = token(&wrapped);
    let Ok(Token::Response(parsed)) = Token::parse(&wrapped) else { panic!("no response") };
    let bare = header_value(Scheme::Negotiate, parsed.response_token.unwrap());
    assert_eq!(refused(&mut server, &bare).reason, Error::NoPendingChallenge);
    // A wrapped message after a bare start.
    let mut server = self::server();
    let _ = continued(&mut server, &negotiate.value);
    let wrapped = header_value(Scheme::Negotiate, &wrapped);
    assert_eq!(refused(&mut server, &wrapped).reason, Error::NoPendingChallenge);
    // A client that sent SPNEGO does not accept a bare CHALLENGE.
    let mut wrapping = client();
    let _ = wrapping.start(Scheme::Negotiate).unwrap();
    let error = spnego::Error::Unexpected(TokenKind::Ntlm);
    assert_eq!(next(&mut wrapping, 401, &[&challenge]), Err(Error::Spnego(error)));
}

#[test]
fn scheme_ntlm_carries_bare_messages() {
    let mut client = client();
    let negotiate = sent(next(&mut client, 401, &["Negotiate", "NTLM"]));
    assert!(negotiate.value.starts_with("NTLM TlRMTVNTUAAB"), "{}", negotiate.value);
    let mut server = server().with_schemes([Scheme::Ntlm]);
    let wrapped = self::client().start(Scheme::Negotiate).unwrap().value;
    let wrapped = wrapped.replacen("Negotiate", "NTLM", 1);
    assert_eq!(refused(&mut server, &wrapped).reason, Error::NotBare);
}

#[test]
fn proxy_uses_status_407_and_proxy_headers() {
    let mut client =
        ClientConnection::for_proxy(Client::new(Credentials::password("alice", PASSWORD)));
    client = client.with_spnego();
    let server = Server::new(Names::standalone("PROXY"));
    let mut proxy = ServerConnection::for_proxy(server).with_schemes([Scheme::Negotiate]);
    let mut header = client.start(Scheme::Negotiate).unwrap();
    for _ in 0..2 {
        assert_eq!(header.name, "Proxy-Authorization");
        let headers = [(header.name, &header.value)];
        let outcome = match proxy.on_request(HttpVersion::Http11, headers, &mut Fixed::default()) {
            Step::LookUp(user) => user.verify(|claim| claim.verify_password(PASSWORD)),
            Step::Outcome(outcome) => outcome,
        };
        let (status, headers) = match outcome {
            Outcome::Continue(reply) => (reply.status, vec![(reply.name, reply.values[0].clone())]),
            Outcome::Authenticated(client) => {
                let last = client.header.unwrap();
                (200, vec![(last.name, last.value)])
            }
            Outcome::Refused(refusal) => panic!("{refusal:?}"),
        };
        assert_eq!(headers[0].0, "Proxy-Authenticate");
        match client.on_response(status, HttpVersion::Http11, headers, &mut Fixed::default()) {
            Ok(Next::Send(next)) => header = next,
            next => assert_eq!(next, Ok(Next::Authenticated)),
        }
    }
    assert!(client.is_authenticated());
}

#[test]
fn connection_that_closes_cannot_carry_another_token() {
    let (_, mut server, authenticate) = up_to_authenticate();
    let authenticate = token(&authenticate);
    let Ok(Token::Response(parsed)) = Token::parse(&authenticate) else { panic!("no response") };
    let value = response(1, parsed.response_token.unwrap(), &[]);
    let headers = [("Connection", "close"), ("Authorization", &value)];
    let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    let Step::LookUp(user) = step else { panic!("{step:?}") };
    let outcome = user.verify(|claim| claim.verify_password(PASSWORD));
    assert!(
        matches!(outcome, Outcome::Refused(refusal) if refusal.reason == Error::ConnectionCloses)
    );

    let (mut client, mut server) = (client(), self::server());
    let negotiate = client.start(Scheme::Negotiate).unwrap().value;
    let headers = [("Connection", "close"), ("Authorization", &negotiate)];
    let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    let Step::Outcome(Outcome::Refused(refusal)) = step else { panic!("{step:?}") };
    assert_eq!((refusal.reason, refusal.reply.status), (Error::ConnectionCloses, 400));
}

/// A client with a Kerberos ticket, such as curl: its token is dropped, and the list is signed.
#[test]
fn client_that_prefers_kerberos_is_asked_for_ntlm() {
    let first = Init::plain(&[KERBEROS, NTLM], Some(b"AP-REQ")).der();
    let mut server = server();
    let chosen = continued(&mut server, &header_value(Scheme::Negotiate, &first));

    let client = Client::new(Credentials::password(USER, PASSWORD));
    let mut client = spnego::Initiator::new(client).continue_after(&first).unwrap();
    let mut reply = chosen;
    for _ in 0..2 {
        let read = client.read(&token(&reply), &mut Fixed::default()).unwrap();
        let spnego::Initiated::Send(token, next) = read else { panic!("{read:?}") };
        client = next;
        let value = header_value(Scheme::Negotiate, &token);
        match outcome(&mut server, &value) {
            Outcome::Continue(mut answer) => reply = answer.values.remove(0),
            Outcome::Authenticated(login) => {
                assert_eq!(login.client_preferred, Some(Mechanism::Kerberos));
                reply = login.header.unwrap().value;
            }
            outcome => panic!("{outcome:?}"),
        }
    }
    let read = client.read(&token(&reply), &mut Fixed::default()).unwrap();
    assert!(matches!(read, spnego::Initiated::Done(_)), "{read:?}");
}

#[test]
fn other_mechanisms_are_rejected_by_name() {
    let kerberos = b"\x60\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
    let refusal = refused(&mut server(), &header_value(Scheme::Negotiate, kerberos));
    assert_eq!(refusal.reason, Error::Spnego(spnego::Error::Mechanism(Mechanism::Kerberos)));
    assert_eq!(refusal.reply.values, ["Negotiate"]);
    let refusal = refused(&mut server(), &header_value(Scheme::Negotiate, b"\x60\x03"));
    assert!(matches!(refusal.reason, Error::Spnego(spnego::Error::Token(_))), "{refusal:?}");
}
