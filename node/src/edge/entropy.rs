//! Chance from the operating system.

use crate::port::Entropy;

/// The kernel's generator (`getrandom`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            tracing::error!(%error, "the system gives no random bytes; nothing may be signed or sealed");
            std::process::abort();
        }
    }
}
