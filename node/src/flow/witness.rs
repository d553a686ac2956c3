//! Peers witness each other: whoever verifies that a head extends the last one it kept, keeps it and cosigns it, in this order;
//! and the log that it is of keeps the cosignatures (docs/protocol.md, "Witnesses").
//!
//! In: cosigning a peer's head, checking and keeping a peer's cosignature of ours, how far our log is witnessed. Out: when a
//! head is verified ([`super::connection`]) and what a number of cosignatures is worth ([`crate::state::quorum`]).

use super::Node;
use super::deliver::Broken;
use super::desk::Desk;
use crate::port::{Peer, Scan, StoreError};
use crate::rows;
use crate::state::{peer_parts, quorum};
use varde_proto::exchange::{Cosigned, KnownHead};
use varde_proto::id::{Origin, TreeSize};
use varde_proto::identity::{PublicKey, Role};
use varde_proto::log::head::Head;
use varde_proto::log::note::SignatureLine;
use varde_proto::log::vkey::{KeyMaterial, key_id};
use varde_proto::log::{Checkpoint, cosignature};
use varde_proto::time::Timestamp;

/// A verified head of a peer with our cosignature on it, and the same as it travels. It is sent only once the head is durable.
pub fn cosign(node: &Node, head: &Head) -> Result<(Head, Cosigned), StoreError> {
    let failed = |what: &str| StoreError::Damaged(format!("a peer's head could not be cosigned: {what}"));
    let checkpoint = Checkpoint::parse(head.note().text()).map_err(|bad| failed(&bad.to_string()))?;
    let seconds = node.clock.now().seconds().unsigned_abs();
    let name = cosignature::witness_name(&node.me.origin);
    let key = node.keys.witness(node.ledger.head().size().0);
    let line = cosignature::sign(&checkpoint, &name, seconds, &key).ok_or_else(|| failed("its time"))?;
    let signature =
        line.signature().get(8..).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| failed("its form"))?;
    let mut noted = head.clone();
    noted.add(line).map_err(|bad| failed(&bad.to_string()))?;
    Ok((noted, Cosigned { head: KnownHead::of(head), seconds, signature }))
}

/// Checks a peer's cosignature: of a head that we signed, by the key that it is pinned with.
pub fn check(node: &Node, peer: &Peer, cosigned: &Cosigned) -> Result<(), Broken> {
    let KnownHead { size, root } = cosigned.head;
    let signed = size <= node.ledger.head().size().0 && node.ledger.book().tree.root_at(TreeSize(size)) == Some(root);
    if !signed {
        return Err(Broken::Leaf("cosigned-another-log"));
    }
    let checkpoint =
        Checkpoint::new(node.me.origin.as_str(), TreeSize(size), root).map_err(|_| Broken::Leaf(INVALID))?;
    let (text, value) = (checkpoint.text(), value(cosigned));
    let known = peer.keys.current(Role::Wit);
    let good = known.iter().any(|key| cosignature::verify(&text, &value, key).is_some());
    if good { Ok(()) } else { Err(Broken::Leaf(INVALID)) }
}

const INVALID: &str = "cosignature-invalid";

/// Keeps a checked cosignature of one of our heads: the first for each head that we signed, so that no peer makes this store grow, nor
/// write, by cosigning again or at any size between.
pub fn keep(desk: &mut Desk<'_>, witness: &Origin, cosigned: &Cosigned) -> Result<(), StoreError> {
    let size = desk.number(cosigned.head.size);
    let row = row(witness, size);
    let new = desk.get(&rows::numbered(rows::HEAD, size))?.is_some() && desk.get(&row)?.is_none();
    if new { desk.put(row, value(cosigned)) } else { Ok(()) }
}

fn row(witness: &Origin, size: u64) -> Vec<u8> {
    rows::row(rows::COSIGNATURE, &[&peer_parts(witness), &size.to_be_bytes()])
}

fn value(cosigned: &Cosigned) -> Vec<u8> {
    [&cosigned.seconds.to_be_bytes()[..], &cosigned.signature].concat()
}

/// How far one witness has cosigned our log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose log the witness keeps itself.
    pub witness: Origin,
    /// Size of the newest head that it cosigned; 0 for none.
    pub size: u64,
    /// When, in seconds since 1970; 0 for never.
    pub seconds: u64,
}

/// How far our log is witnessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The pinned peers, in order of country.
    pub by: Vec<Standing>,
    /// How many of them make a quorum.
    pub needed: usize,
    /// Leaves that a quorum has cosigned.
    pub size: u64,
    /// Time of the first leaf beyond that, padding and mentions of others' heads apart: they are told with the next one.
    pub waiting_since: Option<Timestamp>,
}

/// How far the pinned peers have cosigned our log.
pub fn standing(node: &Node) -> Result<Witnessed, StoreError> {
    let peers = node.peers.borrow().clone();
    let scan = |from: &[u8], to: &[u8], descending| node.ledger.scan(from, to, descending);
    let by =
        peers.values().map(|peer| newest(&scan, node.ledger.number(0), &peer.origin)).collect::<Result<Vec<_>, _>>()?;
    let needed = quorum::needed(by.len());
    let size = quorum::covered(by.iter().map(|standing| standing.size), needed);
    Ok(Witnessed { by, needed, size, waiting_since: waiting_since(node, size)? })
}

/// Time of the first leaf from `size` on of which peers are to be told.
fn waiting_since(node: &Node, size: u64) -> Result<Option<Timestamp>, StoreError> {
    let loud = node.ledger.book().loud;
    for index in size..loud {
        match node.ledger.opening_if_kept(node.ledger.number(index))? {
            Some(opening) if opening.event().kind.is_quiet() => {}
            opening => return Ok(opening.map(|opening| opening.event().time)),
        }
    }
    Ok(None)
}

/// How far a witness has cosigned the log whose leaf 0 is stored under `first`.
pub(super) fn newest(scan: Scan<'_, '_>, first: u64, witness: &Origin) -> Result<Standing, StoreError> {
    let [from, to] = [first, first + (1 << 40)].map(|size| row(witness, size));
    let none = Standing { witness: witness.clone(), size: 0, seconds: 0 };
    match scan(&from, &to, true).next().transpose()? {
        Some((name, value)) => {
            let (size, seconds, _) = read(&name[1 + peer_parts(witness).len()..], &value)?;
            Ok(Standing { size: rows::counted(size), seconds, ..none })
        }
        None => Ok(none),
    }
}

fn read<'a>(size: &[u8], value: &'a [u8]) -> Result<(u64, u64, &'a [u8]), StoreError> {
    let damaged = || StoreError::Damaged("the row of a cosignature cannot be read".into());
    let size = size.try_into().map(u64::from_be_bytes).map_err(|_| damaged())?;
    let (seconds, signature) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
    Ok((size, u64::from_be_bytes(*seconds), signature))
}

/// A peer's cosignature of a head of ours as a line of its note, if it gave one: by the key that it had then.
pub fn line(node: &Node, witness: &Peer, head: &Head) -> Result<Option<SignatureLine>, StoreError> {
    let name = cosignature::witness_name(&witness.origin);
    let Some(value) = node.ledger.get(&row(&witness.origin, node.ledger.number(head.size().0)))? else {
        return Ok(None);
    };
    let held = witness.keys.roster().holdings(&witness.origin, Role::Wit);
    let by = |key: &PublicKey| held.len() == 1 || cosignature::verify(head.note().text(), &value, key).is_some();
    let key = held.iter().map(|holding| holding.key).find(by);
    Ok(key.and_then(|key| SignatureLine::new(&name, key_id(&name, &KeyMaterial::Cosignature(key)), &value)))
}
