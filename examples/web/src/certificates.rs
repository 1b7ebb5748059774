//! A certificate that may be renewed while the server runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use ntlm::ChannelBindings;
use ntlm_http_examples::tls;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key in files, which are read again when they change.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    bindings: ChannelBindings,
    /// The stamp of the files that were read last, even if they were invalid.
    stamp: Option<Stamp>,
}

/// Modification time and length of each file.
type Stamp = [(SystemTime, u64); 2];

impl Certificates {
    /// Reads the files (PEM).
    ///
    /// # Errors
    /// If they contain no certificate or no key, or the two do not match.
    pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        // Determined before the files are read, so that a change during the reading is detected the
        // next time.
        let stamp = stamp(certificate, key).ok();
        let (acceptor, bindings) = tls::acceptor(certificate, key)?;
        let current = Mutex::new(Current { acceptor, bindings, stamp });
        Ok(Self { certificate: certificate.into(), key: key.into(), current })
    }

    /// For one connection: the acceptor with the current certificate, and the channel bindings of
    /// that certificate. Both come from one reading of the files, so they always match.
    pub fn current(&self) -> (TlsAcceptor, ChannelBindings) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.certificate, &self.key).ok();
        // Missing files are about to be replaced.
        if stamp.is_some() && stamp != current.stamp {
            current.stamp = stamp;
            match tls::acceptor(&self.certificate, &self.key) {
                Ok((acceptor, bindings)) => {
                    (current.acceptor, current.bindings) = (acceptor, bindings);
                    println!("certificate renewed");
                }
                // One of the two files may still be old; the next change is tried again.
                Err(error) => println!("certificate kept reason={:?}", format!("{error:#}")),
            }
        }
        (current.acceptor.clone(), current.bindings.clone())
    }
}

fn stamp(certificate: &Path, key: &Path) -> io::Result<Stamp> {
    let of = |file| fs::metadata(file).and_then(|found| Ok((found.modified()?, found.len())));
    Ok([of(certificate)?, of(key)?])
}
