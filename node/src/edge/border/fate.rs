//! How a connection ends: whoever first has a reason to end it says so here, and everything that carries it stops.

use super::code::Code;
use std::sync::Arc;
use tokio::sync::watch;

/// Shared by all that carry one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fate(Arc<watch::Sender<Life>>);

#[derive(Debug, Clone, Copy, Default)]
struct Life {
    /// Whether a stream was asked for, be it granted or not.
    used: bool,
    ended: Option<Code>,
}

impl Fate {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Ends the connection hard; the first reason stays.
    pub fn end(&self, code: Code) {
        self.0.send_if_modified(|life| {
            let first = life.ended.is_none();
            if first {
                life.ended = Some(code);
            }
            first
        });
    }

    /// Why it ended; none while it lives.
    pub fn ended(&self) -> Option<Code> {
        self.0.borrow().ended
    }

    /// Waits for the end.
    pub async fn wait(&self) -> Code {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(|life| life.ended.is_some()).await {
            Ok(life) => life.ended.unwrap_or(Code::Closed),
            Err(_) => Code::Closed,
        }
    }

    /// Says that the peer asked for a stream on the connection.
    pub(crate) fn used(&self) {
        self.0.send_modify(|life| life.used = true);
    }

    /// Waits until the peer asks for a stream, or the connection ends.
    pub(crate) async fn use_or_end(&self) {
        // The sender lives in `self`.
        let _ = self.0.subscribe().wait_for(|life| life.used || life.ended.is_some()).await;
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
