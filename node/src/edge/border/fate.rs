//! How a connection ends: whoever first has a reason to end it says so here, and everything that carries it stops.

use super::code::Code;
use std::sync::Arc;
use tokio::sync::watch;

/// Shared by all that carry one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fate(Arc<watch::Sender<Option<Code>>>);

impl Fate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Ends the connection hard; the first reason stays.
    pub fn end(&self, code: Code) {
        self.0.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(code);
            }
            first
        });
    }

    /// Why it ended; none while it lives.
    pub fn ended(&self) -> Option<Code> {
        *self.0.borrow()
    }

    /// Waits for the end.
    pub async fn wait(&self) -> Code {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(Option::is_some).await {
            Ok(ended) => ended.unwrap_or(Code::Closed),
            Err(_) => Code::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays() {
        let fate = Fate::new();
        assert_eq!(fate.ended(), None);
        let waiting = tokio::spawn({
            let fate = fate.clone();
            async move { fate.wait().await }
        });
        fate.end(Code::PinChanged);
        fate.end(Code::Closed);
        assert_eq!(fate.ended(), Some(Code::PinChanged));
        assert_eq!(waiting.await.ok(), Some(Code::PinChanged));
    }
}
