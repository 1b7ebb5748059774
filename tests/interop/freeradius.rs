//! Our `ntlm_auth` in the place of Samba's under FreeRADIUS, which asks it single questions: whether a
//! response of MS-CHAP or MS-CHAPv2 is right, and for the key of the session.

use ntlm::NtHash;
use ntlm_interop::accounts::{ALICE, JURGEN};
use ntlm_interop::hex::hex;
use ntlm_interop::radius::FreeRadius;

fn start() -> FreeRadius {
    FreeRadius::start(&(ALICE.nt_hash_line() + &JURGEN.nt_hash_line()), "--allow-mschapv2")
}

#[test]
fn ms_chap_is_accepted_with_the_right_key() {
    let server = start();
    let hash = NtHash::from_password(ALICE.password);
    for name in [ALICE.user, "ALICE"] {
        let got = server.radtest(name, ALICE.password);
        assert!(got.stdout.contains("Access-Accept"), "{name}: {got:#?} {}", server.log());
        // Behind an LM hash of zeros.
        let keys = format!("0x{}{}", "0".repeat(16), hex(hash.session_base_key().expose()));
        assert!(got.stdout.contains(&keys), "{name}: {keys}: {got:#?}");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_rejected_by_ms_chap() {
    let server = start();
    for (user, reason) in [(ALICE.user, "Denied(WrongPassword)"), ("nobody", "UnknownUser")] {
        let got = server.radtest(user, "battery staple");
        assert!(got.stdout.contains("Access-Reject"), "{user}: {got:#?}");
        assert!(got.stdout.contains("E=691"), "{user}: {got:#?}");
        assert!(server.log().contains("Logon failure (0xc000006d)"), "{}", server.log());
        assert!(server.log().contains(reason), "{reason}: {}", server.log());
    }
    let got = server.radtest(ALICE.user, ALICE.password);
    assert!(got.stdout.contains("Access-Accept"), "{got:#?}");
}

#[test]
fn ms_chapv2_in_peap_and_ttls_is_accepted_with_the_right_key() {
    let server = start();
    for outer in ["PEAP", "TTLS"] {
        for (name, account) in [(ALICE.user, ALICE), (&ALICE.name(), ALICE), (JURGEN.user, JURGEN)]
        {
            let got = server.eapol_test(outer, name, account.password);
            assert_eq!(got.status.code(), Some(0), "{outer} {name}: {got:#?} {}", server.log());
            assert!(got.stdout.contains("MPPE keys OK: 1  mismatch: 0"), "{outer}: {got:#?}");
            assert!(got.stdout.ends_with("SUCCESS"), "{outer}: {got:#?}");
        }
    }
}

#[test]
fn a_wrong_password_is_rejected_in_peap_and_ttls() {
    let server = start();
    for outer in ["PEAP", "TTLS"] {
        for (user, password) in [(ALICE.user, "battery staple"), ("nobody", ALICE.password)] {
            let got = server.eapol_test(outer, user, password);
            assert_ne!(got.status.code(), Some(0), "{outer} {user}: {got:#?}");
            assert!(got.stdout.ends_with("FAILURE"), "{outer} {user}: {got:#?}");
        }
    }
}

#[test]
fn users_of_other_groups_and_ms_chap_without_permission_are_rejected() {
    let users = ALICE.nt_hash_line().replace('\n', ":Wi-Fi\n");
    for (options, is_accepted) in [
        ("--allow-mschapv2 --require-membership-of=Wi-Fi", true),
        ("--allow-mschapv2 --require-membership-of=VPN", false),
        ("--level 4", true),
        ("--level 5", false),
        ("--allow-mschapv2 --option=ntlmauth=ntlmv2-only", false),
    ] {
        let server = FreeRadius::start(&users, options);
        let got = server.radtest(ALICE.user, ALICE.password);
        let outcome = if is_accepted { "Access-Accept" } else { "Access-Reject" };
        assert!(got.stdout.contains(outcome), "{options}: {got:#?} {}", server.log());
    }
}
