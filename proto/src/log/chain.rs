//! The accumulator of a channel: both ends compute it from what both have seen, so one comparison reconciles the channel.
//!
//! `X_0 = SHA-256("varde/chan/v1\n" from "\n" to "\n" class "\n")`, `X_n = SHA-256(0x02 || X_(n-1) || u64 n || E_n)`.

use crate::id::{Digest, Origin};
use sha2::{Digest as _, Sha256};

/// X of a channel in which nothing was sent yet.
pub fn start(from: &Origin, to: &Origin, class: u8) -> Digest {
    Digest::of(format!("varde/chan/v1\n{from}\n{to}\n{class}\n").as_bytes())
}

/// X after item `seq`, whose digest is `object`, given X before it.
pub fn next(before: &Digest, seq: u64, object: &Digest) -> Digest {
    let hash = Sha256::new().chain_update([2]).chain_update(before.0).chain_update(seq.to_be_bytes());
    Digest(hash.chain_update(object.0).finalize().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn direction_class_order_and_content_each_change_the_accumulator() {
        let no = Origin::parse("varde.example/no/1").unwrap();
        let ee = Origin::parse("varde.example/ee/1").unwrap();
        let x = start(&no, &ee, 1);
        assert_ne!(x, start(&ee, &no, 1));
        assert_ne!(x, start(&no, &ee, 2));
        let (a, b) = (Digest([1; 32]), Digest([2; 32]));
        let after = |first: &Digest, second: &Digest| next(&next(&x, 1, first), 2, second);
        assert_ne!(after(&a, &b), after(&b, &a));
        assert_ne!(next(&x, 1, &a), next(&x, 2, &a));
    }
}
