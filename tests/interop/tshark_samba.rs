//! What tshark makes of our exchanges with the controller of a Samba domain.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ntlm_interop::capture::Capture;
use ntlm_interop::domain_clients::{find_alice, rpc_client, smb_client};
use ntlm_interop::identities::Identity;
use ntlm_interop::process::{Finished, run};
use ntlm_interop::programs::system_python;
use ntlm_interop::samba_servers::DomainController;

/// Whoever has the password can read what was sealed: the keys are those of the specification,
/// and tshark's.
#[test]
fn tshark_reads_our_sealed_calls_if_it_has_the_password() {
    let _alone = alone();
    let password = Identity::ALICE.password;
    let mut capture = Capture::start("tcp port 135");
    let got = rpc_client(Identity::ALICE, &["--protection", "privacy"]);
    assert!(got.status.success(), "{got:#?}");
    capture.wait_for(RPC_ENDS);
    capture.stop();

    // The AUTHENTICATE came in an Auth3.
    let user = capture.fields("dcerpc.pkt_type == 16", "ntlmssp.auth.username", None);
    assert_eq!(user, ["alice"]);
    let answer = "dcerpc.pkt_type == 2 && dcerpc.opnum == 2";
    let names = |password| capture.fields(answer, "epm.annotation", password);
    let names_samr = |names: Vec<String>| names.join(",").split(',').any(|name| name == "samr");
    assert!(names_samr(names(Some(password))));
    assert!(names(None).is_empty());
    assert!(!names_samr(names(Some(Identity::MALLORY.password))));
    assert_eq!(capture.malformed(Some(password)), "");
}

#[test]
fn tshark_understands_all_that_we_send() {
    let _alone = alone();
    for (framing, rpc_framing) in [(&["--raw"][..], &[][..]), (&[], &["--spnego"])] {
        let mut capture = Capture::start("tcp port 135 or tcp port 389 or tcp port 445");
        for got in [
            smb_client(Identity::ALICE, framing),
            find_alice(Identity::ALICE, framing),
            rpc_client(Identity::ALICE, rpc_framing),
        ] {
            assert!(got.status.success(), "{got:#?}");
        }
        capture.wait_for(RPC_ENDS);
        capture.stop();
        for protocol in ["smb2", "ldap", "dcerpc"] {
            let authenticate = format!("{protocol} && ntlmssp.messagetype == 3");
            let users = capture.fields(&authenticate, "ntlmssp.auth.username", None);
            assert!(users.contains(&"alice".to_owned()), "{protocol} {framing:?}: {users:?}");
            // In SPNEGO, both sides sign the list of mechanisms.
            let signed = format!("{protocol} && spnego.mechListMIC");
            let signatures = capture.fields(&signed, "spnego.mechListMIC", None);
            assert_eq!(signatures.len(), if framing.is_empty() { 2 } else { 0 }, "{protocol}");
        }
        assert_eq!(capture.malformed(None), "", "{framing:?}");
    }
}

/// Our client has all that it wants.
const RPC_ENDS: &str = "tcp.dstport == 135 && tcp.flags.fin == 1";

/// What others do at the same time would be captured too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    DomainController::shared();
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Inside SPNEGO, with its `mechListMIC`, tshark 4.0 reads the first message of either side and takes
/// what follows for nonsense, also where Samba's own client has sealed it.
#[test]
fn tshark_reads_the_first_sealed_messages_alone_after_spnego() {
    let _alone = alone();
    let (alice, password) = (Identity::ALICE, Some(Identity::ALICE.password));
    let sambas = |binding: &str| {
        let mut client = system_python("samba_rpc.py");
        run(client.args([binding, alice.user, alice.domain, alice.password]))
    };
    let ours =
        |framing: &[&str]| rpc_client(alice, &[framing, &["--protection", "privacy"]].concat());
    let calls: [(&dyn Fn() -> Finished, bool); 4] = [
        (&|| sambas("ncacn_ip_tcp:127.0.0.1[135,seal,ntlm]"), true),
        (&|| sambas("ncacn_ip_tcp:127.0.0.1[135,seal,spnego]"), false),
        (&|| ours(&[]), true),
        (&|| ours(&["--spnego"]), false),
    ];
    for (number, (call, reads_all)) in calls.into_iter().enumerate() {
        let mut capture = Capture::start("tcp port 135");
        let got = call();
        assert!(got.status.success(), "{got:#?}");
        capture.wait_for(RPC_ENDS);
        capture.stop();
        // The answer has two fragments, and the second one ends with a code.
        let answer = "dcerpc.pkt_type == 2 && dcerpc.opnum == 2";
        let names = capture.fields(answer, "epm.annotation", password).join(",");
        assert!(names.split(',').any(|name| name == "samr"), "{number}: {names}");
        let codes = capture.fields(answer, "epm.rc", password);
        assert_eq!(codes.iter().any(|code| code == "0x00000000"), reads_all, "{number}: {codes:?}");
    }
}
