//! Both sides of an HTTP connection, in memory.

#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use ntlm::error::{Denied, Refused, Rejection, Unexpected};
use ntlm::http::{
    AuthHeader, Authenticated, ClientConnection, Error, HttpVersion, LookUp, Next, NextConnection,
    Outcome, Refusal, RequestBody, RequestHeader, Scheme, ServerConnection, Step, header_value,
};
use ntlm::server::{self, Names};
use ntlm::session::Protection;
use ntlm::wire::{ErrorKind, NegotiateFlags};
use ntlm::{
    ChannelBindings, Client, Credentials, Enforcement, FileTime, LmCompatibility, NtHash, Server,
    client,
};
use ntlm_testkit::peers::USER;
use ntlm_testkit::{Fixed, NOW};

/// A text that occurs in no field name, so that a search of printed values finds only the password.
const PASSWORD: &str = "correct horse";

/// A response as the client sees it.
type Response = (u16, Vec<(&'static str, String)>);

fn client(password: &str) -> ClientConnection {
    ClientConnection::new(Client::new(Credentials::password(USER, password)))
}

fn server() -> ServerConnection {
    ServerConnection::new(Server::new(Names::member("WEB", "EXAMPLE")))
}

/// The server's answer to a request with these headers: 200 with the user, or its reply.
fn answer(server: &mut ServerConnection, headers: &[(&str, &str)]) -> Result<Response, Error> {
    match outcome(server, headers) {
        Outcome::Continue(reply) => {
            Ok((reply.status, reply.values.into_iter().map(|value| (reply.name, value)).collect()))
        }
        Outcome::Authenticated(Authenticated { accepted, header, .. }) => {
            let user = accepted.user().as_ref().map_or("nobody".into(), ToString::to_string);
            let last_token = header.map(|header| (header.name, header.value));
            Ok((200, [("X-User", user)].into_iter().chain(last_token).collect()))
        }
        Outcome::Refused(refusal) => Err(refusal.reason),
    }
}

/// The result for a request with these headers, from a server that knows one password.
fn outcome<'a>(server: &'a mut ServerConnection, headers: &[(&str, &str)]) -> Outcome<'a> {
    let headers = headers.iter().copied();
    match server.on_request(HttpVersion::Http11, headers, &mut Fixed::default()) {
        Step::LookUp(look_up) => {
            let hash = NtHash::from_password(PASSWORD);
            look_up.verify(|claim| claim.verify_nt_hash(&hash))
        }
        Step::Outcome(outcome) => outcome,
    }
}

/// The refusal of a request with these headers.
fn refused(server: &mut ServerConnection, headers: &[(&str, &str)]) -> Refusal {
    refusal(outcome(server, headers))
}

fn refusal(outcome: Outcome<'_>) -> Refusal {
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    refusal
}

fn next(client: &mut ClientConnection, (status, headers): Response) -> Result<Next, Error> {
    client.on_response(status, HttpVersion::Http11, headers, &mut Fixed::default())
}

fn header(next: Next) -> RequestHeader {
    let Next::Send(header) = next else { panic!("{next:?}") };
    header
}

/// The client's next request, with the header that it needs.
fn send(server: &mut ServerConnection, header: &RequestHeader) -> Result<Response, Error> {
    answer(server, &[(header.name, &header.value)])
}

/// The header with the AUTHENTICATE.
fn up_to_authenticate(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> RequestHeader {
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    let challenge = send(server, &negotiate).unwrap();
    header(next(client, challenge).unwrap())
}

/// Logs in, and returns the last response.
fn log_in(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<Response, Error> {
    let offer = answer(server, &[])?;
    let negotiate = header(next(client, offer)?);
    let challenge = send(server, &negotiate)?;
    send(server, &header(next(client, challenge)?))
}

#[test]
fn client_logs_in_with_three_requests_and_stays_logged_in() {
    let (mut client, mut server) = (client(PASSWORD), server());
    let offer = answer(&mut server, &[("Host", "web")]).unwrap();
    assert_eq!(offer, (401, vec![("WWW-Authenticate", "NTLM".into())]));
    let negotiate = header(next(&mut client, offer).unwrap());
    assert_eq!((negotiate.name, negotiate.body), ("Authorization", RequestBody::Omit));
    assert_eq!(negotiate.connection, NextConnection::Same);

    let challenge = send(&mut server, &negotiate).unwrap();
    assert_eq!(challenge.0, 401);
    assert!(server.accepted().is_none());
    let authenticate = header(next(&mut client, challenge).unwrap());
    assert_eq!(authenticate.body, RequestBody::Send);

    let response = send(&mut server, &authenticate).unwrap();
    assert_eq!(response, (200, vec![("X-User", "EXAMPLE\\alice".into())]));
    assert!(!client.is_authenticated());
    assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
    assert!(client.is_authenticated());
    // Later requests have no header.
    let response = answer(&mut server, &[]).unwrap();
    assert_eq!(response.0, 200);
    assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
    assert!(server.accepted().unwrap().user().is_some());
}

#[test]
fn wrong_password_gets_the_reply_of_a_first_request() {
    let (mut client, mut server) = (client("battery staple"), server());
    let denied = log_in(&mut client, &mut server);
    assert_eq!(denied, Err(Error::Exchange(Denied::WrongPassword.into())));
    assert!(server.accepted().is_none());
    let offer = answer(&mut server, &[]).unwrap();
    assert_eq!(next(&mut client, offer), Ok(Next::Rejected));
}

#[test]
fn every_refusal_has_the_reply_of_a_first_request() {
    let offer = answer(&mut server(), &[]).unwrap();
    let assert_offer = |refusal: Refusal| {
        let reply = refusal.reply;
        let values: Vec<_> = reply.values.into_iter().map(|value| (reply.name, value)).collect();
        assert_eq!((reply.status, values), offer, "{:?}", refusal.reason);
    };
    let refused =
        |server: &mut ServerConnection, value: &str| refused(server, &[("Authorization", value)]);
    for value in ["NTLM !", "NTLM YIIB", &header_value(Scheme::Ntlm, b"NTLMSSP\0\x03\0\0\0")] {
        assert_offer(refused(&mut server(), value));
    }
    let mut anonymous = ClientConnection::new(Client::new(Credentials::anonymous()));
    let mut server = server();
    let negotiate = anonymous.start(Scheme::Ntlm).unwrap();
    let challenge = send(&mut server, &negotiate).unwrap();
    assert_offer(refused(&mut server, &header(next(&mut anonymous, challenge).unwrap()).value));

    let looked_up: [fn(LookUp<'_>) -> Refusal; 3] = [
        |look_up| refusal(look_up.reject(Rejection::UnknownUser)),
        |look_up| refusal(look_up.reject(Rejection::AccountRestriction)),
        |look_up| {
            let wrong = NtHash::from_password("battery staple");
            refusal(look_up.verify(|claim| claim.verify_nt_hash(&wrong)))
        },
    ];
    for end in looked_up {
        let (mut client, mut server) = (client(PASSWORD), self::server());
        let authenticate = up_to_authenticate(&mut client, &mut server);
        let headers = [(authenticate.name, &authenticate.value)];
        let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
        let Step::LookUp(look_up) = step else { panic!("{step:?}") };
        assert_offer(end(look_up));
    }
}

/// A CHALLENGE in answer to the AUTHENTICATE was sent by another connection. A SPNEGO reject, a
/// parameter and an invalid token are ordinary rejections. None of them makes the client try again
/// on its own.
#[test]
fn only_a_challenge_in_answer_to_the_authenticate_means_another_connection() {
    let mut other = server();
    let negotiate = client(PASSWORD).start(Scheme::Ntlm).unwrap();
    let challenge = send(&mut other, &negotiate).unwrap().1.remove(0).1;
    for (offer, expected) in [
        (&*challenge, Err(Error::OtherConnection)),
        ("Negotiate oQcwBaADCgEC", Ok(Next::Rejected)),
        ("Negotiate YII=", Ok(Next::Rejected)),
        ("NTLM realm=\"x\"", Ok(Next::Rejected)),
        (&negotiate.value, Ok(Next::Rejected)),
        ("NTLM", Ok(Next::Rejected)),
    ] {
        let (mut client, mut server) = (client("battery staple"), server());
        log_in(&mut client, &mut server).unwrap_err();
        let response = || (401, vec![("WWW-Authenticate", offer.to_owned())]);
        assert_eq!(next(&mut client, response()), expected, "{offer}");
        assert_eq!(next(&mut client, response()), Ok(Next::Rejected), "{offer}");
        assert!(client.start(Scheme::Ntlm).is_ok());
    }
}

/// Sending a wrong password again and again would lock the account.
#[test]
fn rejected_client_does_not_try_again_on_its_own() {
    let (mut client, mut server) = (client("battery staple"), server());
    log_in(&mut client, &mut server).unwrap_err();
    let offer = || (401, vec![("WWW-Authenticate", "NTLM".into())]);
    for _ in 0..2 {
        assert_eq!(next(&mut client, offer()), Ok(Next::Rejected));
        assert_eq!(next(&mut client, (200, vec![])), Ok(Next::Answered));
        assert!(!client.is_authenticated());
    }
    assert!(client.start(Scheme::Ntlm).is_ok());
}

#[test]
fn proxy_uses_status_407_and_proxy_headers() {
    let credentials = Credentials::password(USER, PASSWORD);
    let mut client = ClientConnection::for_proxy(Client::new(credentials));
    let mut server = ServerConnection::for_proxy(Server::new(Names::standalone("PROXY")));
    let offer = answer(&mut server, &[("Authorization", "NTLM TlRM")]).unwrap();
    assert_eq!(offer, (407, vec![("Proxy-Authenticate", "NTLM".into())]));
    let negotiate = header(next(&mut client, offer).unwrap());
    assert_eq!(negotiate.name, "Proxy-Authorization");
    let challenge = send(&mut server, &negotiate).unwrap();
    let authenticate = header(next(&mut client, challenge).unwrap());
    let response = send(&mut server, &authenticate).unwrap();
    assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
    // A 401 of the server behind the proxy is not for the proxy's login.
    let asked = (401, vec![("WWW-Authenticate", "NTLM".into())]);
    assert_eq!(next(&mut client, asked), Ok(Next::Authenticated));
}

#[test]
fn interim_responses_are_ignored() {
    let (mut client, mut server) = (client(PASSWORD), server());
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    for status in [100, 103] {
        assert_eq!(next(&mut client, (status, vec![])), Ok(Next::Answered));
    }
    let challenge = send(&mut server, &negotiate).unwrap();
    let authenticate = header(next(&mut client, challenge).unwrap());
    assert_eq!(next(&mut client, (100, vec![])), Ok(Next::Answered));
    assert!(client.take_keys().is_none());
    let response = send(&mut server, &authenticate).unwrap();
    assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
}

/// A 407 means that the token did not reach the server, so the handshake starts again.
#[test]
fn status_407_during_a_login_is_not_a_rejection() {
    let asks = || (407, vec![("Proxy-Authenticate", "NTLM".into())]);
    let (mut client, mut server) = (client(PASSWORD), server());
    let _lost = client.start(Scheme::Ntlm).unwrap();
    assert_eq!(next(&mut client, asks()), Ok(Next::Answered));
    let offer = answer(&mut server, &[]).unwrap();
    let negotiate = header(next(&mut client, offer).unwrap());
    let challenge = send(&mut server, &negotiate).unwrap();
    let _lost = header(next(&mut client, challenge).unwrap());
    assert_eq!(next(&mut client, asks()), Ok(Next::Answered));
    assert!(!client.is_authenticated());
    assert_eq!(log_in(&mut client, &mut server).unwrap().0, 200);
    // An authenticated client stays authenticated.
    assert_eq!(next(&mut client, (200, vec![])), Ok(Next::Authenticated));
    assert_eq!(next(&mut client, asks()), Ok(Next::Authenticated));
}

#[test]
fn switching_protocols_is_an_answer() {
    let (mut client, mut server) = (client(PASSWORD), server());
    log_in(&mut client, &mut server).unwrap();
    assert_eq!(next(&mut client, (101, vec![])), Ok(Next::Authenticated));
    assert!(client.take_keys().is_some());
}

#[test]
fn request_for_another_scheme_ends_the_login() {
    let (mut client, mut server) = (client(PASSWORD), server());
    let response = log_in(&mut client, &mut server).unwrap();
    assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
    let basic = (401, vec![("WWW-Authenticate", "Basic realm=\"x\"".into())]);
    assert_eq!(next(&mut client, basic), Ok(Next::NotOffered));
    assert!(!client.is_authenticated());
}

#[test]
fn request_that_needs_no_login_is_answered() {
    let mut client = client(PASSWORD);
    assert_eq!(next(&mut client, (200, vec![])), Ok(Next::Answered));
    // The same if the client sent a token unasked; then it drops the handshake.
    let _ = client.start(Scheme::Ntlm).unwrap();
    assert_eq!(next(&mut client, (404, vec![])), Ok(Next::Answered));
    let offer = (401, vec![("WWW-Authenticate", "NTLM".into())]);
    assert!(matches!(next(&mut client, offer), Ok(Next::Send(_))));
}

#[test]
fn ntlm_is_preferred_to_negotiate_in_any_order() {
    let scheme = |values: &[&str]| {
        let headers = values.iter().map(|v| ("www-authenticate", (*v).into())).collect();
        match next(&mut client(PASSWORD), (401, headers)) {
            Ok(Next::Send(header)) => header.value.split(' ').next().unwrap().to_owned(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(scheme(&["Negotiate", "Basic realm=\"x\"", "NTLM"]), "NTLM");
    assert_eq!(scheme(&["Basic realm=\"x, y\", ntlm, Negotiate"]), "NTLM");
    assert_eq!(scheme(&["negotiate"]), "Negotiate");
    assert_eq!(scheme(&["Basic realm=\"NTLM\"", "Digest qop=auth"]), "Ok(NotOffered)");
    assert_eq!(scheme(&[]), "Ok(NotOffered)");
}

#[test]
fn negotiate_scheme_carries_bare_messages() {
    let mut client = client(PASSWORD);
    let mut server = server().with_schemes([Scheme::Negotiate]);
    let response = log_in(&mut client, &mut server).unwrap();
    assert_eq!(response.0, 200);
    // A scheme that was not offered is not used.
    let authorization = header_value(Scheme::Ntlm, b"NTLMSSP\0\x01\0\0\0\x01\0\0\0");
    let offer = answer(&mut server, &[("Authorization", &authorization)]).unwrap();
    assert_eq!(offer, (401, vec![("WWW-Authenticate", "Negotiate".into())]));
}

#[test]
fn wrapped_tokens_are_rejected_as_such() {
    // SPNEGO is supported under `Negotiate` if the feature is enabled.
    let schemes = [Scheme::Ntlm, Scheme::Negotiate].into_iter();
    let schemes = schemes.filter(|scheme| *scheme == Scheme::Ntlm || !cfg!(feature = "spnego"));
    // The first bytes of SPNEGO's NegTokenInit, with GSS-API framing and without, and of its
    // NegTokenResp.
    let starts = [0x60, 0xa0, 0xa1].into_iter();
    for (start, scheme) in starts.flat_map(|start| schemes.clone().map(move |s| (start, s))) {
        let wrapped = header_value(scheme, &[start, 0x48, 0x06, 0x06]);
        let mut server = server().with_schemes([Scheme::Negotiate, Scheme::Ntlm]);
        assert_eq!(answer(&mut server, &[("Authorization", &wrapped)]), Err(Error::NotBare));
        let mut client = client(PASSWORD);
        let _ = client.start(scheme).unwrap();
        let challenge = (401, vec![("WWW-Authenticate", wrapped)]);
        assert_eq!(next(&mut client, challenge), Err(Error::NotBare));
    }
}

#[test]
fn authenticate_on_a_connection_without_a_challenge_is_rejected_as_such() {
    let mut client = client(PASSWORD);
    let (mut one, mut other) = (server(), server());
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    let challenge = send(&mut one, &negotiate).unwrap();
    let authenticate = header(next(&mut client, challenge).unwrap());
    assert_eq!(send(&mut other, &authenticate), Err(Error::NoPendingChallenge));
    assert_eq!(send(&mut one, &authenticate).unwrap().0, 200);
    // It counts once; a client that repeats it is no longer authenticated.
    assert_eq!(send(&mut one, &authenticate), Err(Error::NoPendingChallenge));
    assert!(one.accepted().is_none());
}

/// A proxy that lets two clients log in on one connection at the same time causes this.
#[test]
fn answer_to_another_challenge_is_not_a_wrong_password() {
    let (mut one, mut other, mut server) = (client(PASSWORD), client(PASSWORD), server());
    let later = FileTime::from_ticks(NOW.ticks() + 1);
    let challenge = send(&mut server, &one.start(Scheme::Ntlm).unwrap()).unwrap();
    let negotiate = other.start(Scheme::Ntlm).unwrap();
    let headers = [(negotiate.name, &negotiate.value)];
    let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::at(later));
    assert!(matches!(step, Step::Outcome(Outcome::Continue(_))), "{step:?}");
    let authenticate = header(next(&mut one, challenge).unwrap());
    assert_eq!(send(&mut server, &authenticate), Err(Error::OtherChallenge));
    assert!(server.accepted().is_none());
}

#[test]
fn challenge_from_a_client_is_a_wrong_message_type() {
    let mut server = server();
    let negotiate = client(PASSWORD).start(Scheme::Ntlm).unwrap();
    let (_, challenge) = send(&mut server, &negotiate).unwrap();
    let wrong = |answer| match answer {
        Err(Error::Exchange(ntlm::Error::Wire(error))) => error.kind() == ErrorKind::MessageType,
        _ => false,
    };
    assert!(wrong(answer(&mut server, &[("Authorization", &challenge[0].1)])));
    assert!(wrong(answer(&mut self::server(), &[("Authorization", &challenge[0].1)])));
}

#[test]
fn request_without_a_token_cancels_the_challenge() {
    let (mut client, mut server) = (client(PASSWORD), server());
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    let challenge = send(&mut server, &negotiate).unwrap();
    assert_eq!(answer(&mut server, &[]).unwrap().0, 401);
    let authenticate = header(next(&mut client, challenge).unwrap());
    assert_eq!(send(&mut server, &authenticate), Err(Error::NoPendingChallenge));
}

#[test]
fn new_authorization_header_ends_the_previous_login() {
    let basic = "Basic YWxpY2U6c2VjcmV0";
    let negotiate = client(PASSWORD).start(Scheme::Ntlm).unwrap().value;
    for authorization in [basic, &negotiate, "NTLM", "NTLM !"] {
        let mut server = server();
        assert_eq!(log_in(&mut client(PASSWORD), &mut server).unwrap().0, 200);
        let answer = answer(&mut server, &[("Authorization", authorization)]);
        assert!(!matches!(answer, Ok((200, _))), "{authorization}");
        assert!(server.accepted().is_none(), "{authorization}");
    }
}

#[test]
fn repeated_header_ends_login_and_challenge() {
    let mut server = server();
    assert_eq!(log_in(&mut client(PASSWORD), &mut server).unwrap().0, 200);
    let twice = [("Authorization", "NTLM TlRM"), ("authorization", "NTLM TlRM")];
    assert_eq!(answer(&mut server, &twice), Err(Error::Repeated));
    assert_eq!(answer(&mut server, &[]).unwrap().0, 401);
    // It cancels a pending challenge too.
    let mut client = client(PASSWORD);
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    let challenge = send(&mut server, &negotiate).unwrap();
    assert_eq!(answer(&mut server, &twice), Err(Error::Repeated));
    let authenticate = header(next(&mut client, challenge).unwrap());
    assert_eq!(send(&mut server, &authenticate), Err(Error::NoPendingChallenge));
}

#[test]
fn scheme_without_a_token_starts_a_login() {
    let offer = answer(&mut server(), &[]).unwrap();
    assert_eq!(answer(&mut server(), &[("Authorization", "NTLM")]), Ok(offer));
}

#[test]
fn client_logs_in_again_each_time_the_server_asks() {
    let mut client = client(PASSWORD);
    for _ in 0..2 {
        let response = log_in(&mut client, &mut server()).unwrap();
        assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
    }
}

#[test]
fn client_stops_if_the_server_sends_no_challenge() {
    let after_negotiate = |values: &[&str]| {
        let mut client = client(PASSWORD);
        let _ = client.start(Scheme::Ntlm).unwrap();
        let headers = values.iter().map(|value| ("WWW-Authenticate", (*value).into())).collect();
        next(&mut client, (401, headers))
    };
    assert_eq!(after_negotiate(&["NTLM"]), Err(Error::NoChallenge));
    assert_eq!(after_negotiate(&["Basic realm=\"x\"", "NTLM"]), Err(Error::NoChallenge));
    for values in [&[][..], &["Basic realm=\"x\""], &["Negotiate"], &["Negotiate TlRMTVNTUAACAAAA"]]
    {
        assert_eq!(after_negotiate(values), Ok(Next::NotOffered), "{values:?}");
    }
    let mut client = client(PASSWORD);
    let _ = client.start(Scheme::Ntlm).unwrap();
    let response = (401, vec![("WWW-Authenticate", "NTLM ?".into())]);
    assert_eq!(next(&mut client, response), Err(Error::NotBase64));
}

#[test]
fn handshake_is_rejected_on_a_connection_that_closes() {
    // Before the handshake, another connection can be used.
    let closing = |value: &str| {
        (401, vec![("WWW-Authenticate", value.into()), ("Connection", "close".into())])
    };
    let mut connection = client(PASSWORD);
    let negotiate = header(next(&mut connection, closing("NTLM")).unwrap());
    assert_eq!(negotiate.connection, NextConnection::New);
    let (_, challenge) = send(&mut server(), &negotiate).unwrap();
    let response = closing(&challenge[0].1);
    assert_eq!(next(&mut connection, response), Err(Error::ConnectionCloses));

    let mut server = server();
    let close = [("Authorization", &*negotiate.value), ("Connection", "close")];
    let refusal = refused(&mut server, &close);
    assert_eq!(refusal.reason, Error::ConnectionCloses);
    // An offer would make a client such as `curl --http1.0` try again endlessly.
    assert_eq!((refusal.reply.status, refusal.reply.values.len()), (400, 0));
    // This error takes precedence over other errors of the request.
    let mut policy = server::Policy::default();
    policy.shared.require |= NegotiateFlags::NEGOTIATE_SEAL;
    let seals = Server::new(Names::member("WEB", "EXAMPLE")).with_policy(policy);
    let refusal = refused(&mut ServerConnection::new(seals), &close);
    assert_eq!((refusal.reason, refusal.reply.status), (Error::ConnectionCloses, 400));
    // The connection may close after the last message.
    let mut client = client(PASSWORD);
    let authenticate = up_to_authenticate(&mut client, &mut server);
    let close = [("Connection", "close"), ("Authorization", &*authenticate.value)];
    assert_eq!(answer(&mut server, &close).unwrap().0, 200);
}

#[test]
fn http_1_0_must_ask_for_keep_alive() {
    let negotiate = client(PASSWORD).start(Scheme::Ntlm).unwrap().value;
    let status = |headers: &[(&str, &str)]| {
        let mut server = server();
        let headers = headers.iter().copied();
        match server.on_request(HttpVersion::Http10, headers, &mut Fixed::default()) {
            Step::Outcome(Outcome::Continue(reply)) => Ok(reply.status),
            Step::Outcome(Outcome::Refused(refusal)) => Err(refusal.reason),
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(status(&[("Authorization", &negotiate)]), Err(Error::ConnectionCloses));
    let kept = [("Authorization", &*negotiate), ("Connection", "Keep-Alive")];
    assert_eq!(status(&kept), Ok(401));
}

#[test]
fn headers_are_printed_without_their_tokens() {
    let negotiate = client(PASSWORD).start(Scheme::Ntlm).unwrap();
    let shown = format!("{negotiate:?}");
    let length = format!("value: [{} characters]", negotiate.value.len());
    assert!(shown.contains(&length) && !shown.contains("TlRMTVNTUAAB"), "{shown}");
    let headers = [(negotiate.name, &*negotiate.value)];
    let mut server = server();
    let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    let Step::Outcome(Outcome::Continue(reply)) = step else { panic!("{step:?}") };
    let shown = format!("{reply:?}");
    assert!(shown.contains("schemes: [\"NTLM\"]") && !shown.contains("TlRM"), "{shown}");
}

#[test]
fn http_2_is_sent_to_http_1_1() {
    let mut server = server();
    assert_eq!(log_in(&mut client(PASSWORD), &mut server).unwrap().0, 200);
    let nothing: [(&str, &str); 0] = [];
    let step = server.on_request(HttpVersion::Http2, nothing, &mut Fixed::default());
    let Step::Outcome(Outcome::Refused(refusal)) = step else { panic!("{step:?}") };
    assert_eq!(refusal.reason, Error::NeedsHttp11);
    assert_eq!((refusal.reply.status, refusal.reply.values.len()), (505, 0));
    assert!(server.accepted().is_none());

    // A handshake that was begun does not continue over HTTP/2.
    for status in [401, 200] {
        let mut client = client(PASSWORD);
        let negotiate = client.start(Scheme::Ntlm).unwrap();
        let challenge = send(&mut server, &negotiate).unwrap().1;
        let response =
            client.on_response(status, HttpVersion::Http2, challenge, &mut Fixed::default());
        assert_eq!(response, Err(Error::NeedsHttp11));
    }
    let mut late = client(PASSWORD);
    log_in(&mut late, &mut server).unwrap();
    let response = late.on_response(200, HttpVersion::Http2, nothing, &mut Fixed::default());
    assert_eq!(response, Err(Error::NeedsHttp11));
    assert!(!late.is_authenticated());

    let mut client = client(PASSWORD);
    let ask = |value| [("www-authenticate", value)];
    let mut on_response =
        |value| client.on_response(401, HttpVersion::Http2, ask(value), &mut Fixed::default());
    assert_eq!(on_response("Negotiate"), Err(Error::NeedsHttp11));
    assert_eq!(on_response("Basic"), Ok(Next::NotOffered));
}

/// Over HTTP/2 the client accepts neither the challenge nor the verdict, and discards the
/// handshake. After an AUTHENTICATE, nothing is retried: repeating a wrong password would lock the
/// account.
#[test]
fn http_2_in_the_middle_of_a_clients_handshake_ends_it() {
    let after_negotiate = || {
        let (mut client, mut server) = (client(PASSWORD), server());
        let negotiate = client.start(Scheme::Ntlm).unwrap();
        let challenge = send(&mut server, &negotiate).unwrap();
        (client, challenge)
    };
    let after_authenticate = || {
        let (mut client, challenge) = after_negotiate();
        let _ = header(next(&mut client, challenge.clone()).unwrap());
        (client, challenge)
    };
    for status in [401, 200] {
        let handshakes = [(after_negotiate(), false), (after_authenticate(), true)];
        for ((mut client, challenge), has_answered) in handshakes {
            let response =
                client.on_response(status, HttpVersion::Http2, challenge.1, &mut Fixed::default());
            assert_eq!(response, Err(Error::NeedsHttp11));
            assert!(!client.is_authenticated());
            let offer = (401, vec![("WWW-Authenticate", "NTLM".into())]);
            let next = next(&mut client, offer);
            if has_answered {
                assert_eq!(next, Ok(Next::Rejected));
                let _ = client.start(Scheme::Ntlm).unwrap();
            } else {
                assert_eq!(header(next.unwrap()).body, RequestBody::Omit, "a NEGOTIATE");
            }
        }
    }
}

#[test]
fn client_is_not_authenticated_until_its_user_is_looked_up() {
    let deny = |reason: Option<Rejection>| {
        let (mut client, mut server) = (client(PASSWORD), server());
        let authenticate = up_to_authenticate(&mut client, &mut server);
        let headers = [(authenticate.name, &authenticate.value)];
        let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
        let Step::LookUp(look_up) = step else { panic!("{step:?}") };
        assert_eq!(look_up.claimed_user().to_string(), "EXAMPLE\\alice");
        assert_eq!(look_up.claim().network_logon().unwrap().user.user(), "alice");
        let refusal = reason.map(|reason| refusal(look_up.reject(reason)));
        assert!(server.accepted().is_none());
        assert_eq!(answer(&mut server, &[]).unwrap().0, 401);
        refusal
    };
    assert_eq!(deny(None), None);
    let refusal = deny(Some(Rejection::UnknownUser)).unwrap();
    assert_eq!(refusal.reason, Error::Exchange(Denied::Rejected(Rejection::UnknownUser).into()));
    assert_eq!(refusal.reply.values, ["NTLM"]);
}

#[test]
fn anonymous_clients_are_accepted_if_the_policy_allows_them() {
    let enter = |allow| {
        let mut policy = server::Policy::default();
        policy.allow_anonymous = allow;
        let server = Server::new(Names::standalone("WEB")).with_policy(policy);
        let mut client = ClientConnection::new(Client::new(Credentials::anonymous()));
        let mut server = ServerConnection::new(server);
        let response = log_in(&mut client, &mut server)?;
        assert_eq!(answer(&mut server, &[]), Ok(response.clone()), "and stay logged in");
        Ok(response)
    };
    assert_eq!(enter(true), Ok((200, vec![("X-User", "nobody".into())])));
    assert_eq!(enter(false), Err(Error::Exchange(Refused::Anonymous.into())));
}

#[test]
fn errors_of_the_handshake_are_returned_unchanged() {
    let mut server = server();
    let no_character_set = header_value(Scheme::Ntlm, b"NTLMSSP\0\x01\0\0\0\0\0\0\0");
    let answer = answer(&mut server, &[("Authorization", &no_character_set)]);
    assert_eq!(answer, Err(Error::Exchange(Unexpected::CharacterSet.into())));
    assert_eq!(
        answer.unwrap_err().to_string(),
        ntlm::Error::from(Unexpected::CharacterSet).to_string()
    );
}

#[test]
fn each_error_has_a_windows_status() {
    let exchange = ntlm::Error::from(Unexpected::CharacterSet);
    let (denied, invalid, unsupported) =
        ((0xc000_006d, 0x8009_030c), (0xc000_000d, 0x8009_0308), (0xc000_00bb, 0x8009_0302));
    for (error, status) in [
        (Error::Exchange(exchange), (exchange.ntstatus(), exchange.security_status())),
        (Error::Repeated, invalid),
        (Error::NotBare, invalid),
        (Error::NoChallenge, invalid),
        (Error::OtherConnection, invalid),
        (Error::NoPendingChallenge, invalid),
        (Error::OtherChallenge, denied),
        (Error::ConnectionCloses, unsupported),
        (Error::NeedsHttp11, unsupported),
    ] {
        assert_eq!((error.ntstatus(), error.security_status()), status, "{error:?}");
    }
}

#[test]
fn keys_can_be_taken_to_seal_messages_inside_of_http() {
    let credentials = Credentials::password(USER, PASSWORD);
    let client = Client::new(credentials).with_protection(Protection::Seal);
    let (mut client, mut server) = (ClientConnection::new(client), server());
    let response = log_in(&mut client, &mut server).unwrap();
    assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
    assert_eq!(next(&mut client, (200, vec![])), Ok(Next::Authenticated));
    let mut client_side = client.take_keys().unwrap().into_session().unwrap();
    assert!(client.take_keys().is_none());
    let mut server_side = server.take_keys().unwrap().into_session().unwrap();
    assert!(server.take_keys().is_none());
    let left = &server.accepted().unwrap().keys;
    assert_eq!(
        (left.exported_session_key().expose(), left.protection()),
        (&[0; 16], Protection::None)
    );
    let mut message = *b"<s:Envelope/>";
    let signature = client_side.seal(&mut message).unwrap();
    server_side.unseal(&mut message, &signature).unwrap();
    assert_eq!(&message, b"<s:Envelope/>");
}

#[test]
fn debug_output_shows_no_tokens() {
    let mut client = client(PASSWORD);
    let negotiate = client.start(Scheme::Ntlm).unwrap();
    let mut shown =
        format!("{negotiate:?} {client:?} {:?}", AuthHeader::credentials(&negotiate.value));
    let mut server = server();
    let headers = [(negotiate.name, &negotiate.value)];
    let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    shown += &format!("{step:?}");
    shown += &format!("{server:?}");
    let challenge = send(&mut server, &negotiate).unwrap();
    let authenticate = header(next(&mut client, challenge).unwrap());
    let headers = [(authenticate.name, &authenticate.value)];
    let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
    shown += &format!("{authenticate:?} {client:?} {step:?}");
    let hash = NtHash::from_password(PASSWORD);
    let Step::LookUp(look_up) = step else { panic!("{step:?}") };
    shown += &format!("{:?}", look_up.verify(|claim| claim.verify_nt_hash(&hash)));
    for secret in ["TlRM", PASSWORD, "78, 84, 76, 77"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn refusal_names_the_client_and_the_reason() {
    let alice = |password| Client::new(Credentials::password(USER, password));
    let mut old = client::Policy::default();
    old.shared.lm_compatibility = LmCompatibility::SendNtlm;
    let workstation = "a \"b\"\r\nlogin user=root";
    let cases = [
        // Rejected when the proof was verified.
        (
            alice("battery staple"),
            r#"user="EXAMPLE\\alice" workstation="" response=Ntlmv2"#,
            Denied::WrongPassword.into(),
        ),
        // Rejected by the policy, before there is a claim.
        (
            alice(PASSWORD).with_policy(old.clone()),
            r#"user="EXAMPLE\\alice" workstation="" response=Ntlm2Session"#,
            ntlm::Error::from(Refused::ResponseKind),
        ),
        (
            Client::new(Credentials::anonymous()),
            r#"user=none workstation="" response=none"#,
            Refused::Anonymous.into(),
        ),
        // Names are chosen by the client: they must not break the line.
        (
            alice("battery staple").with_workstation(workstation),
            r#"user="EXAMPLE\\alice" workstation="a \"b\"\r\nlogin user=root" response=Ntlmv2"#,
            Denied::WrongPassword.into(),
        ),
    ];
    for (client, claimed, error) in cases {
        let (mut client, mut server) = (ClientConnection::new(client), server());
        let challenge = send(&mut server, &client.start(Scheme::Ntlm).unwrap()).unwrap();
        let authenticate = header(next(&mut client, challenge).unwrap());
        let refusal = refused(&mut server, &[(authenticate.name, &authenticate.value)]);
        assert_eq!(refusal.log().to_string(), format!("{claimed} reason=\"{}\"", error.log()));
        assert_eq!(refusal.is_wrong_password(), error == Denied::WrongPassword.into());
    }
}

#[test]
fn only_a_wrong_password_counts_as_a_guess() {
    for (reason, is_guess) in [
        (Rejection::WrongPassword, true),
        (Rejection::UnknownUser, false),
        (Rejection::AccountLocked, false),
        (Rejection::Unreachable, false),
    ] {
        let (mut client, mut server) = (client(PASSWORD), server());
        let challenge = send(&mut server, &client.start(Scheme::Ntlm).unwrap()).unwrap();
        let authenticate = header(next(&mut client, challenge).unwrap());
        let headers = [(authenticate.name, &*authenticate.value)];
        let step = server.on_request(HttpVersion::Http11, headers, &mut Fixed::default());
        let Step::LookUp(look_up) = step else { panic!("{step:?}") };
        assert_eq!(refusal(look_up.reject(reason)).is_wrong_password(), is_guess, "{reason:?}");
    }
}

#[test]
fn refusal_names_the_client_that_answered_another_challenge() {
    let mut client = client(PASSWORD);
    let challenge = send(&mut server(), &client.start(Scheme::Ntlm).unwrap()).unwrap();
    let authenticate = header(next(&mut client, challenge).unwrap());
    let headers = [(authenticate.name, &*authenticate.value)];
    let refusal = refused(&mut server(), &headers);
    assert_eq!(refusal.reason, Error::NoPendingChallenge);
    assert_eq!(refusal.claimed.unwrap().user, Some("EXAMPLE\\alice".into()));
    // Without an AUTHENTICATE the client is unknown.
    let refusal = refused(&mut server(), &[("Authorization", "NTLM !")]);
    assert_eq!(refusal.claimed, None);
    assert_eq!(refusal.log().to_string(), r#"reason="malformed header: the token is not base64""#);
}

#[test]
fn reply_reports_which_other_scheme_the_client_tried() {
    let tried = |value: Option<&str>| {
        let headers = value.map(|value| ("Authorization", value));
        match server().on_request(HttpVersion::Http11, headers, &mut Fixed::default()) {
            Step::Outcome(Outcome::Continue(reply)) => reply.tried,
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(tried(Some("Basic YWxpY2U6c2VjcmV0")).as_deref(), Some("Basic"));
    assert_eq!(tried(Some("Negotiate YIIB")).as_deref(), Some("Negotiate"));
    assert_eq!(tried(None), None);
    assert_eq!(tried(Some("NTLM")), None);
    // The value may be a secret.
    assert_eq!(tried(Some("YWxpY2U6c2VjcmV0")), None);
}

#[test]
fn each_connection_can_have_its_own_channel_bindings() {
    let bindings = |byte| match byte {
        0 => ChannelBindings::from_md5([0; 16]),
        _ => ChannelBindings::tls_server_end_point(&[byte; 32]).unwrap(),
    };
    let mut policy = server::Policy::default();
    policy.channel_bindings = Enforcement::Required;
    let server = Server::new(Names::standalone("WEB"))
        .with_policy(policy)
        .with_channel_bindings(bindings(1));
    let credentials = Credentials::password("alice", PASSWORD);
    let client = Client::new(credentials).with_channel_bindings(bindings(1));
    let log_in_with = |ours: Option<u8>, theirs: Option<u8>| {
        let mut server = ServerConnection::new(server.clone());
        let mut client = ClientConnection::new(client.clone());
        if let Some(ours) = ours {
            server = server.with_channel_bindings(bindings(ours));
        }
        if let Some(theirs) = theirs {
            client = client.with_channel_bindings(bindings(theirs));
        }
        log_in(&mut client, &mut server)?;
        Ok(server.accepted().unwrap().bindings_checked)
    };
    let wrong = Err(Error::Exchange(Denied::ChannelBindings.into()));
    assert_eq!(log_in_with(None, None), Ok(true));
    assert_eq!(log_in_with(Some(2), Some(2)), Ok(true));
    assert_eq!(log_in_with(Some(2), None), wrong);
    assert_eq!(log_in_with(None, Some(2)), wrong);
    // Zeros do not replace the bindings.
    assert_eq!(log_in_with(Some(0), Some(2)), wrong);
    assert_eq!(log_in_with(Some(0), None), Ok(true));
}

#[test]
fn keys_can_be_taken_once_for_each_login() {
    let (mut client, mut server) = (client(PASSWORD), server());
    assert!(server.take_keys().is_none());
    for _ in 0..2 {
        let response = log_in(&mut client, &mut server).unwrap();
        assert_eq!(next(&mut client, response), Ok(Next::Authenticated));
        assert!(server.take_keys().is_some());
        assert!(server.take_keys().is_none());
        // A new login replaces the old one.
        let _ = client.start(Scheme::Ntlm).unwrap();
        assert_eq!(answer(&mut server, &[("Authorization", "NTLM")]).unwrap().0, 401);
        assert!(server.take_keys().is_none());
        client = self::client(PASSWORD);
    }
}

proptest::proptest! {
    #[test]
    fn written_header_is_found_among_others(
        token in proptest::collection::vec(proptest::num::u8::ANY, 1..300),
        realm in "[ -~]{0,20}",
        gap in "[ \t]{1,3}",
    ) {
        let quoted = realm.replace(['"', '\\'], "");
        let value = header_value(Scheme::Negotiate, &token).replacen(' ', &gap, 1);
        let list = format!("Basic realm=\"{quoted}\",{gap}{value}{gap},NTLM");
        let offers: Vec<_> = AuthHeader::offers(&list).collect();
        proptest::prop_assert_eq!(offers.len(), 2);
        proptest::prop_assert_eq!(offers[0].scheme(), Scheme::Negotiate);
        proptest::prop_assert_eq!(offers[0].token(), Ok(token));
        proptest::prop_assert!(offers[1].is_bare());
    }

    #[test]
    fn arbitrary_header_bytes_never_panic(value in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        for offer in AuthHeader::offers(&value).chain(AuthHeader::credentials(&value)) {
            let _ = offer.token();
        }
        let headers = [("Authorization", &value)];
        let _ = server().on_request(HttpVersion::Http11, headers, &mut Fixed::default());
        let headers = [("WWW-Authenticate", &value)];
        let _ = client(PASSWORD).on_response(401, HttpVersion::Http11, headers, &mut Fixed::default());
    }
}
