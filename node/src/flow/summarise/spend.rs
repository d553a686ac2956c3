//! The lines of our own budget in the store and in the log: read back and added up, signed, logged as leaves of their own,
//! and owed to those who get the release.

use crate::flow::desk::Desk;
use crate::flow::filing;
use crate::flow::ledger::Ledger;
use crate::flow::outbox::{self, NotSent, Signed};
use crate::flow::{Node, kept};
use crate::national::budget::{Budget, Line};
use crate::port::{Peer, StoreError};
use crate::rows;
use prost::Message;
use std::sync::Arc;
use varde_proto::envelope::{self, Header, Payload};
use varde_proto::id::Digest;
use varde_proto::log::event::{Event, Kind};
use varde_proto::summary::{Chain, LedgerEntry};
use varde_proto::time::Timestamp;

/// Every line of our budget in order, with its digest.
pub fn lines(ledger: &Ledger) -> Result<Vec<(Digest, LedgerEntry)>, StoreError> {
    let issuer = ledger.book().origin.node();
    let prefix = rows::row(rows::BUDGET, &[issuer.as_str().as_bytes()]);
    let end = [&prefix[..], &[0xff; 9]].concat();
    let mut lines = Vec::new();
    for row in ledger.scan(&prefix, &end, false) {
        let (index, digest) = filing::read_filed(&row?.1)?;
        let (envelope, entry) = kept::payload::<LedgerEntry>(ledger, index)?;
        if envelope::digest(&envelope) != digest {
            return Err(StoreError::Damaged(format!("the budget entry under {index} is not the one that was filed")));
        }
        lines.push((digest, entry));
    }
    Ok(lines)
}

/// Our budget, added up. Lines that do not follow from one another are damage: nothing is spent on top of them.
pub(super) fn read(ledger: &Ledger) -> Result<Budget, StoreError> {
    let mut chain = Chain::default();
    for (digest, entry) in lines(ledger)? {
        let fault = |fault| StoreError::Damaged(format!("budget entry {}: {fault}", entry.seq));
        chain.append(&entry, digest).map_err(fault)?;
    }
    Ok(Budget::new(chain))
}

/// The recipients of the last line that reserved: those who must hear what became of it, as far as they are still pinned.
pub(super) fn told(node: &Node, reserve: Digest) -> Result<Vec<Arc<Peer>>, StoreError> {
    let lines = lines(&node.ledger)?;
    let entry = lines.iter().find(|(digest, _)| *digest == reserve).map(|(_, entry)| entry);
    let told = entry.map(|entry| entry.header.recipients.as_slice()).unwrap_or_default();
    let peers = node.peers.borrow();
    Ok(peers.values().filter(|peer| told.iter().any(|origin| origin == peer.origin.as_str())).cloned().collect())
}

/// A line, signed and addressed.
pub(super) struct Written {
    entry: LedgerEntry,
    signed: Signed,
    digest: Digest,
}

impl Written {
    /// SHA-256(PAE).
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }
}

/// Signs a line for these peers; for nobody, it stays here.
pub(super) fn sign(node: &Node, line: Line, peers: &[Arc<Peer>], program: Digest) -> Result<Written, NotSent> {
    let header = if peers.is_empty() { to_nobody(node) } else { outbox::header(node, peers)? };
    let Line { seq, prev, act, cohort, edition, spent } = line;
    let entry = LedgerEntry { header, seq, prev, act, cohort, edition, spent, program, time: node.clock.now() };
    let signed = outbox::sign::<LedgerEntry>(node, &entry.to_wire(), peers, entry.class())?;
    let digest = envelope::digest(signed.envelope());
    Ok(Written { entry, signed, digest })
}

fn to_nobody(node: &Node) -> Header {
    let mut salt = [0; 32];
    node.entropy.fill(&mut salt);
    Header {
        network: node.me.origin.network().to_owned(),
        mode: node.me.mode as i32,
        issuer: node.me.origin.as_str().to_owned(),
        recipients: Vec::new(),
        agreement: Digest::NONE.0.to_vec().into(),
        salt: salt.to_vec().into(),
    }
}

/// Writes a line: a leaf of its own, its row, and what is owed of it. Refused if another line took its number meanwhile.
pub(super) fn write(desk: &mut Desk<'_>, written: &Written) -> Result<(), StoreError> {
    let Written { entry, signed, digest } = written;
    let row = filing::budget_row(desk.origin().node(), entry.seq);
    if desk.get(&row)?.is_some() {
        return Err(StoreError::Damaged(format!("budget entry {} exists already", entry.seq)));
    }
    let local = Event { object: *digest, ..Event::local(Kind::BUDGET, Timestamp::default()) };
    let (leaf, _) = desk.append(local)?;
    let index = if entry.header.recipients.is_empty() {
        desk.seal(rows::numbered(rows::ENVELOPE, leaf), &signed.at(leaf).encode_to_vec())?;
        leaf
    } else {
        outbox::owe(desk, signed, Digest::NONE)?
    };
    desk.put(row, filing::filed(index, *digest))?;
    Ok(())
}
