//! The node's chance as a generator of random words, in blocks that are wiped. Each block comes from the operating system,
//! so there is no seed: with a seed and a release, the noise could be taken off again.

use crate::port::Entropy;
use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;
use zeroize::Zeroizing;

/// Bytes of one block.
const BLOCK: usize = 4096;

/// Random words out of [`Entropy`].
pub(super) struct Chance<'a> {
    entropy: &'a dyn Entropy,
    block: Zeroizing<[u8; BLOCK]>,
    used: usize,
}

impl<'a> Chance<'a> {
    pub(super) fn new(entropy: &'a dyn Entropy) -> Self {
        Self { entropy, block: Zeroizing::new([0; BLOCK]), used: BLOCK }
    }

    fn word<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > BLOCK {
            self.entropy.fill(&mut *self.block);
            self.used = 0;
        }
        let mut word = [0; N];
        word.copy_from_slice(&self.block[self.used..self.used + N]);
        self.block[self.used..self.used + N].fill(0);
        self.used += N;
        word
    }
}

impl TryRng for Chance<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.word()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.word()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.entropy.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Chance<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Fills each block with the number of the call.
    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        }
    }

    #[test]
    fn every_word_is_fresh_and_a_block_is_never_used_twice() {
        let counting = Counting::default();
        let mut chance = Chance::new(&counting);
        let words: Vec<u64> = (0..1025).map(|_| chance.next_u64()).collect();
        let block =
            |n: usize| words[n * 512..((n + 1) * 512).min(1025)].iter().all(|w| w.to_le_bytes() == [n as u8 + 1; 8]);
        assert!(block(0) && block(1) && block(2));
        assert_eq!(chance.next_u32(), 0x0303_0303);
    }
}
