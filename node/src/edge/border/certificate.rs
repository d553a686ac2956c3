//! The node's TLS certificate on disk: issued when missing or spent, and again under the same key at two thirds of its life,
//! so that no pin changes.

use crate::edge::disk;
use crate::port::{Clock, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use varde_proto::home;
use varde_proto::identity::SecretKey;
use varde_proto::identity::armor;
use varde_proto::identity::certificate::{Certificate, NotIssued};
use varde_proto::limits;

/// How often the certificate's age is looked at.
const LOOK: Duration = Duration::from_secs(3600);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum NoCertificate {
    /// It could not be made.
    #[error("{0}")]
    Issue(#[from] NotIssued),
    /// It could not be written.
    #[error("tls.crt: {0}")]
    Write(#[from] StoreError),
}

/// Keeps the certificate fresh.
pub(crate) struct Renewal {
    path: PathBuf,
    key: Arc<SecretKey>,
    clock: Arc<dyn Clock>,
    sender: watch::Sender<Arc<Vec<u8>>>,
}

impl Renewal {
    /// Takes the certificate on disk if it is fresh and for this key, else issues one.
    pub(crate) fn start(dir: &Path, key: Arc<SecretKey>, clock: Arc<dyn Clock>) -> Result<Self, NoCertificate> {
        let sender = watch::Sender::new(Arc::default());
        let renewal = Self { path: dir.join(home::TLS_CERTIFICATE), key, clock, sender };
        match renewal.on_disk() {
            Some(der) => renewal.sender.send_modify(|current| *current = Arc::new(der)),
            None => renewal.issue()?,
        }
        Ok(renewal)
    }

    /// The certificate as it is now, DER.
    pub(crate) fn certificate(&self) -> watch::Receiver<Arc<Vec<u8>>> {
        self.sender.subscribe()
    }

    /// Looks once an hour, for ever.
    pub(crate) async fn run(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let current = self.sender.borrow().clone();
            if !self.is_fresh(&current) {
                match self.issue() {
                    Ok(()) => tracing::info!("the TLS certificate was issued anew, under the same key"),
                    Err(error) => tracing::error!(%error, "the TLS certificate was not issued anew"),
                }
            }
        }
    }

    fn on_disk(&self) -> Option<Vec<u8>> {
        let text = std::fs::read_to_string(&self.path).ok().filter(|t| t.len() <= 2 * limits::CERTIFICATE_BYTES)?;
        armor::certificate_from_pem(&text).ok().filter(|der| self.is_fresh(der))
    }

    fn is_fresh(&self, der: &[u8]) -> bool {
        let now = self.clock.now();
        Certificate::read(der).is_ok_and(|c| c.key == self.key.public() && c.covers(now) && !c.is_due(now))
    }

    fn issue(&self) -> Result<(), NoCertificate> {
        let der = Certificate::issue(&self.key, self.clock.now())?;
        disk::replace(&self.path, armor::certificate_to_pem(&der).as_bytes())?;
        self.sender.send_modify(|current| *current = Arc::new(der));
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{TestClock, key};
    use super::*;

    fn start(dir: &Path, clock: &Arc<TestClock>) -> Renewal {
        Renewal::start(dir, Arc::new(key(5)), clock.clone()).unwrap()
    }

    #[test]
    fn a_fresh_certificate_is_kept_and_a_spent_or_foreign_one_is_not() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let first = start(dir.path(), &clock).certificate().borrow().clone();
        assert_eq!(Certificate::read(&first).unwrap().key, key(5).public());
        clock.forward(59);
        assert_eq!(*start(dir.path(), &clock).certificate().borrow(), first);
        clock.forward(2);
        let second = start(dir.path(), &clock).certificate().borrow().clone();
        assert_ne!(second, first);
        assert_eq!(Certificate::read(&second).unwrap().key, key(5).public(), "the pin changed");
        let foreign = Certificate::issue(&key(6), clock.now()).unwrap();
        std::fs::write(dir.path().join(home::TLS_CERTIFICATE), armor::certificate_to_pem(&foreign)).unwrap();
        let third = start(dir.path(), &clock).certificate().borrow().clone();
        assert_eq!(Certificate::read(&third).unwrap().key, key(5).public());
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_node_issues_its_certificate_anew_at_two_thirds_of_its_life() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let renewal = start(dir.path(), &clock);
        let mut certificate = renewal.certificate();
        let first = certificate.borrow_and_update().clone();
        let _running = tokio::spawn(renewal.run());
        assert!(tokio::time::timeout(LOOK * 3, certificate.changed()).await.is_err(), "it was issued too early");
        clock.forward(61);
        certificate.changed().await.unwrap();
        assert_ne!(*certificate.borrow(), first);
    }
}
