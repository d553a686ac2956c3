//! Reading back what was kept: envelopes that were signed here, or verified before they were taken. They are not verified
//! again, because the keys of then may have been rotated since; the store's own seal vouches for them.

use super::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use prost::Message;
use varde_proto::envelope::{Envelope, Payload};
use varde_proto::id::NodeId;

/// The envelope kept under an index.
pub fn envelope(ledger: &Ledger, index: u64) -> Result<Envelope, StoreError> {
    let bytes = ledger.read(&rows::numbered(rows::ENVELOPE, index))?;
    let envelope = bytes.and_then(|bytes| Envelope::decode(bytes.as_slice()).ok());
    envelope.ok_or_else(|| StoreError::Damaged(format!("the envelope kept under {index} cannot be read")))
}

/// The envelope and its payload, which must be a `P`.
pub fn payload<P: Payload>(ledger: &Ledger, index: u64) -> Result<(Envelope, P), StoreError> {
    let envelope = envelope(ledger, index)?;
    let unreadable = |why: &str| StoreError::Damaged(format!("the payload kept under {index} {why}"));
    if envelope.payload_type != P::TYPE {
        return Err(unreadable("is of another type"));
    }
    let wire = P::Wire::decode(envelope.payload.clone()).map_err(|_| unreadable("cannot be decoded"))?;
    let payload = P::from_wire(wire).map_err(|_| unreadable("breaks a rule of its kind"))?;
    Ok((envelope, payload))
}

/// Every country with which anything was ever exchanged, pinned or not.
pub fn countries(ledger: &Ledger) -> Result<Vec<NodeId>, StoreError> {
    let channels = ledger.scan(&[rows::CHANNEL], &[rows::CHANNEL + 1], false);
    let mut countries = Vec::new();
    for row in channels {
        let (name, _) = row?;
        let country = name.get(2..4).and_then(|c| std::str::from_utf8(c).ok()).and_then(|c| NodeId::parse(c).ok());
        countries.push(country.ok_or_else(|| StoreError::Damaged("a channel's row cannot be read".into()))?);
    }
    countries.sort_unstable();
    countries.dedup();
    Ok(countries)
}
