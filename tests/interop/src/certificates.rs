//! Certificates of servers on the loopback interface, made with openssl.

use std::fs;
use std::path::PathBuf;

use crate::process::run;
use crate::programs::installed;
use crate::scratch::Directory;

/// A self-signed certificate of `127.0.0.1` and `localhost`.
#[derive(Debug)]
pub struct Certificate {
    directory: Directory,
}

/// How a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    RsaMd5,
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    RsaPssSha256,
    EcdsaSha256,
    EcdsaSha384,
    Ed25519,
}

impl Certificate {
    /// What most servers have.
    pub fn new() -> Self {
        Self::signed_with(Signature::RsaSha256)
    }

    pub fn signed_with(signature: Signature) -> Self {
        let certificate = Self { directory: Directory::new() };
        let openssl = &mut installed("openssl");
        openssl.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1"]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        // To be shown by a server is all it is for; some clients insist on that.
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.args(signature.arguments());
        openssl.arg("-out").arg(certificate.file()).arg("-keyout").arg(certificate.key_file());
        let _ = run(openssl).expect_success();
        certificate
    }

    /// The certificate, PEM.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// Its private key, PEM.
    pub fn key_file(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    /// Both in one file, as HAProxy wants them.
    pub fn combined_file(&self) -> PathBuf {
        let read = |path| fs::read_to_string(path).expect("openssl wrote it");
        self.directory.write("combined.pem", &(read(self.file()) + &read(self.key_file())))
    }

    /// The certificate's hash, by openssl: `sha256`, `sha384`, `sha512`.
    pub fn fingerprint(&self, hash: &str) -> Vec<u8> {
        let openssl = &mut installed("openssl");
        openssl.args(["x509", "-noout", "-fingerprint", &format!("-{hash}"), "-in"]);
        let printed = run(openssl.arg(self.file())).expect_success().stdout;
        let (_, digits) = printed.split_once('=').expect("the hash has a name");
        digits.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")).collect()
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

impl Signature {
    pub const ALL: [Self; 9] = [
        Self::RsaMd5,
        Self::RsaSha1,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::RsaPssSha256,
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::Ed25519,
    ];

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::RsaMd5 => &["-newkey", "rsa:2048", "-md5"],
            Self::RsaSha1 => &["-newkey", "rsa:2048", "-sha1"],
            Self::RsaSha256 => &["-newkey", "rsa:2048", "-sha256"],
            Self::RsaSha384 => &["-newkey", "rsa:2048", "-sha384"],
            Self::RsaSha512 => &["-newkey", "rsa:2048", "-sha512"],
            Self::RsaPssSha256 => {
                &["-newkey", "rsa:2048", "-sha256", "-sigopt", "rsa_padding_mode:pss"]
            }
            Self::EcdsaSha256 => {
                &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha256"]
            }
            Self::EcdsaSha384 => {
                &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384"]
            }
            Self::Ed25519 => &["-newkey", "ed25519"],
        }
    }
}
