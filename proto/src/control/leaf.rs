//! The bodies of the leaves about an erasure (docs/protocol.md, "Erasure"). Their `object` is E of the item, their class and
//! number those of the item; the peer is the other end of its channel.
//!
//! ```text
//! erase-request   E of the request (32; zeros where nobody asked) ‖ reason (1) ‖ basis (1) ‖ due, UTC ms (8)
//! erase-done      E of the request (32; zeros where nobody asked) ‖ reason (1)
//! hold            1 begins, 0 ends (1)
//! ```

use crate::id::Digest;
use crate::log::codec::Fields;
use crate::time::Timestamp;
use crate::vocabulary::{ErasureBasis, ErasureReason, Vocabulary};

/// What an `erase-request` leaf says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// E of the request; [`Digest::NONE`] where the item's time was over and nobody asked.
    pub request: Digest,
    /// Why.
    pub reason: ErasureReason,
    /// On what it rests.
    pub basis: ErasureBasis,
    /// When it is overdue.
    pub due: Timestamp,
}

/// What an `erase-done` leaf says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// E of the request; [`Digest::NONE`] where nobody asked.
    pub request: Digest,
    /// Why.
    pub reason: ErasureReason,
}

impl Requested {
    /// The body.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = self.request.0.to_vec();
        body.extend([self.reason.number() as u8, self.basis.number() as u8]);
        body.extend(self.due.ms().to_be_bytes());
        body
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let request = fields.digest()?;
        let reason = ErasureReason::from_number(fields.byte()?.into())?;
        let basis = ErasureBasis::from_number(fields.byte()?.into())?;
        let due = Timestamp::from_ms(i64::try_from(fields.long()?).ok()?).ok()?;
        fields.0.is_empty().then_some(Self { request, reason, basis, due })
    }
}

impl Done {
    /// The body.
    pub fn encode(&self) -> Vec<u8> {
        [&self.request.0[..], &[self.reason.number() as u8]].concat()
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let request = fields.digest()?;
        let reason = ErasureReason::from_number(fields.byte()?.into())?;
        fields.0.is_empty().then_some(Self { request, reason })
    }
}

/// The body of a `hold` leaf.
pub fn hold(begins: bool) -> Vec<u8> {
    vec![u8::from(begins)]
}

/// Whether a `hold` leaf begins a hold or ends one.
pub fn read_hold(body: &[u8]) -> Option<bool> {
    match body {
        [1] => Some(true),
        [0] => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_back_and_has_one_length() {
        let (request, reason) = (Digest([7; 32]), ErasureReason::DATA_SUBJECT);
        let due = Timestamp::from_ms(1_795_291_200_123).unwrap();
        let requested = Requested { request, reason, basis: ErasureBasis::GDPR_17, due };
        let done = Done { request, reason };
        let (first, second) = (requested.encode(), done.encode());
        assert_eq!((first.len(), second.len()), (42, 33));
        assert_eq!((Requested::decode(&first), Done::decode(&second)), (Some(requested), Some(done)));
        for (asked, answered) in
            [(&first[..41], &second[..32]), (&[&first[..], &[0]].concat(), &[&second[..], &[0]].concat())]
        {
            assert_eq!((Requested::decode(asked), Done::decode(answered)), (None, None));
        }
        assert_eq!([hold(true), hold(false), vec![2]].map(|body| read_hold(&body)), [Some(true), Some(false), None]);
    }
}
