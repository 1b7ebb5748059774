//! What tshark makes of our exchanges, in a capture that the test writes itself: HTTP with every
//! way to log in.

use ntlm::http::Scheme;
use ntlm::spnego::{Accepting, Acceptor, Initiated, Initiator, Outcome};
use ntlm::wire::NegotiateFlags as Flags;
use ntlm::{Client, Credentials, Os, Server};
use ntlm_interop::exchange::verify;
use ntlm_interop::identities::Identity;
use ntlm_interop::modes::{self, Mode};
use ntlm_interop::pcap::Pcap;
use ntlm_interop::process::run;
use ntlm_interop::programs::installed;
use ntlm_interop::scratch::Directory;

/// tshark finds something malformed in a message that is cut, so that it would say so of others.
#[test]
fn a_cut_message_is_malformed() {
    let exchange = Exchange::of(&modes::DEFAULT, Identity::ALICE);
    let mut pcap = Pcap::default();
    let cut = &exchange.authenticate[..exchange.authenticate.len() / 2];
    http(&mut pcap, &Exchange { authenticate: cut.to_vec(), ..exchange.clone() });
    assert_ne!(Capture::of(&pcap).malformed(), "");
}

#[test]
fn no_message_of_any_mode_is_malformed() {
    let mut pcap = Pcap::default();
    for mode in &modes::ALL {
        http(&mut pcap, &Exchange::of(mode, Identity::ALICE));
    }
    let capture = Capture::of(&pcap);
    assert_eq!(capture.malformed(), "");
    let all = modes::ALL.len();
    assert_eq!(capture.fields("ntlmssp.messagetype == 1", "ntlmssp.messagetype").len(), all);
    assert_eq!(capture.fields("ntlmssp.messagetype == 2", "ntlmssp.messagetype").len(), all);
    assert_eq!(capture.fields("ntlmssp.messagetype == 3", "ntlmssp.messagetype").len(), all);
}

#[test]
fn tshark_sees_what_we_say() {
    let mut pcap = Pcap::default();
    for identity in Identity::ALL {
        http(&mut pcap, &Exchange::of(&modes::DEFAULT, identity));
    }
    let capture = Capture::of(&pcap);
    assert_eq!(capture.malformed(), "");
    let last = "ntlmssp.messagetype == 3";
    let users = Identity::ALL.map(|identity| identity.user.to_owned());
    assert_eq!(capture.fields(last, "ntlmssp.auth.username"), users);
    let workstations = vec!["LAPTOP".to_owned(); users.len()];
    assert_eq!(capture.fields(last, "ntlmssp.auth.hostname"), workstations);
    let challenge = "ntlmssp.messagetype == 2";
    let targets = vec!["EXAMPLE".to_owned(); users.len()];
    assert_eq!(capture.fields(challenge, "ntlmssp.challenge.target_name"), targets);
}

/// SPNEGO has a scheme of its own.
#[test]
fn no_message_inside_spnego_is_malformed() {
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    let (negotiate, state) = Initiator::new(client).initiate().expect("a first token");
    let acceptor = Acceptor::new(modes::DEFAULT.server()).start();
    let Ok(Accepting::Outcome(Outcome::Send(challenge, _))) = acceptor.read(&negotiate, &mut Os)
    else {
        panic!("it sends a CHALLENGE")
    };
    let Ok(Initiated::Send(authenticate, _)) = state.read(&challenge, &mut Os) else {
        panic!("it sends an AUTHENTICATE")
    };
    let wrapped = Exchange { negotiate, challenge, authenticate };
    let mut pcap = Pcap::default();
    http_with(&mut pcap, Scheme::Negotiate, &wrapped);
    let capture = Capture::of(&pcap);
    assert_eq!(capture.malformed(), "");
    assert_eq!(capture.fields("ntlmssp", "ntlmssp.messagetype").len(), 3);
    assert_eq!(capture.fields("spnego.mechListMIC", "spnego.mechListMIC").len(), 1);
}

/// Connectionless: there is no first message, and its place is empty.
#[test]
fn no_message_of_datagrams_is_malformed() {
    let server = modes::DEFAULT.server();
    let (challenge, handshake) = server.challenge_datagram(&mut Os).expect("a challenge");
    let client = modes::DEFAULT.client(Identity::ALICE.credentials());
    let response = client.answer_datagram(&challenge, &mut Os).expect("an answer");
    let claim = handshake.read(&response.token, &mut Os).expect("a claim");
    verify(claim, &[Identity::ALICE]).expect("it is let in");
    let authenticate = response.token;
    let mut pcap = Pcap::default();
    http(&mut pcap, &Exchange { negotiate: Vec::new(), challenge, authenticate });
    let capture = Capture::of(&pcap);
    assert_eq!(capture.malformed(), "");
    assert_eq!(capture.fields("ntlmssp", "ntlmssp.messagetype").len(), 2);
}

#[test]
fn nobody_is_not_malformed() {
    let mut policy = modes::DEFAULT.server_policy();
    policy.allow_anonymous = true;
    let server = modes::server().with_policy(policy);
    let client = Client::new(Credentials::anonymous());
    let mut pcap = Pcap::default();
    http(&mut pcap, &Exchange::between(&client, &server, Identity::ALICE));
    assert_eq!(Capture::of(&pcap).malformed(), "");
}

#[test]
fn no_message_without_a_version_is_malformed() {
    let mut ours = ntlm::client::Policy::default();
    ours.shared.version = None;
    let mut theirs = modes::DEFAULT.server_policy();
    theirs.shared.version = None;
    let client = Client::new(Identity::ALICE.credentials()).with_policy(ours);
    let server = modes::server().with_policy(theirs);
    let exchange = Exchange::between(&client, &server, Identity::ALICE);
    let mut pcap = Pcap::default();
    http(&mut pcap, &exchange);
    let capture = Capture::of(&pcap);
    assert_eq!(capture.malformed(), "");
    let flags = ntlm::wire::Challenge::parse(&exchange.challenge).expect("a challenge").flags;
    assert!(!flags.contains(Flags::NEGOTIATE_VERSION));
}

/// The three messages.
#[derive(Clone, Debug)]
struct Exchange {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    authenticate: Vec<u8>,
}

impl Exchange {
    fn of(mode: &Mode, identity: Identity) -> Self {
        Self::between(&mode.client(identity.credentials()), &mode.server(), identity)
    }

    fn between(client: &Client, server: &Server, identity: Identity) -> Self {
        let (negotiate, await_challenge) = client.initiate().expect("a first message");
        let (challenge, handshake) = server.challenge(&negotiate, &mut Os).expect("an answer");
        let authenticate = await_challenge.answer(&challenge, &mut Os).expect("the last").token;
        let claim = handshake.read(&authenticate, &mut Os).expect("a claim");
        verify(claim, &[identity]).expect("it is let in");
        Self { negotiate, challenge, authenticate }
    }
}

/// A connection on which somebody logs in.
fn http(pcap: &mut Pcap, exchange: &Exchange) {
    http_with(pcap, Scheme::Ntlm, exchange);
}

fn http_with(pcap: &mut Pcap, scheme: Scheme, exchange: &Exchange) {
    let header = |token: &[u8]| ntlm::http::header_value(scheme, token);
    let get = |token: &[u8]| {
        format!("GET / HTTP/1.1\r\nHost: files\r\nAuthorization: {}\r\n\r\n", header(token))
    };
    let challenge = header(&exchange.challenge);
    let unauthorized = format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let mut connection = pcap.connection(80);
    connection.client_says(get(&exchange.negotiate).as_bytes());
    connection.server_says(unauthorized.as_bytes());
    connection.client_says(get(&exchange.authenticate).as_bytes());
    connection.server_says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

struct Capture {
    file: std::path::PathBuf,
    _directory: Directory,
}

impl Capture {
    fn of(pcap: &Pcap) -> Self {
        let directory = Directory::new();
        let file = directory.path().join("capture.pcap");
        std::fs::write(&file, pcap.as_bytes()).expect("a file for the test");
        Self { file, _directory: directory }
    }

    fn malformed(&self) -> String {
        let mut tshark = installed("tshark");
        tshark.arg("-r").arg(&self.file).args(["-V", "-Y", "_ws.malformed"]);
        run(&mut tshark).expect_success().stdout
    }

    /// One field of each packet that passes a filter.
    fn fields(&self, filter: &str, field: &str) -> Vec<String> {
        let mut tshark = installed("tshark");
        tshark.arg("-r").arg(&self.file).args(["-Y", filter, "-T", "fields", "-e", field]);
        let shown = run(&mut tshark).expect_success().stdout;
        shown.lines().map(str::to_owned).collect()
    }
}
