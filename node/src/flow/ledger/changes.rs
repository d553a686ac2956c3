//! Waiting for the next change, as the ledger and others tell of it.

use tokio::sync::broadcast;

/// Tells of changes to those who wait, in the order in which they came to wait.
pub struct Changes(Option<broadcast::Receiver<()>>);

impl Changes {
    /// What is told from now on; nothing, if whoever would tell has ended.
    pub(in crate::flow) fn of(teller: Option<&broadcast::Sender<()>>) -> Self {
        Self(teller.map(broadcast::Sender::subscribe))
    }

    /// Waits for something newer than what was told last. False when whoever tells has ended.
    pub async fn changed(&mut self) -> bool {
        match &mut self.0 {
            Some(moved) => !matches!(moved.recv().await, Err(broadcast::error::RecvError::Closed)),
            None => false,
        }
    }
}
