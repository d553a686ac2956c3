//! A log that ended, and the one of the same node under which it goes on: ours, and a peer's. Two people decide, at either end.
//!
//! In: how our own new log begins, who decided that a peer's new log is taken up, what is over for the old one. Out: the statement
//! itself (`varde_proto::identity::Incident`), and who carries the files (`edge::generation`, `varde log bump`, `varde peer add`).

use super::desk::{Desk, FactName};
use super::ledger::Ledger;
use super::outbox::{Owed, item_row};
use super::{Node, agreement, ended, entangle, erase, fork, founding, recover};
use crate::port::{Peer, Peers, StoreError};
use crate::rows;
use crate::state::{ChannelKey, Direction};
use prost::Message;
use std::sync::Arc;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{self, Envelope};
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::identity::{Descriptor, Incident, PublicKey, Reason};
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::leaf::{self, Opening};
use varde_proto::time::Timestamp;

/// What our own new log follows.
#[derive(Debug, Clone)]
pub struct Follows {
    /// The statement that the log before ended.
    pub incident: Envelope,
    /// What the two people signed who decided it.
    pub acts: [Envelope; 2],
}

/// Whether two different members of the staff have signed that this is done.
pub fn is_decided(acts: &[Envelope], verb: Verb, about: Digest, origin: &Origin, staff: &[PublicKey]) -> bool {
    let mut who: Vec<usize> = acts.iter().filter_map(|act| act::kept(act, verb, about, origin, staff)).collect();
    who.sort_unstable();
    who.dedup();
    who.len() >= 2
}

/// Seals what people signed under the number of the next leaf; returns the commitment for that leaf.
fn commit(desk: &mut Desk<'_>, acts: &[Envelope]) -> Result<Digest, StoreError> {
    let acts: Vec<u8> = acts.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
    let key = desk.random::<32>();
    let row = rows::numbered(rows::ACT, desk.next_leaf());
    desk.seal(row, &[&key[..], &acts].concat())?;
    Ok(leaf::restricted(&key, &acts))
}

/// The leaf after the genesis of a log that follows another. What the log before said of peers, this one has still to say.
pub(super) fn begin(desk: &mut Desk<'_>, follows: &Follows) -> Result<(), StoreError> {
    let restricted = commit(desk, &follows.acts)?;
    let (object, body) = (envelope::digest(&follows.incident), follows.incident.encode_to_vec());
    desk.append(Event { object, body, restricted, ..Event::local(Kind::GENERATION_BUMP, Timestamp::default()) })?;
    for prefix in agreement::logged() {
        for (country, generation) in desk.facts_named(&prefix)? {
            let peer = NodeId::parse(&country).ok();
            let peer = peer.and_then(|peer| Origin::new(desk.origin().network(), peer, generation).ok());
            let fact = peer.map(|peer| FactName::new(&prefix, &peer));
            fact.iter().for_each(|fact| desk.forget(fact));
        }
    }
    for row in [founding::policy_row(), entangle::row()] {
        desk.delete(row);
    }
    for fact in [recover::RESTORED, recover::REPEAT] {
        desk.delete(rows::row(rows::FACT, &[fact]));
    }
    Ok(())
}

/// When a log of ours ended of which peers may hold more than this node knows; `None` if there is none.
pub(super) fn unknown_until(node: &Node) -> Result<Option<Timestamp>, StoreError> {
    let (own, history) = (&node.me.origin, node.keys.history());
    for generation in (2..=own.generation()).rev() {
        let unreadable = || StoreError::Damaged(format!("why log {generation} of this node began cannot be read"));
        let log = Origin::new(own.network(), own.node(), generation).map_err(|_| unreadable())?;
        let opening = node.ledger.opening(rows::first(&log) + 1)?;
        let statement = Envelope::decode(opening.event().body.as_slice()).ok();
        let incident = statement.and_then(|statement| Incident::open(&statement, history.id()).ok());
        if !incident.ok_or_else(unreadable)?.is_whole() {
            return Ok(Some(opening.event().time));
        }
    }
    Ok(None)
}

/// The identity key of each log of a peer that was ever taken up, and E of the statement that it showed.
const KNOWN: &str = "known/";

/// What is noted of a log of a peer.
type Noted = (Digest, Digest);

fn noted(peer: &Peer) -> Noted {
    let descriptor = Descriptor::open(&peer.descriptor).ok();
    let statement = descriptor.and_then(|descriptor| descriptor.explanation().map(envelope::digest));
    (peer.id_key.fingerprint(), statement.unwrap_or(Digest::NONE))
}

/// Notes under which identity a log of a peer is known, why it began, and by which keys its heads are believed.
pub(super) fn know(desk: &mut Desk<'_>, peer: &Peer) -> Result<(), StoreError> {
    let (fact, (id, statement)) = (FactName::new(KNOWN, &peer.origin), noted(peer));
    let said = [id.0, statement.0].concat();
    if desk.fact(&fact)?.as_ref() != Some(&said) {
        desk.set_fact(&fact, said)?;
    }
    ended::keep_keys(desk, peer)
}

/// The newest log of a peer's node that was ever taken up, and what is noted of it.
fn known(ledger: &Ledger, peer: &Origin) -> Result<Option<(Origin, Noted)>, StoreError> {
    let prefix = rows::row(rows::FACT, &[KNOWN.as_bytes(), peer.node().as_str().as_bytes(), b"/"]);
    let mut newest: Option<(Origin, Noted)> = None;
    for row in ledger.scan(&prefix, &[&prefix[..], &[0xff]].concat(), false) {
        let (name, said) = row?;
        let generation = name.get(prefix.len()..).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let log = generation.and_then(|generation| Origin::new(peer.network(), peer.node(), generation).ok());
        let said = said.split_at_checked(32).and_then(|(id, why)| Digest::from_bytes(id).zip(Digest::from_bytes(why)));
        let known = log.zip(said);
        let (log, said) = known.ok_or_else(|| StoreError::Damaged("the row of a known log cannot be read".into()))?;
        if newest.as_ref().is_none_or(|(before, _)| before.generation() < log.generation()) {
            newest = Some((log, said));
        }
    }
    Ok(newest)
}

/// Why a pin is not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A log that ended before.
    #[error("generation-ended")]
    Ended,
    /// Not the next one, or without a statement about the one that is known.
    #[error("generation-skipped")]
    Skipped,
    /// By another identity key.
    #[error("generation-of-another-identity")]
    Identity,
    /// The same one, and another statement of why it began.
    #[error("generation-differs")]
    Differs,
    /// The log before is frozen, because it was forked.
    #[error("generation-frozen")]
    Frozen,
    /// More of the log before was shown here than its node says that its peers had.
    #[error("generation-behind")]
    Behind,
    /// Two people have not decided it.
    #[error("generation-not-accepted")]
    NotAccepted,
}

/// The pinned peers that are dealt with, and why others are not.
pub type Admitted = (Arc<Peers>, Vec<(NodeId, Refused)>);

/// Of the pinned peers, those whose log is known, or follows the one that is known by the decision of two people.
pub fn admitted(node: &Node, pinned: &Arc<Peers>) -> Result<Admitted, StoreError> {
    let staff: Vec<PublicKey> = node.operators.iter().map(|operator| operator.public_key).collect();
    let mut refused = Vec::new();
    for (country, peer) in pinned.iter() {
        let Some((known, noted)) = known(&node.ledger, &peer.origin)? else { continue };
        let judged = follows((&known, noted), peer, &node.me.origin, &staff);
        if let Err(why) = judged.and_then(|new| if new { holds_no_more(node, &known, peer) } else { Ok(()) }) {
            refused.push((*country, why));
        }
    }
    if refused.is_empty() {
        return Ok((pinned.clone(), refused));
    }
    let mut admitted = (**pinned).clone();
    refused.iter().for_each(|(country, _)| drop(admitted.remove(country)));
    Ok((Arc::new(admitted), refused))
}

/// Whether what the pin names is another log than the known one, which it may follow.
fn follows(
    (known, (id, statement)): (&Origin, Noted),
    peer: &Peer,
    own: &Origin,
    staff: &[PublicKey],
) -> Result<bool, Refused> {
    let log = &peer.origin;
    if log == known {
        return if noted(peer).1 == statement { Ok(false) } else { Err(Refused::Differs) };
    }
    if log.generation() < known.generation() {
        return Err(Refused::Ended);
    }
    if peer.id_key.fingerprint() != id {
        return Err(Refused::Identity);
    }
    let descriptor = Descriptor::open(&peer.descriptor).map_err(|_| Refused::Skipped)?;
    if descriptor.incident().map(|incident: &Incident| &incident.previous) != Some(known) {
        return Err(Refused::Skipped);
    }
    // Whoever signed may have done so before a log of our own ended.
    let logs = (1..=own.generation()).filter_map(|generation| Origin::new(own.network(), own.node(), generation).ok());
    let about = envelope::digest(&peer.descriptor);
    let decided = logs.into_iter().any(|own| is_decided(&peer.accepted, Verb::Succeed, about, &own, staff));
    if decided { Ok(true) } else { Err(Refused::NotAccepted) }
}

/// A fork is not left behind by a new name. Nor are leaves that were shown here: a node that says of all its peers that they had fewer did not
/// ask us, or does not want to know.
fn holds_no_more(node: &Node, known: &Origin, peer: &Peer) -> Result<(), Refused> {
    if fork::is_frozen(&node.ledger, known).unwrap_or(true) {
        return Err(Refused::Frozen);
    }
    let descriptor = Descriptor::open(&peer.descriptor).map_err(|_| Refused::Skipped)?;
    let shown = node.ledger.book().head_of(known).size;
    let behind = descriptor.incident().is_some_and(|incident| is_behind(incident, shown));
    if behind { Err(Refused::Behind) } else { Ok(()) }
}

/// Whether a statement that all peers were asked names fewer leaves than one of them was shown.
fn is_behind(incident: &Incident, shown: u64) -> bool {
    let had = incident.answered().map_or(0, |head| head.size).max(incident.stored.size);
    incident.reason != Reason::PeersUnreachable && had < shown
}

/// A peer's log is named for the first time. Where it follows another one that was pinned, what was owed to that is given up, and
/// the leaf that names the new one commits to what two people signed: returns that commitment.
pub(super) fn take_up(desk: &mut Desk<'_>, peer: &Peer) -> Result<Digest, StoreError> {
    let Some(before) = ended::before(&peer.origin) else { return Ok(Digest::NONE) };
    if agreement::is_named(desk, &peer.origin)? || !agreement::is_named(desk, &before)? {
        return Ok(Digest::NONE);
    }
    let owing: Vec<ChannelKey> = desk.book.channels_with(&before).map(|(key, _)| key.clone()).collect();
    for key in owing.into_iter().filter(|key| key.direction == Direction::Out) {
        give_up(desk, key)?;
    }
    commit(desk, &peer.accepted)
}

/// Everything owed on a channel is abandoned: numbers and E stay, nothing of it travels any more.
fn give_up(desk: &mut Desk<'_>, key: ChannelKey) -> Result<(), StoreError> {
    let mut state = desk.channel(&key);
    for seq in state.settled + 1..=state.seq {
        let row = item_row(rows::OWED, &key.peer, key.class, desk.number(seq));
        let owed = desk.get(&row)?.as_deref().and_then(Owed::decode);
        let opening = owed.map(|owed| desk.open(&rows::numbered(rows::OPENING, owed.leaf))).transpose()?.flatten();
        let Some(item) = opening.and_then(|bytes| Opening::parse(&bytes).ok()) else { continue };
        let item = item.event();
        if item.kind != Kind::ABANDONED {
            desk.append(Event { chain: item.chain, ..erase::about(item, Kind::ABANDONED, Vec::new()) })?;
        }
        desk.delete(row);
    }
    state.settled = state.seq;
    desk.set_channel(key, state)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use varde_proto::exchange::KnownHead;
    use varde_proto::identity::agreement::default_agreement;
    use varde_proto::identity::{Genesis, History, Reason, Role, RoleKeys, SecretKey};
    use varde_proto::wire::peer::Mode;
    use zeroize::Zeroizing;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn log(country: &str, generation: u32) -> Origin {
        Origin::parse(&format!("varde.example/{country}/{generation}")).unwrap()
    }

    /// NO under a generation, as it is pinned; K_id has the seed `first`.
    fn no(generation: u32, first: u8, accepted: impl Fn(Digest) -> Vec<Envelope>) -> Peer {
        let (origin, keys) = (log("no", generation), (first..first + 6).map(key).collect::<Vec<_>>());
        let held: Vec<_> = Role::ALL.into_iter().zip(&keys).collect();
        let proven = RoleKeys::prove(&origin, &held).unwrap();
        let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
        let genesis = Genesis::found(origin.clone(), Mode::Test, proven, now, [1; 32]).unwrap();
        let signed = genesis.sign(&keys[0]).unwrap();
        let mut descriptor = Descriptor::issue(&genesis, None, now, [2; 32]);
        if generation > 1 {
            let incident = Incident {
                origin: origin.clone(),
                mode: Mode::Test,
                previous: log("no", generation - 1),
                reason: Reason::TailLost,
                newest: String::new(),
                stored: KnownHead { size: 3, root: Digest([3; 32]) },
                shown: None,
                genesis: envelope::digest(&signed),
                created: now,
                salt: [3; 32],
            };
            descriptor = descriptor.with_incident(incident.sign(&keys[0]).unwrap()).unwrap();
        }
        let signed = descriptor.sign(&keys[0]).unwrap();
        Peer {
            id_key: keys[0].public(),
            keys: Arc::new(History::pinned(&descriptor)),
            agreement: default_agreement(),
            accepted: accepted(envelope::digest(&signed)),
            descriptor: signed.clone(),
            our_acceptance: signed,
            origin,
        }
    }

    #[test]
    fn a_log_follows_the_one_that_is_known_only_by_its_own_identity_and_the_decision_of_two_different_people() {
        let (own, staff) = (log("ee", 1), [key(81).public(), key(82).public()]);
        let id = key(11).public().fingerprint();
        let by = |seeds: &'static [u8], verb: Verb| {
            let own = own.clone();
            move |about| {
                seeds.iter().map(|seed| act::sign(verb, about, &own, Timestamp::default(), &key(*seed))).collect()
            }
        };
        let nobody = |_| Vec::new();
        let judged = |known: u32, peer: Peer| follows((&log("no", known), (id, Digest::NONE)), &peer, &own, &staff);
        assert_eq!(judged(1, no(1, 11, nobody)), Ok(false));
        assert_eq!(judged(1, no(2, 11, by(&[81, 82], Verb::Succeed))), Ok(true));
        assert_eq!(judged(2, no(2, 11, nobody)), Err(Refused::Differs), "another second one");
        for too_few in [&[][..], &[81], &[81, 81], &[81, 83], &[83, 84]] {
            assert_eq!(judged(1, no(2, 11, by(too_few, Verb::Succeed))), Err(Refused::NotAccepted), "{too_few:?}");
        }
        assert_eq!(judged(1, no(2, 11, by(&[81, 82], Verb::Bump))), Err(Refused::NotAccepted));
        let of_another = |_| {
            [81, 82]
                .iter()
                .map(|s| act::sign(Verb::Succeed, Digest::NONE, &own, Timestamp::default(), &key(*s)))
                .collect()
        };
        assert_eq!(judged(1, no(2, 11, of_another)), Err(Refused::NotAccepted));
        let skipped = Descriptor::open(&no(2, 11, nobody).descriptor).unwrap();
        let said = skipped.incident().unwrap();
        assert_eq!(
            (is_behind(said, 3), is_behind(said, 4)),
            (false, true),
            "of what was shown here nothing is left behind"
        );
        assert!(
            !is_behind(&Incident { reason: Reason::PeersUnreachable, ..said.clone() }, 4),
            "this one was not asked"
        );
        assert_eq!(judged(1, no(2, 31, by(&[81, 82], Verb::Succeed))), Err(Refused::Identity));
        assert_eq!(judged(1, no(3, 11, by(&[81, 82], Verb::Succeed))), Err(Refused::Skipped));
        assert_eq!(judged(2, no(1, 11, by(&[81, 82], Verb::Succeed))), Err(Refused::Ended));
    }
}
