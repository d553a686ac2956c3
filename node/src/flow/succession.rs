//! A log that ended, and the one of the same node under which it goes on: ours, and a peer's. Two people decide, at either end.
//!
//! In: how our own new log begins, who decided that a peer's new log is taken up, what is over for the old one. Out: the statement
//! itself (`varde_proto::identity::Incident`), and who carries the files (`edge::generation`, `varde log bump`, `varde peer add`).

use super::desk::{Desk, FactName};
use super::known::{self, Known};
use super::outbox::{Owed, item_row};
use super::{Node, agreement, ended, entangle, erase, fork, founding, recover};
use crate::port::{Peer, Peers, StoreError};
use crate::rows;
use crate::state::{ChannelKey, Direction};
use prost::Message;
use std::sync::Arc;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{self, Envelope};
use varde_proto::id::{Digest, NodeId, Origin, TreeSize};
use varde_proto::identity::{Descriptor, Genesis, History, Incident, PublicKey, Reason, Role};
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
    /// The newest head that its statement names is not signed by the log that ended.
    #[error("generation-head-unsigned")]
    HeadUnsigned,
    /// It names a key that the log before has revoked.
    #[error("generation-revoked-key")]
    RevokedKey,
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
        let logs = known::of_node(&node.ledger, &peer.origin)?;
        let Some(known) = logs.last() else { continue };
        let shown = node.ledger.book().head_of(known.log()).size;
        let judged = follows((known, shown), peer, &node.me.origin, &staff);
        if let Err(why) = judged.and_then(|new| if new { holds_no_more(node, (known, shown), peer) } else { Ok(()) }) {
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
fn follows((known, shown): (&Known, u64), peer: &Peer, own: &Origin, staff: &[PublicKey]) -> Result<bool, Refused> {
    let (log, before) = (&peer.origin, known.log());
    let descriptor = Descriptor::open(&peer.descriptor).map_err(|_| Refused::Skipped)?;
    if log == before {
        let same = descriptor.explanation().map(envelope::digest) == known.statement();
        return if same { Ok(false) } else { Err(Refused::Differs) };
    }
    if log.generation() < before.generation() {
        return Err(Refused::Ended);
    }
    if peer.id_key != *known.id() {
        return Err(Refused::Identity);
    }
    let incident = descriptor.incident().filter(|incident| incident.previous == *before).ok_or(Refused::Skipped)?;
    // Beyond what was shown here, the log may have had another key since, which goes on in the next one.
    let since = |size: TreeSize| descriptor.key(Role::Log).filter(|_| size.0 > shown).copied();
    if !incident.is_headed(|size| known.log_keys(size).into_iter().chain(since(size)).collect()) {
        return Err(Refused::HeadUnsigned);
    }
    if known.has_revoked(descriptor.keys()) {
        return Err(Refused::RevokedKey);
    }
    // Whoever signed may have done so before a log of our own ended.
    let logs = (1..=own.generation()).filter_map(|generation| Origin::new(own.network(), own.node(), generation).ok());
    let about = envelope::digest(&peer.descriptor);
    let decided = logs.into_iter().any(|own| is_decided(&peer.accepted, Verb::Succeed, about, &own, staff));
    if decided { Ok(true) } else { Err(Refused::NotAccepted) }
}

/// Whether a peer that told of its keys began its log with one that an earlier log of its node has revoked.
pub(super) fn began_revoked(node: &Node, keys: &History) -> Result<bool, StoreError> {
    let Some(Ok(genesis)) = keys.genesis().map(Genesis::open) else { return Ok(false) };
    let logs = known::of_node(&node.ledger, keys.origin())?;
    Ok(logs.iter().any(|known| known.log() != keys.origin() && known.has_revoked(genesis.keys())))
}

/// A fork is not left behind by a new name. Nor are leaves that were shown here: a node that says of all its peers that they had fewer did not
/// ask us, or does not want to know.
fn holds_no_more(node: &Node, (known, shown): (&Known, u64), peer: &Peer) -> Result<(), Refused> {
    if fork::is_frozen(&node.ledger, known.log()).unwrap_or(true) {
        return Err(Refused::Frozen);
    }
    let descriptor = Descriptor::open(&peer.descriptor).map_err(|_| Refused::Skipped)?;
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
    use super::super::known::testing::known;
    use super::*;
    use varde_proto::exchange::KnownHead;
    use varde_proto::id::LogIndex;
    use varde_proto::identity::{History, RoleKeys, SecretKey};
    use varde_proto::log::head::Head;
    use varde_proto::wire::peer::Mode;
    use zeroize::Zeroizing;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn log(country: &str, generation: u32) -> Origin {
        Origin::parse(&format!("varde.example/{country}/{generation}")).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-22T12:00:00Z").unwrap()
    }

    fn genesis(origin: &Origin, id: u8, others: u8) -> Genesis {
        let keys: Vec<_> = [id].into_iter().chain(others..others + 5).map(key).collect();
        let held: Vec<_> = Role::ALL.into_iter().zip(&keys).collect();
        Genesis::found(origin.clone(), Mode::Test, RoleKeys::prove(origin, &held).unwrap(), now(), [1; 32]).unwrap()
    }

    /// NO under a generation, as it is pinned; K_id has the seed `first`.
    fn no(generation: u32, first: u8, accepted: impl Fn(Digest) -> Vec<Envelope>) -> Peer {
        headed(generation, (first, &key(first + 1)), accepted)
    }

    /// The same, where a key of choice signed the head of nine leaves of the log before.
    fn headed(generation: u32, (first, log_key): (u8, &SecretKey), accepted: impl Fn(Digest) -> Vec<Envelope>) -> Peer {
        let (origin, id, now) = (log("no", generation), key(first), now());
        let genesis = genesis(&origin, first, first + 1);
        let signed = genesis.sign(&id).unwrap();
        let mut descriptor = Descriptor::issue(&genesis, None, now, [2; 32]);
        if generation > 1 {
            let newest = Head::sign(&log("no", generation - 1), TreeSize(9), Digest([9; 32]), log_key);
            let incident = Incident {
                origin: origin.clone(),
                mode: Mode::Test,
                previous: log("no", generation - 1),
                reason: Reason::TailLost,
                newest: newest.unwrap().write(),
                stored: KnownHead { size: 3, root: Digest([3; 32]) },
                shown: None,
                genesis: envelope::digest(&signed),
                created: now,
                salt: [3; 32],
            };
            descriptor = descriptor.with_incident(incident.sign(&id).unwrap()).unwrap();
        }
        let signed = descriptor.sign(&id).unwrap();
        Peer {
            id_key: id.public(),
            keys: Arc::new(History::pinned(&descriptor)),
            accepted: accepted(envelope::digest(&signed)),
            descriptor: signed.clone(),
            words: vec![signed],
            texts: Vec::new(),
            origin,
        }
    }

    #[test]
    fn a_log_follows_the_one_that_is_known_only_by_its_own_identity_and_the_decision_of_two_different_people() {
        let (own, staff) = (log("ee", 1), [key(81).public(), key(82).public()]);
        let by = |seeds: &'static [u8], verb: Verb| {
            let own = own.clone();
            move |about| {
                seeds.iter().map(|seed| act::sign(verb, about, &own, Timestamp::default(), &key(*seed))).collect()
            }
        };
        let nobody = |_| Vec::new();
        let judged = |before: u32, peer: Peer| {
            let before = known(&headed(before, (11, &key(13)), nobody), None).unwrap();
            follows((&before, 20), &peer, &own, &staff)
        };
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
            (is_behind(said, 9), is_behind(said, 10)),
            (false, true),
            "of what was shown here nothing is left behind"
        );
        assert!(
            !is_behind(&Incident { reason: Reason::PeersUnreachable, ..said.clone() }, 10),
            "this one was not asked"
        );
        assert_eq!(judged(1, no(2, 31, by(&[81, 82], Verb::Succeed))), Err(Refused::Identity));
        assert_eq!(judged(1, no(3, 11, by(&[81, 82], Verb::Succeed))), Err(Refused::Skipped));
        assert_eq!(judged(2, no(1, 11, by(&[81, 82], Verb::Succeed))), Err(Refused::Ended));
    }

    #[test]
    fn the_head_in_a_statement_is_signed_by_the_log_that_ended_whose_revoked_keys_are_never_in_force_again() {
        let (own, staff) = (log("ee", 1), [key(81).public(), key(82).public()]);
        let decided = |about| {
            let by = |seed: &u8| act::sign(Verb::Succeed, about, &own, Timestamp::default(), &key(*seed));
            [81, 82].iter().map(by).collect()
        };
        let judged = |known: &Known, shown, log_key: u8| {
            follows((known, shown), &headed(2, (11, &key(log_key)), decided), &own, &staff)
        };
        let first = no(1, 11, |_| Vec::new());
        let before = known(&first, None).unwrap();
        assert_eq!((judged(&before, 20, 12), judged(&before, 8, 12)), (Ok(true), Ok(true)));
        for shown in [8, 20] {
            assert_eq!(judged(&before, shown, 66), Err(Refused::HeadUnsigned));
        }
        // Beyond what was shown here, its log key may have been changed for the one that goes on.
        let older = Descriptor::issue(&genesis(&log("no", 1), 11, 41), None, now(), [2; 32]);
        let older = Peer {
            keys: Arc::new(History::pinned(&older)),
            descriptor: older.sign(&key(11)).unwrap(),
            ..first.clone()
        };
        let older = known(&older, None).unwrap();
        assert_eq!((judged(&older, 8, 12), judged(&older, 9, 12)), (Ok(true), Err(Refused::HeadUnsigned)));

        let genesis = genesis(&log("no", 1), 11, 12);
        let mut keys = History::found(&genesis, &genesis.sign(&key(11)).unwrap());
        let stolen = (Role::Msg, key(14).public().fingerprint());
        let statement = keys.revoke(&key(11), stolen, TreeSize(1), now(), [4; 32]).unwrap();
        keys.take(&statement, LogIndex(2)).unwrap();
        let told = Peer { keys: Arc::new(keys), ..first.clone() };
        for known in [known(&told, None), known(&first, Some(&told))] {
            assert_eq!(judged(&known.unwrap(), 20, 12), Err(Refused::RevokedKey));
        }
    }
}
