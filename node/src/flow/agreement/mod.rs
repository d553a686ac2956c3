//! Under which agreement, with whom: the pins, and what both sides said of agreements ([`words`]), enter the log, so that an auditor
//! can tell from the log alone which keys and which agreement were in force when something was sent or taken.

use super::desk::{Desk, FactName};
use super::ledger::CommitError;
use super::{Node, fork, founding, known, succession};
use crate::port::{Peer, Peers, Scan, StoreError};
use crate::rows;
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;
use varde_proto::envelope::{self, Envelope};
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::time::Timestamp;

mod ending;
pub mod words;

pub use ending::{Kept, keep_to};

/// Logs what changed in the set of pinned peers since the log last said it: a `roster` leaf with the descriptor for each
/// that is new or renewed, one without for each that is gone, and the policy, which counts them as witnesses.
pub async fn log_roster(node: &Node, peers: &Arc<Peers>) -> Result<(), CommitError<StoreError>> {
    let (peers, keys, mode) = (peers.clone(), node.keys.clone(), node.me.mode);
    let landed = node.ledger.commit(move |desk| {
        for peer in peers.values() {
            let said = envelope::digest(&peer.descriptor);
            let (restricted, is_new) = (succession::take_up(desk, peer)?, !is_named(desk, &peer.origin)?);
            let leaf = Event { restricted, ..Event::local(Kind::ROSTER, Timestamp::default()) };
            log_once(desk, leaf, (&peer.origin, said), Some(&peer.descriptor))?;
            known::note(desk, peer)?;
            log_keys(desk, peer)?;
            words::filed(desk, peer, (keys.history().id(), mode))?;
            if is_new {
                fork::log_again(desk, &peer.origin)?;
            }
        }
        for (country, generation) in desk.facts_named(&fact_prefix(Kind::ROSTER, Direction::None))? {
            let pinned = |peer: &Arc<Peer>| peer.origin.generation() == generation;
            let gone = NodeId::parse(&country).ok().filter(|country| !peers.get(country).is_some_and(pinned));
            if let Some(Ok(origin)) = gone.map(|c| Origin::new(desk.origin().network(), c, generation)) {
                let leaf = Event::local(Kind::ROSTER, Timestamp::default());
                log_once(desk, leaf, (&origin, Digest::NONE), None)?;
            }
        }
        founding::follow(desk, &keys.history(), &peers)
    });
    landed.await.map(drop)
}

/// Logs what is new of a peer's keys: its genesis before its first statement, then each statement once, with the index of its
/// leaf in the peer's log as the number.
fn log_keys(desk: &mut Desk<'_>, peer: &Peer) -> Result<(), StoreError> {
    let (fact, statements) = (FactName::new(KEYS_LOGGED, &peer.origin), peer.keys.statements());
    let logged = keys_logged(desk, peer)?;
    if statements.len() <= logged {
        return Ok(());
    }
    let genesis = peer.keys.genesis().filter(|_| logged == 0).map(|genesis| (0, genesis));
    let news = statements.iter().skip(logged).map(|logged| (logged.index.0, &logged.envelope));
    for (seq, envelope) in genesis.into_iter().chain(news) {
        desk.append(Event {
            peer: Some(peer.origin.clone()),
            seq,
            object: envelope::digest(envelope),
            body: envelope.encode_to_vec(),
            ..Event::local(Kind::ROSTER, Timestamp::default())
        })?;
    }
    desk.set_fact(&fact, (statements.len() as u64).to_be_bytes().to_vec())
}

/// How many of a peer's key statements the log holds.
const KEYS_LOGGED: &str = "keys-logged/";

fn keys_logged(desk: &Desk<'_>, peer: &Peer) -> Result<usize, StoreError> {
    let value = desk.fact(&FactName::new(KEYS_LOGGED, &peer.origin))?;
    Ok(super::desk::read_number(value.as_deref(), KEYS_LOGGED)? as usize)
}

/// Whether the log's newest word about a peer is the descriptor under which this connection runs, with its keys. Checked in every commit
/// that takes something, so that nothing is admitted by a key that the log says is gone.
pub fn is_in_roster(desk: &Desk<'_>, peer: &Peer) -> Result<bool, StoreError> {
    let fact = FactName::new(&fact_prefix(Kind::ROSTER, Direction::None), &peer.origin);
    let pinned = desk.fact(&fact)?.as_deref() == Some(&envelope::digest(&peer.descriptor).0[..]);
    Ok(pinned && peer.keys.statements().len() <= keys_logged(desk, peer)?)
}

/// The peers that the log says are pinned.
pub(super) fn in_roster(scan: Scan<'_, '_>, network: &str) -> Result<BTreeSet<Origin>, StoreError> {
    let from = rows::row(rows::FACT, &[fact_prefix(Kind::ROSTER, Direction::None).as_bytes()]);
    let mut found = BTreeSet::new();
    for row in scan(&from, &[&from[..], &[0xff]].concat(), false) {
        let (name, said) = row?;
        let peer = name.get(from.len()..).and_then(|peer| std::str::from_utf8(peer).ok());
        let peer = peer.and_then(|peer| Origin::parse(&format!("{network}/{}", peer.to_lowercase())).ok());
        let peer = peer.ok_or_else(|| StoreError::Damaged("the row of a peer in the roster cannot be read".into()))?;
        if said != Digest::NONE.0 {
            found.insert(peer);
        }
    }
    Ok(found)
}

/// How the facts begin that say what the log holds of each peer: what a new log of ours does not hold yet.
pub(super) fn logged() -> [String; 3] {
    [fact_prefix(Kind::ROSTER, Direction::None), KEYS_LOGGED.to_owned(), ending::HELD_TO.to_owned()]
}

/// Whether the log has ever named this log of a peer.
pub(super) fn is_named(desk: &Desk<'_>, log: &Origin) -> Result<bool, StoreError> {
    Ok(desk.fact(&FactName::new(&fact_prefix(Kind::ROSTER, Direction::None), log))?.is_some())
}

fn fact_prefix(kind: Kind, direction: Direction) -> String {
    format!("logged/{:02x}/{}/", kind.0, direction.number())
}

/// Appends the leaf unless the newest one of its kind, direction and peer said the same.
fn log_once(
    desk: &mut Desk<'_>,
    leaf: Event,
    (peer, said): (&Origin, Digest),
    envelope: Option<&Envelope>,
) -> Result<(), StoreError> {
    let object = envelope.map_or(Digest::NONE, envelope::digest);
    let fact = FactName::new(&fact_prefix(leaf.kind, leaf.direction), peer);
    let before = desk.fact(&fact)?;
    if before.as_deref() == Some(&said.0[..]) || (before.is_none() && envelope.is_none()) {
        return Ok(());
    }
    let body = envelope.map(Message::encode_to_vec).unwrap_or_default();
    desk.append(Event { peer: Some(peer.clone()), object, body, ..leaf })?;
    desk.set_fact(&fact, said.0.to_vec())
}
