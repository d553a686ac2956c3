//! The node's TLS certificate on disk: issued when missing or spent, and again under the same key at two thirds of its life,
//! so that no pin changes; and at once under another key, when another follows.

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

/// What we show of ourselves: a certificate, DER, and its key.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) der: Vec<u8>,
    pub(crate) key: Arc<SecretKey>,
}

/// Keeps the certificate fresh.
pub(crate) struct Renewal {
    path: PathBuf,
    key: watch::Receiver<Arc<SecretKey>>,
    clock: Arc<dyn Clock>,
    sender: watch::Sender<Arc<Shown>>,
}

impl Renewal {
    /// Takes the certificate on disk if it is fresh and for this key, else issues one.
    pub(crate) fn start(
        dir: &Path,
        key: watch::Receiver<Arc<SecretKey>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NoCertificate> {
        let sender = watch::Sender::new(Arc::new(Shown { der: Vec::new(), key: key.borrow().clone() }));
        let renewal = Self { path: dir.join(home::TLS_CERTIFICATE), key, clock, sender };
        match renewal.on_disk() {
            Some(der) => renewal.show(der),
            None => renewal.issue()?,
        }
        Ok(renewal)
    }

    /// What is shown now.
    pub(crate) fn shown(&self) -> watch::Receiver<Arc<Shown>> {
        self.sender.subscribe()
    }

    fn show(&self, der: Vec<u8>) {
        let key = self.key.borrow().clone();
        self.sender.send_replace(Arc::new(Shown { der, key }));
    }

    /// Looks once an hour, and when the key changes, for ever.
    pub(crate) async fn run(self) {
        let mut key = self.key.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                Ok(()) = key.changed() => {}
            }
            let current = self.sender.borrow().clone();
            if !self.is_fresh(&current.der) {
                match self.issue() {
                    Ok(()) => tracing::info!("the TLS certificate was issued anew"),
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
        let key = self.key.borrow().public();
        Certificate::read(der).is_ok_and(|c| c.key == key && c.covers(now) && !c.is_due(now))
    }

    fn issue(&self) -> Result<(), NoCertificate> {
        let key = self.key.borrow().clone();
        let der = Certificate::issue(&key, self.clock.now())?;
        disk::replace(&self.path, armor::certificate_to_pem(&der).as_bytes())?;
        self.show(der);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{TestClock, key};
    use super::*;

    fn start(dir: &Path, clock: &Arc<TestClock>) -> Renewal {
        Renewal::start(dir, watch::channel(Arc::new(key(5))).1, clock.clone()).unwrap()
    }

    #[test]
    fn a_fresh_certificate_is_kept_and_a_spent_or_foreign_one_is_not() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let first = start(dir.path(), &clock).shown().borrow().der.clone();
        assert_eq!(Certificate::read(&first).unwrap().key, key(5).public());
        clock.forward(59);
        assert_eq!(start(dir.path(), &clock).shown().borrow().der, first);
        clock.forward(2);
        let second = start(dir.path(), &clock).shown().borrow().der.clone();
        assert_ne!(second, first);
        assert_eq!(Certificate::read(&second).unwrap().key, key(5).public(), "the pin changed");
        let foreign = Certificate::issue(&key(6), clock.now()).unwrap();
        std::fs::write(dir.path().join(home::TLS_CERTIFICATE), armor::certificate_to_pem(&foreign)).unwrap();
        let third = start(dir.path(), &clock).shown().borrow().der.clone();
        assert_eq!(Certificate::read(&third).unwrap().key, key(5).public());
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_node_issues_its_certificate_anew_at_two_thirds_of_its_life() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let renewal = start(dir.path(), &clock);
        let mut certificate = renewal.shown();
        let first = certificate.borrow_and_update().der.clone();
        let _running = tokio::spawn(renewal.run());
        assert!(tokio::time::timeout(LOOK * 3, certificate.changed()).await.is_err(), "it was issued too early");
        clock.forward(61);
        certificate.changed().await.unwrap();
        assert_ne!(certificate.borrow().der, first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_node_shows_another_key_as_soon_as_it_follows() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let (turn, current) = watch::channel(Arc::new(key(5)));
        let renewal = Renewal::start(dir.path(), current, clock.clone()).unwrap();
        let mut shown = renewal.shown();
        shown.mark_unchanged();
        let _running = tokio::spawn(renewal.run());
        turn.send_replace(Arc::new(key(6)));
        shown.changed().await.unwrap();
        let now = shown.borrow().clone();
        assert_eq!(Certificate::read(&now.der).unwrap().key, key(6).public());
        assert_eq!(now.key.public(), key(6).public());
    }
}
