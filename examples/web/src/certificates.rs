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
    /// Of the files that were read last, even if they could not be used.
    stamp: Option<Stamp>,
}

/// When each of the files was written, and its length.
type Stamp = [(SystemTime, u64); 2];

impl Certificates {
    /// Reads the files (PEM).
    ///
    /// # Errors
    /// If there is no certificate or no key in them, or they do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        // Taken before the files are read, so that a change during the reading is found the next time.
        let stamp = stamp(certificate, key).ok();
        let (acceptor, bindings) = tls::acceptor(certificate, key)?;
        let current = Mutex::new(Current { acceptor, bindings, stamp });
        Ok(Self { certificate: certificate.into(), key: key.into(), current })
    }

    /// For one connection: what shows the certificate, and the channel bindings of that certificate.
    /// Both come from one reading of the files, so they always fit each other.
    pub fn current(&self) -> (TlsAcceptor, ChannelBindings) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.certificate, &self.key).ok();
        // Files that are missing are about to be replaced.
        if stamp.is_some() && stamp != current.stamp {
            current.stamp = stamp;
            match tls::acceptor(&self.certificate, &self.key) {
                Ok((acceptor, bindings)) => {
                    (current.acceptor, current.bindings) = (acceptor, bindings);
                    println!("certificate renewed");
                }
                // Of the two files, one may be new and the other old: the next change is tried again.
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
