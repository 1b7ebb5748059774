//! Clients of SMB log in to our example `smb_server`, with NTLM in SPNEGO. They all want to see a
//! signature of the response that ends the login, which is made with the session key.

use ntlm::NtHash;
use ntlm_interop::hex::hex;
use ntlm_interop::identities::Identity;
use ntlm_interop::kerberos::Realm;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::installed;
use ntlm_interop::smb::{Direction, in_between};
use ntlm_interop::smb_server::{Server, named, smbclient_at};

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
    for (newest, version) in [
        ("SMB2_02", "2.0.2"),
        ("SMB2_10", "2.1"),
        ("SMB3_00", "3.0"),
        ("SMB3_02", "3.0.2"),
        ("SMB3_11", "3.1.1"),
    ] {
        let mut server = Server::start(&[]);
        assert_accepted(&server.smbclient(Identity::ALICE, &["--max-protocol", newest]));
        let login = server.only_line();
        assert_eq!(login.field("version"), version);
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
fn an_anonymous_smbclient_logs_in_where_the_server_allows_it() {
    let mut server = Server::start(&["--anonymous"]);
    assert_accepted(&server.smbclient_as("%", &["--no-pass"]));
    assert_eq!(server.only_line().field("user"), "anonymous");
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

/// `smbclient` with a ticket.
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
