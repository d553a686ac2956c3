//! How fast a peer may send: so many bytes a second, where every HTTP/2 frame counts as if it were at least [`FLOOR`] long. What
//! costs us most is not a byte but a frame; pings, settings and empty data of a dozen bytes each, sent as fast as a connection
//! takes them, would occupy every core. Whoever sends faster is read more slowly, and nothing is closed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes a second of one peer, over all its connections: several times what a catch-up needs.
const RATE: u64 = 64 * 1024 * 1024;
/// What a frame counts at least: 32,768 frames a second.
const FLOOR: u64 = 2 * 1024;
/// What may come at once after a pause: the window of a connection.
const BURST: u64 = super::serve::CONNECTION_WINDOW as u64;
/// The head of a frame (RFC 9113, section 4.1).
const HEAD: usize = 9;
/// What a client sends before its first frame (section 3.4).
pub(super) const PREFACE: usize = 24;

/// What one peer may still send, shared by all its connections.
#[derive(Debug)]
pub(crate) struct Allowance(Mutex<Instant>);

impl Allowance {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Charges so many bytes; when more may be read, where that is not now.
    fn charge(&self, bytes: u64) -> Option<Instant> {
        let now = Instant::now();
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(now) + lasts(bytes);
        paid.checked_sub(lasts(BURST)).filter(|until| *until > now)
    }
}

fn lasts(bytes: u64) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / RATE)
}

/// Follows the frames in what one connection brings.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Bytes to the next frame's head.
    rest: usize,
    head: [u8; HEAD],
    /// Bytes of that head that are there.
    have: usize,
}

impl Meter {
    /// A meter of a connection that begins with so many bytes before its first frame.
    pub(crate) fn new(before: usize) -> Self {
        Self { rest: before, head: [0; HEAD], have: 0 }
    }

    /// Charges what came; when more may be read, where that is not now.
    pub(crate) fn charge(&mut self, mut bytes: &[u8], allowance: &Allowance) -> Option<Instant> {
        let mut cost = bytes.len() as u64;
        while !bytes.is_empty() {
            let passed = self.rest.min(bytes.len());
            self.rest -= passed;
            bytes = &bytes[passed..];
            let taken = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD {
                let [high, middle, low, ..] = self.head;
                self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.have = 0;
                cost += FLOOR.saturating_sub((HEAD + self.rest) as u64);
            }
        }
        allowance.charge(cost)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// When more may be read after this was sent in pieces of so many bytes.
    fn after(bytes: &[u8], piece: usize) -> Duration {
        let (allowance, mut meter, began) = (Allowance::new(), Meter::new(PREFACE), Instant::now());
        let until = bytes.chunks(piece).filter_map(|piece| meter.charge(piece, &allowance)).last();
        until.map_or(Duration::ZERO, |until| until - began)
    }

    fn frames(count: usize, payload: usize) -> Vec<u8> {
        let head = [&(payload as u32).to_be_bytes()[1..], &[0; 6]].concat();
        let frame = [head, vec![1; payload]].concat();
        [vec![0; PREFACE], frame.repeat(count)].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_has_so_many_bytes_or_so_many_frames() {
        let second = Duration::from_secs(1);
        let near = |time: Duration| time.abs_diff(second) < Duration::from_millis(5);
        let whole = (RATE + BURST) as usize;
        assert!(near(after(&frames(whole / (16_384 + 9), 16_384), 65_536)));
        let small = frames(whole / FLOOR as usize, 8);
        for piece in [1, 7, 8192] {
            assert!(near(after(&small, piece)), "in pieces of {piece}");
        }
        assert_eq!(after(&frames(BURST as usize / FLOOR as usize - 1, 8), 8192), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_not_saved_up() {
        let (allowance, mut meter) = (Allowance::new(), Meter::new(0));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let until = meter.charge(&frames(2 * BURST as usize / FLOOR as usize, 8)[PREFACE..], &allowance).unwrap();
        assert!((until - Instant::now()).abs_diff(lasts(BURST)) < Duration::from_millis(5));
    }
}
