//! Reading back what was kept: envelopes that were signed here, or verified before they were taken. They are not verified
//! again, because the keys of then may have been rotated since; the store's own seal vouches for them.

use super::desk::Desk;
use super::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use prost::Message;
use varde_proto::envelope::{Envelope, Payload};
use varde_proto::id::NodeId;

/// The envelope and its payload, which must be a `P`.
pub fn payload<P: Payload>(ledger: &Ledger, index: u64) -> Result<(Envelope, P), StoreError> {
    if_kept(ledger, index)?.ok_or_else(|| StoreError::Damaged(format!("the envelope kept under {index} is gone")))
}

/// The same, unless it was erased.
pub fn if_kept<P: Payload>(ledger: &Ledger, index: u64) -> Result<Option<(Envelope, P)>, StoreError> {
    let bytes = ledger.read(&rows::numbered(rows::ENVELOPE, index))?;
    bytes.map(|bytes| read(&bytes, index)).transpose()
}

/// The payload, if it is still there and a `P`.
pub fn if_of_type<P: Payload>(ledger: &Ledger, index: u64) -> Result<Option<P>, StoreError> {
    let Some(bytes) = ledger.read(&rows::numbered(rows::ENVELOPE, index))? else { return Ok(None) };
    let is = Envelope::decode(bytes.as_slice()).is_ok_and(|envelope| envelope.payload_type == P::TYPE);
    if is { read(&bytes, index).map(|(_, payload)| Some(payload)) } else { Ok(None) }
}

/// The envelope and its payload, as the commit under way will leave them.
pub fn at_desk<P: Payload>(desk: &Desk<'_>, index: u64) -> Result<(Envelope, P), StoreError> {
    let bytes = desk.open(&rows::numbered(rows::ENVELOPE, index))?;
    let bytes = bytes.ok_or_else(|| StoreError::Damaged(format!("the envelope kept under {index} is gone")))?;
    read(&bytes, index)
}

fn read<P: Payload>(bytes: &[u8], index: u64) -> Result<(Envelope, P), StoreError> {
    let envelope = Envelope::decode(bytes);
    let envelope =
        envelope.map_err(|_| StoreError::Damaged(format!("the envelope kept under {index} cannot be read")))?;
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
