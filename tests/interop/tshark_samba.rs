//! What tshark makes of our exchanges with the controller of a Samba domain.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ntlm_interop::capture::Capture;
use ntlm_interop::domain_clients::{find_alice, rpc_client, smb_client};
use ntlm_interop::identities::Identity;
use ntlm_interop::samba_servers::DomainController;

/// Whoever has the password can read what was sealed: the keys are those of the specification,
/// and tshark's. In SPNEGO, tshark 4.0 does not know that the key stream begins again after the
/// `mechListMIC`, with Samba's client neither.
#[test]
fn tshark_reads_our_sealed_calls_if_it_has_the_password() {
    let _alone = alone();
    let password = Identity::ALICE.password;
    let mut capture = Capture::start("tcp portrange 49152-49200");
    let got = rpc_client(Identity::ALICE, &["--raw", "--protection", "privacy"]);
    assert!(got.status.success(), "{got:#?}");
    capture.wait_for("dcerpc.pkt_type == 2 && dcerpc.opnum == 1");
    capture.stop();

    let answer = "dcerpc.pkt_type == 2 && dcerpc.opnum == 6";
    let names = |password| capture.fields(answer, "samr.samr_SamEntry.name", password);
    assert_eq!(names(Some(password)), ["EXAMPLE,BUILTIN"]);
    assert!(names(None).is_empty());
    assert!(names(Some(Identity::MALLORY.password)) != ["EXAMPLE,BUILTIN"]);
    assert_eq!(capture.malformed(Some(password)), "");
}

#[test]
fn tshark_understands_all_that_we_send() {
    let _alone = alone();
    let filter = "tcp port 135 or tcp port 389 or tcp port 445 or tcp portrange 49152-49200";
    for framing in [&["--raw"][..], &[]] {
        let mut capture = Capture::start(filter);
        for run in [smb_client, find_alice, rpc_client] {
            let got = run(Identity::ALICE, framing);
            assert!(got.status.success(), "{got:#?}");
        }
        capture.wait_for("dcerpc.pkt_type == 2 && dcerpc.opnum == 1");
        capture.stop();
        for protocol in ["smb2", "ldap", "dcerpc"] {
            let authenticate = format!("{protocol} && ntlmssp.messagetype == 3");
            let users = capture.fields(&authenticate, "ntlmssp.auth.username", None);
            assert!(users.contains(&"alice".to_owned()), "{protocol} {framing:?}: {users:?}");
        }
        assert_eq!(capture.malformed(None), "", "{framing:?}");
    }
}

/// What others do at the same time would be captured too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    DomainController::shared();
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
