//! Clients of SMB log in to our example `smb_server`, with NTLM in SPNEGO. They all want to see a
//! signature of the response that ends the login, which is made with the session key.

use ntlm::NtHash;
use ntlm_interop::accounts::nt_hash_line;
use ntlm_interop::hex::hex;
use ntlm_interop::identities::Identity;
use ntlm_interop::kerberos::Realm;
use ntlm_interop::log::Line;
use ntlm_interop::process::{Finished, Process, run};
use ntlm_interop::programs::{example, installed, python};
use ntlm_interop::scratch::Directory;
use ntlm_interop::smb::{Direction, in_between, smb_client};

/// Those whose accounts are told apart by the domain.
const IN_DOMAIN: [Identity; 6] = [
    Identity::ALICE,
    Identity::JURGEN,
    Identity::GROSS,
    Identity::SISYPHUS,
    Identity::ZOE,
    Identity::PATIENT,
];
const UNKNOWN: Identity = Identity { user: "nobody", ..Identity::ALICE };

#[test]
fn smbclient_logs_in_over_each_version() {
    for version in ["SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11"] {
        let mut server = Server::start(&[]);
        assert_accepted(&server.smbclient(Identity::ALICE, &["--max-protocol", version]));
        let login = server.only_line();
        assert_eq!(login.field("user"), r"EXAMPLE\alice", "{version}");
        assert_eq!(login.field("response"), "Ntlmv2");
        assert_eq!(login.field("mic"), "yes");
        assert_eq!(login.field("preferred"), "NTLM");
    }
}

#[test]
fn everybody_logs_in_with_smbclient() {
    for identity in IN_DOMAIN {
        let mut server = Server::start(&[]);
        assert_accepted(&server.smbclient(identity, &[]));
        assert_eq!(server.only_line().field("user"), identity.full_name());
    }
}

#[test]
fn smbclient_logs_in_with_an_nt_hash() {
    let hash = hex(NtHash::from_password(Identity::ALICE.password).expose());
    let mut server = Server::start(&[]);
    let user = format!(r"EXAMPLE\alice%{hash}");
    assert_accepted(&server.smbclient_as(&user, &["--pw-nt-hash"]));
    assert_eq!(server.only_line().field("user"), r"EXAMPLE\alice");
}

/// A rejected client gets a status, and no token.
#[test]
fn smbclient_is_rejected_with_a_wrong_password_and_without_a_token() {
    for (identity, detail) in [
        (Identity::MALLORY, "Exchange(Denied(WrongPassword))"),
        (UNKNOWN, "Exchange(Denied(Rejected(UnknownUser)))"),
    ] {
        let mut server = Server::start(&[]);
        let port = in_between(server.port, |direction, message| {
            let (command, status) = (message[12], &message[8..12]);
            let is_error = status != [0; 4] && status != MORE_PROCESSING_REQUIRED;
            if direction == Direction::ToClient && command == SESSION_SETUP && is_error {
                // An error without data, as in a SESSION_SETUP without a token.
                assert_eq!(message[64..], [9, 0, 0, 0, 0, 0, 0, 0, 0]);
                assert_eq!(message[8..12], LOGON_FAILURE);
                // The client sees that this was looked at.
                message[8..12].copy_from_slice(&ACCOUNT_DISABLED);
            }
        });
        let got = smbclient_at(port, &named(identity), &[]);
        assert_rejected(&got, "NT_STATUS_ACCOUNT_DISABLED");
        let rejection = server.only_line();
        assert_eq!(rejection.field("detail"), detail);
        assert_eq!(rejection.field("user"), identity.full_name());
    }
}

const SESSION_SETUP: u8 = 1;
const MORE_PROCESSING_REQUIRED: [u8; 4] = 0xc000_0016_u32.to_le_bytes();
const LOGON_FAILURE: [u8; 4] = 0xc000_006d_u32.to_le_bytes();
const ACCOUNT_DISABLED: [u8; 4] = 0xc000_0072_u32.to_le_bytes();

#[test]
fn a_request_that_is_changed_in_transit_ends_the_connection() {
    for version in ["SMB2_10", "SMB3_11"] {
        let mut server = Server::start(&[]);
        let port = in_between(server.port, |direction, message| {
            if direction == Direction::ToServer && message[12] == TREE_CONNECT {
                *message.last_mut().expect("it has a path") ^= 1;
            }
        });
        let got = smbclient_at(port, &named(Identity::ALICE), &["--max-protocol", version]);
        assert!(!got.status.success(), "{got:#?}");
        let [login, closed] = &server.lines(2)[..] else { panic!("two lines") };
        assert!(login.is_login(), "{login:?}");
        assert!(closed.text().contains("the signature is wrong"), "{closed:?}");
    }
}

const TREE_CONNECT: u8 = 3;

#[test]
fn a_message_id_that_is_changed_in_transit_ends_the_connection() {
    let mut server = Server::start(&[]);
    let port = in_between(server.port, |direction, message| {
        if direction == Direction::ToServer && message[12] == SESSION_SETUP {
            message[24] += 1;
        }
    });
    let got = smbclient_at(port, &named(Identity::ALICE), &["--max-protocol", "SMB2_10"]);
    assert!(!got.status.success(), "{got:#?}");
    let closed = server.only_line();
    assert!(closed.text().contains("the client sends message 2 in the place of 1"), "{closed:?}");
}

/// SMB 3.1.1 would protect the negotiation with its keys. In the older versions that are left, the client
/// asks again, signed.
#[test]
fn a_version_that_is_taken_out_of_the_offer_is_noticed() {
    for (version, ours) in [("SMB3_00", "3.0"), ("SMB3_02", "3.0.2"), ("SMB3_11", "3.1.1")] {
        assert_downgrade_is_noticed(|port| {
            smbclient_at(port, &named(Identity::ALICE), &["--max-protocol", version])
        });
        assert_downgrade_is_noticed(|port| {
            let share = format!("//127.0.0.1:{port}/IPC$");
            let user = r"EXAMPLE\alice:correct horse";
            smb_client(&["--user", user, "--newest", ours, &share])
        });
    }
}

fn assert_downgrade_is_noticed(log_in: impl Fn(u16) -> Finished) {
    let mut server = Server::start(&[]);
    let port = in_between(server.port, |direction, message| {
        if direction == Direction::ToServer && message[12] == NEGOTIATE {
            // DialectCount: SMB 2.0.2 and 2.1 are left.
            message[64 + 2] = 2;
        }
    });
    let got = log_in(port);
    assert!(!got.status.success(), "{got:#?}");
    let [login, closed] = &server.lines(2)[..] else { panic!("two lines") };
    assert!(login.is_login(), "{login:?}");
    let reason = "a man in the middle changed the negotiation";
    assert!(closed.text().contains(reason), "{closed:?}");
}

const NEGOTIATE: u8 = 0;

#[test]
fn an_anonymous_smbclient_logs_in_where_the_server_allows_it() {
    let mut server = Server::start(&["--anonymous"]);
    assert_accepted(&server.smbclient_as("%", &["--no-pass"]));
    assert_eq!(server.only_line().field("user"), "");
    let mut server = Server::start(&[]);
    let got = server.smbclient_as("%", &["--no-pass"]);
    assert_rejected(&got, "NT_STATUS_LOGON_FAILURE");
    assert_eq!(server.only_line().field("detail"), "Exchange(Refused(Anonymous))");
}

#[test]
fn smbclient_logs_in_with_ntlmv1_at_the_level_that_takes_it() {
    let without_ntlmv2 = ["--option=client ntlmv2 auth = no"];
    let mut server = Server::start(&[]);
    let got = server.smbclient(Identity::ALICE, &without_ntlmv2);
    assert_rejected(&got, "NT_STATUS_LOGON_FAILURE");
    assert_eq!(server.only_line().field("detail"), "Exchange(Refused(ResponseKind))");
    let mut server = Server::start(&["--level", "4"]);
    assert_accepted(&server.smbclient(Identity::ALICE, &without_ntlmv2));
    assert_eq!(server.only_line().field("response"), "Ntlm2Session");
}

/// Without extended session security, Samba signs the list of mechanisms with a CRC. It sends NTLMv1
/// alone then.
#[test]
fn smbclient_is_rejected_without_extended_session_security() {
    let without_extended = "--option=ntlmssp_client:ntlm2 = no";
    let mut server = Server::start(&["--level", "0"]);
    let got = server.smbclient(Identity::ALICE, &[without_extended]);
    assert_rejected(&got, "NT_STATUS_ACCESS_DENIED");
    assert_eq!(server.only_line().field("detail"), "Mic(NoKey)");
}

/// It has a ticket. Our server cannot read it and chooses NTLM, and then both must sign the list of
/// mechanisms.
#[test]
fn smbclient_prefers_kerberos_and_falls_back_to_ntlm() {
    let realm = Realm::start();
    let mut server = Server::start(&[]);
    let got = smbclient_with_kerberos(&realm, server.port, Identity::ALICE.password);
    assert_accepted(&got);
    let login = server.only_line();
    // It logs in as the principal.
    assert_eq!(login.field("user"), "alice@EXAMPLE.COM");
    assert_eq!(login.field("preferred"), "MS-Kerberos");
    // Kerberos tells it that the password is wrong, and it does not fall back.
    let got = smbclient_with_kerberos(&realm, server.port, Identity::MALLORY.password);
    assert_rejected(&got, "NT_STATUS_LOGON_FAILURE");
}

#[test]
fn a_list_of_mechanisms_that_is_changed_in_transit_is_rejected() {
    let realm = Realm::start();
    let mut server = Server::start(&[]);
    let port = in_between(server.port, |direction, message| {
        let at = message.windows(MS_KERBEROS.len()).position(|bytes| bytes == MS_KERBEROS);
        if let (Direction::ToServer, Some(at)) = (direction, at) {
            // A mechanism that no one knows.
            message[at] ^= 1;
        }
    });
    let got = smbclient_with_kerberos(&realm, port, Identity::ALICE.password);
    assert_rejected(&got, "NT_STATUS_ACCESS_DENIED");
    assert_eq!(server.only_line().field("detail"), "Mic(Wrong)");
}

/// 1.2.840.48018.1.2.2
const MS_KERBEROS: [u8; 9] = [0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02];

#[test]
fn our_client_logs_in_over_each_version_with_and_without_spnego() {
    for version in ["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"] {
        for framing in [&[][..], &["--raw"]] {
            let mut server = Server::start(&["--bare"]);
            let arguments = [&["--newest", version], framing].concat();
            let got = server.our_client(r"EXAMPLE\alice:correct horse", &arguments);
            // There is nothing in the share.
            let expected = format!(
                "logged in, over SMB {version}\n\
                 smb_client: cannot read \"\": the server says STATUS_NOT_SUPPORTED"
            );
            assert_eq!(got.stderr, expected, "{framing:?}");
            assert_eq!(server.only_line().field("mic"), "yes");
        }
    }
}

#[test]
fn our_client_is_rejected_with_a_wrong_password_and_without_spnego() {
    let mut server = Server::start(&[]);
    let got = server.our_client(r"EXAMPLE\alice:wrong", &[]);
    assert_eq!(got.stderr, "smb_client: cannot log in: the server says STATUS_LOGON_FAILURE");
    assert_eq!(server.only_line().field("detail"), "Exchange(Denied(WrongPassword))");
    let mut server = Server::start(&[]);
    let got = server.our_client(r"EXAMPLE\alice:correct horse", &["--raw"]);
    assert_eq!(got.stderr, "smb_client: cannot log in: the server says STATUS_INVALID_PARAMETER");
    assert_eq!(server.only_line().field("detail"), "Unexpected(Ntlm)");
}

/// impacket sends no MIC, and so no `mechListMIC` either.
#[test]
fn impacket_logs_in() {
    for identity in [Identity::ALICE, Identity::JURGEN] {
        let mut server = Server::start(&[]);
        let got = server.log_in_with("impacket", identity).expect_success();
        assert_eq!(
            got.stdout,
            "logged in 0x202\nlogged in 0x210\nlogged in 0x300\nlogged in 0x311"
        );
        for login in server.lines(4) {
            assert_eq!(login.field("user"), identity.full_name());
            assert_eq!(login.field("mic"), "no");
        }
    }
}

#[test]
fn smbprotocol_logs_in() {
    for identity in [Identity::ALICE, Identity::JURGEN] {
        let mut server = Server::start(&[]);
        let got = server.log_in_with("smbprotocol", identity).expect_success();
        assert_eq!(
            got.stdout,
            "logged in 0x202\nlogged in 0x210\nlogged in 0x300\nlogged in 0x302\nlogged in 0x311"
        );
        for login in server.lines(5) {
            assert_eq!(login.field("user"), identity.full_name());
            assert_eq!(login.field("mic"), "yes");
        }
    }
}

#[test]
fn libraries_of_python_are_rejected_with_a_wrong_password() {
    for library in ["impacket", "smbprotocol"] {
        let mut server = Server::start(&[]);
        let got = server.log_in_with(library, Identity::MALLORY);
        assert!(!got.status.success(), "{got:#?}");
        assert!(got.stderr.contains("STATUS_LOGON_FAILURE"), "{got:#?}");
        assert_eq!(server.only_line().field("detail"), "Exchange(Denied(WrongPassword))");
    }
}

/// The example, which runs.
struct Server {
    port: u16,
    process: Process,
    _directory: Directory,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let known = [&IN_DOMAIN[..], &[Identity::PRINCIPAL]].concat();
        let line = |user: &Identity| nt_hash_line(&user.name().to_string(), user.password);
        let users = directory.write("users", &known.iter().map(line).collect::<String>());
        let mut server = example("smb_server");
        server.args(["--listen", "127.0.0.1:0", "--users"]).arg(users).args(arguments);
        let mut process = Process::start(&mut server);
        let port = process.wait_for("listening on 127.0.0.1:").parse().expect("a port");
        Self { port, process, _directory: directory }
    }

    fn smbclient(&self, identity: Identity, arguments: &[&str]) -> Finished {
        self.smbclient_as(&named(identity), arguments)
    }

    fn smbclient_as(&self, user: &str, arguments: &[&str]) -> Finished {
        smbclient_at(self.port, user, arguments)
    }

    fn our_client(&self, user: &str, arguments: &[&str]) -> Finished {
        let share = format!("//127.0.0.1:{}/IPC$", self.port);
        smb_client(&[&["--user", user, &share], arguments].concat())
    }

    fn log_in_with(&self, library: &str, identity: Identity) -> Finished {
        let Identity { user, domain, password } = identity;
        let port = self.port.to_string();
        run(python("smb_login.py").args([library, &port, user, domain, password]))
    }

    /// What it logs of so many logins.
    fn lines(&mut self, count: usize) -> Vec<Line> {
        // The first one says where it listens.
        let lines = self.process.wait_for_lines("", 1 + count);
        assert_eq!(lines.len(), 1 + count, "{lines:#?}");
        lines[1..].iter().map(|line| Line::parse(line)).collect()
    }

    fn only_line(&mut self) -> Line {
        self.lines(1).remove(0)
    }
}

/// `EXAMPLE\alice%password`
fn named(identity: Identity) -> String {
    format!("{}%{}", identity.full_name(), identity.password)
}

/// Connects to the share without contents, and ends.
fn smbclient_at(port: u16, user: &str, arguments: &[&str]) -> Finished {
    let mut client = installed("smbclient");
    client.env("LC_ALL", "C.UTF-8");
    client.args(["--configfile=/dev/null", "--port", &port.to_string(), "--user", user]);
    run(client.args(arguments).args([r"//127.0.0.1/IPC$", "--command=exit"]))
}

/// The same with a ticket.
fn smbclient_with_kerberos(realm: &Realm, port: u16, password: &str) -> Finished {
    let mut client = installed("smbclient");
    realm.give_ticket(&mut client);
    client.args(["--configfile=/dev/null", "--realm=EXAMPLE.COM", "--use-kerberos=desired"]);
    client.args(["--ip-address=127.0.0.1", "--port", &port.to_string()]);
    client.arg(format!(r"--user=EXAMPLE\alice%{password}"));
    run(client.args([r"//files.example.com/IPC$", "--command=exit"]))
}

fn assert_accepted(got: &Finished) {
    assert!(got.status.success(), "{got:#?}");
}

fn assert_rejected(got: &Finished, status: &str) {
    assert_eq!(got.status.code(), Some(1), "{got:#?}");
    let said = got.stdout.clone() + &got.stderr;
    assert!(said.contains(&format!("session setup failed: {status}")), "{got:#?}");
}
