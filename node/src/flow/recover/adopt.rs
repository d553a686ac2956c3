//! What comes back is written: entries as leaves without openings, then the openings, channels and contents that each peer
//! gives, and at the end what the node says of it.

use crate::flow::deliver::Broken;
use crate::flow::desk::Desk;
use crate::flow::ledger::Ledger;
use crate::flow::outbox::{Owed, item_row};
use crate::flow::receive::{self, Admitted, Me};
use crate::flow::{Node, filing};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::{ChannelKey, Direction};
use prost::Message;
use varde_proto::envelope::{self, Envelope, Expected};
use varde_proto::exchange::{KnownHead, Position, Regain, Regained, RegainedItem, check_shown, check_signature};
use varde_proto::id::{LogIndex, TreeSize};
use varde_proto::identity::{History, PublicKey, Role};
use varde_proto::limits;
use varde_proto::log::body::Recovery;
use varde_proto::log::chain;
use varde_proto::log::event::{Direction as LeafDirection, Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Entry;
use varde_proto::log::proof::TlogProof;
use varde_proto::time::Timestamp;

/// The fact that stands while a recovery is under way: leaves that the backup had, and the time of the newest.
pub(super) const RESTORED: &[u8] = b"restored";

/// Adopts entries that make a head which we signed.
pub(super) fn entries(desk: &mut Desk<'_>, backup: u64, entries: &[Entry]) -> Result<(), StoreError> {
    let fact = rows::row(rows::FACT, &[RESTORED]);
    if desk.get(&fact)?.is_none() {
        let value = [backup.to_be_bytes(), desk.last_time().ms().to_be_bytes()].concat();
        desk.put(fact, value)?;
    }
    desk.adopt(entries)
}

/// How far we know that each class has come, both ways.
pub(super) fn positions(node: &Node, peer: &Peer) -> Regain {
    let book = node.ledger.book();
    let of = |direction| {
        let position = |class| {
            let state = book.channel(&ChannelKey { direction, peer: peer.origin.clone(), class });
            Position { class, seq: state.seq, chain: state.chain }
        };
        (1..limits::CLASSES).map(position).collect()
    };
    Regain { sent: of(Direction::Out), received: of(Direction::In) }
}

/// Takes back what a peer gives. Whatever does not follow from the log and from what was taken back before ends it.
pub(super) fn regained(
    desk: &mut Desk<'_>,
    me: &Me,
    ours: &History,
    peer: &Peer,
    given: Regained,
    now: Timestamp,
) -> Result<(), Broken> {
    let keys = peer.keys.at(Role::Log, TreeSize(given.checkpoint.size));
    let head = check_signature(&given.checkpoint, &peer.origin, &keys)?;
    let mut taker = Taker { desk, me, ours, peer, head, now };
    given.items.into_iter().try_for_each(|item| taker.take(item))
}

struct Taker<'a, 'd> {
    desk: &'a mut Desk<'d>,
    me: &'a Me,
    ours: &'a History,
    peer: &'a Peer,
    head: Head,
    now: Timestamp,
}

impl Taker<'_, '_> {
    fn take(&mut self, item: RegainedItem) -> Result<(), Broken> {
        let RegainedItem { yours, envelope, mine } = item;
        let (index, opening) = (yours.index, yours.opening);
        let event = opening.event().clone();
        if self.desk.leaf_hash(index) != Some(opening.entry().leaf_hash())
            || event.peer.as_ref() != Some(&self.peer.origin)
        {
            return Err(Broken::Leaf("not-our-leaf"));
        }
        let direction = match (event.direction, event.kind) {
            (LeafDirection::Out, Kind::SENT | Kind::ABANDONED) => Direction::Out,
            (LeafDirection::In, Kind::RECEIVED | Kind::REJECTED | Kind::ABANDONED) => Direction::In,
            _ => return Err(Broken::Leaf("not-an-item")),
        };
        let key = ChannelKey { direction, peer: self.peer.origin.clone(), class: event.class };
        let mut state = self.desk.channel(&key);
        if event.seq != state.seq + 1 || event.chain != chain::next(&state.chain, event.seq, &event.object) {
            return Err(Broken::Leaf("sequence-gap"));
        }
        (state.seq, state.chain) = (event.seq, event.chain);
        self.desk.set_channel(key, state)?;
        self.desk.seal(rows::numbered(rows::OPENING, index), opening.bytes())?;
        let envelope = envelope.filter(|envelope| envelope::digest(envelope) == event.object);
        match direction {
            Direction::Out => self.sent(index, &event, envelope),
            Direction::In => {
                self.taken(index, &event)?;
                let mine = mine.ok_or(Broken::Leaf("no-sent-proof"))?;
                check_shown(KnownHead::of(&self.head), &mine)?;
                let note = self.head.note().clone();
                let proof = TlogProof::of_leaf(&mine.opening, LogIndex(mine.index), mine.path, note).write();
                let row = item_row(rows::SENT_PROOF, &self.peer.origin, event.class, event.seq);
                self.desk.seal(row, proof.as_bytes())?;
                self.received((index, mine.index), &event, envelope)
            }
        }
    }

    /// Owed again: the receipt comes as for anything that is sent twice.
    fn sent(&mut self, index: u64, event: &Event, envelope: Option<Envelope>) -> Result<(), Broken> {
        let owed = Owed { leaf: index, envelope: index, object: event.object, chain: event.chain };
        self.desk.put(item_row(rows::OWED, &self.peer.origin, event.class, event.seq), owed.encode())?;
        let Some(envelope) = envelope else { return Ok(()) };
        self.desk.seal(rows::numbered(rows::ENVELOPE, index), &envelope.encode_to_vec())?;
        let own = self.me.origin.node();
        let keys = self.ours.at(Role::Msg, TreeSize(index + 1));
        match receive::admit(&envelope, &self.expected(event, &keys, true), self.now) {
            Ok(Admitted::Alert(alert)) => {
                let row = filing::alert_row(own, alert.payload().content().id);
                if self.desk.get(&row)?.is_none() {
                    self.desk.put(row, filing::filed(index, event.object))?;
                }
            }
            Ok(Admitted::Summary(summary)) => drop(filing::file_summary(self.desk, own, &summary, index)?),
            Ok(Admitted::Budget(entry)) => drop(filing::file_budget(self.desk, own, &entry, index)?),
            // What is outstanding is asked for by people again.
            Ok(Admitted::Erasure(_)) => {}
            // Sent under rules or keys of then: it is kept, and found by its leaf.
            Err(_) => {}
        }
        Ok(())
    }

    fn taken(&mut self, index: u64, event: &Event) -> Result<(), StoreError> {
        let row = item_row(rows::TAKEN, &self.peer.origin, event.class, event.seq);
        self.desk.put(row, [&index.to_be_bytes()[..], &event.object.0].concat())
    }

    fn received(
        &mut self,
        (index, theirs): (u64, u64),
        event: &Event,
        envelope: Option<Envelope>,
    ) -> Result<(), Broken> {
        let Some(envelope) = envelope.filter(|_| event.kind == Kind::RECEIVED) else { return Ok(()) };
        let keys = self.peer.keys.at(Role::Msg, TreeSize(theirs.saturating_add(1)));
        match receive::admit(&envelope, &self.expected(event, &keys, false), event.time) {
            Ok(admitted) => drop(receive::keep(self.desk, self.peer, &admitted, index)?),
            // Taken under rules or keys of then.
            Err(_) => self.desk.seal(rows::numbered(rows::ENVELOPE, index), &envelope.encode_to_vec())?,
        }
        Ok(())
    }

    fn expected<'a>(&'a self, event: &Event, keys: &'a [PublicKey], own: bool) -> Expected<'a> {
        let (issuer, recipient) =
            if own { (&self.me.origin, &self.peer.origin) } else { (&self.peer.origin, &self.me.origin) };
        let network = self.me.origin.network();
        Expected {
            network,
            mode: self.me.mode,
            issuer,
            recipient,
            keys,
            agreement: event.agreement,
            class: event.class,
        }
    }
}

/// The body of the `recovery` leaf, and the time of the newest opening that came back; `None` where nothing was lost.
pub(super) fn recovery(ledger: &Ledger) -> Result<Option<(Vec<u8>, Timestamp)>, StoreError> {
    let Some(fact) = ledger.get(&rows::row(rows::FACT, &[RESTORED]))? else { return Ok(None) };
    let damaged = || StoreError::Damaged("the row that says what was restored cannot be read".into());
    let (from, ms) = fact.split_first_chunk::<8>().ok_or_else(damaged)?;
    let ms = ms.try_into().map(i64::from_be_bytes).map_err(|_| damaged())?;
    let (from, backup) = (u64::from_be_bytes(*from), Timestamp::from_ms(ms).map_err(|_| damaged())?);
    let size = ledger.book().tree.size().0;
    let (mut missing, mut latest): (Vec<(u64, u64)>, _) = (Vec::new(), backup);
    for index in from..size {
        match ledger.opening_if_kept(index)? {
            Some(opening) => latest = latest.max(opening.event().time),
            None => match missing.last_mut() {
                Some((_, to)) if *to == index => *to += 1,
                _ => missing.push((index, index + 1)),
            },
        }
    }
    let whole = Recovery { backup, backup_size: from, size, missing };
    // More ranges than a body holds are told as one that spans them.
    let spanned = |recovery: &Recovery| {
        let ends = recovery.missing.first().zip(recovery.missing.last()).map(|(first, last)| (first.0, last.1));
        Recovery { missing: ends.into_iter().collect(), ..recovery.clone() }.write()
    };
    let body = whole.write().or_else(|| spanned(&whole)).ok_or_else(damaged)?;
    Ok(Some((body, latest)))
}
