//! A man in the middle changes what clients of SMB and our example `smb_server` send to each other, and is
//! noticed.

use ntlm_interop::identities::Identity;
use ntlm_interop::process::Finished;
use ntlm_interop::smb::{Direction, in_between};
use ntlm_interop::smb_server::{Server, named, our_client_at, smbclient_at};

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
        assert_downgrade_is_noticed(|port| our_client_at(port, &["--newest", ours]));
    }
}

/// Our server closes the connection when the client asks.
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

/// In SMB 3.1.1, both sides have other keys then, so that the client rejects the signature of the response
/// that ends the login.
#[test]
fn a_negotiation_of_smb_3_1_1_that_is_changed_in_transit_is_noticed() {
    for change in [change_client_guid, change_server_guid] {
        for is_ours in [false, true] {
            let mut server = Server::start(&[]);
            let port = in_between(server.port, change);
            let got = match is_ours {
                true => our_client_at(port, &[]),
                false => smbclient_at(port, &named(Identity::ALICE), &[]),
            };
            assert!(!got.status.success(), "{got:#?}");
            let said = got.stdout.clone() + &got.stderr;
            let reason = if is_ours { "the signature is wrong" } else { "NT_STATUS_ACCESS_DENIED" };
            assert!(said.contains(reason), "{got:#?}");
            assert!(server.only_line().is_login());
        }
    }
}

fn change_client_guid(direction: Direction, message: &mut [u8]) {
    if direction == Direction::ToServer && message[12] == NEGOTIATE {
        message[64 + 12] ^= 1;
    }
}

fn change_server_guid(direction: Direction, message: &mut [u8]) {
    if direction == Direction::ToClient && message[12] == NEGOTIATE {
        message[64 + 8] ^= 1;
    }
}

const NEGOTIATE: u8 = 0;
const SESSION_SETUP: u8 = 1;
const TREE_CONNECT: u8 = 3;
