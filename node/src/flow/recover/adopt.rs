//! What comes back is written: entries as leaves without openings, then the openings, channels and contents that each peer
//! gives, and at the end what the node says of it.

use crate::flow::alert::{drafts, index as made};
use crate::flow::conversation::Between;
use crate::flow::deliver::Broken;
use crate::flow::desk::Desk;
use crate::flow::erase::{self, hold};
use crate::flow::ledger::Ledger;
use crate::flow::outbox::{Owed, item_row};
use crate::flow::receive::{self, Admitted, Me};
use crate::flow::{Node, conversation, filing, outstanding, queries, versions};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::{ChannelKey, Direction};
use prost::Message;
use varde_proto::alert::Alert;
use varde_proto::control::{Act, Erasure};
use varde_proto::envelope::{self, Envelope, Expected, Payload};
use varde_proto::exchange::{KnownHead, Position, Proven, Regain, Regained, RegainedItem, check_head, check_shown};
use varde_proto::id::{LogIndex, Origin, TreeSize};
use varde_proto::identity::{History, PublicKey, Role};
use varde_proto::limits;
use varde_proto::log::body::Recovery;
use varde_proto::log::chain;
use varde_proto::log::event::{Direction as LeafDirection, Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::{Entry, Opening};
use varde_proto::log::proof::TlogProof;
use varde_proto::time::Timestamp;

/// The fact that stands while a recovery is under way: leaves that the backup had, and the time of the newest.
pub(in crate::flow) const RESTORED: &[u8] = b"restored";

/// Adopts entries that make a head which we signed, if they are what comes next: a second connection may have been first, and the
/// log may go on since. Whether they were adopted.
pub(super) fn entries(desk: &mut Desk<'_>, backup: u64, from: u64, entries: &[Entry]) -> Result<bool, StoreError> {
    if !desk.is_locked() || desk.next_index().0 != from {
        return Ok(false);
    }
    let fact = rows::row(rows::FACT, &[RESTORED]);
    if desk.get(&fact)?.is_none() {
        let value = [backup.to_be_bytes(), desk.last_time().ms().to_be_bytes()].concat();
        desk.put(fact, value)?;
    }
    desk.adopt(entries)?;
    Ok(true)
}

/// How far the peer has answered what we sent it, in each class. What is owed beyond may have been given up since the backup, which the
/// peer was shown then.
pub(super) fn answered(node: &Node, peer: &Peer) -> Result<Vec<Position>, StoreError> {
    let position = |class| {
        let state =
            node.ledger.book().channel(&ChannelKey { direction: Direction::Out, peer: peer.origin.clone(), class });
        let row = item_row(rows::SETTLED, &peer.origin, class, node.ledger.number(state.settled));
        let chain = match node.ledger.get(&row)?.as_deref().and_then(Owed::decode) {
            Some(settled) if state.settled < state.seq => settled.chain,
            _ if state.settled == 0 => chain::start(&node.me.origin, &peer.origin, class),
            _ => state.chain,
        };
        Ok(Position { class, seq: state.settled, chain })
    };
    (1..limits::CLASSES).map(position).collect()
}

/// What is asked for: what we sent after these numbers, and what we received after those that we know.
pub(super) fn question(node: &Node, peer: &Peer, sent: Vec<Position>) -> Regain {
    let book = node.ledger.book();
    let position = |class| {
        let state = book.channel(&ChannelKey { direction: Direction::In, peer: peer.origin.clone(), class });
        Position { class, seq: state.seq, chain: state.chain }
    };
    let size = book.head_of(&peer.origin).size;
    let statements = u32::try_from(peer.keys.statements().len()).unwrap_or(u32::MAX);
    Regain { sent, received: (1..limits::CLASSES).map(position).collect(), size, statements }
}

/// From where the next question goes on: what was sent comes in order, and nothing twice, or a peer could have us ask for ever.
pub(super) fn after(sent: &mut [Position], given: &[RegainedItem]) -> Result<(), Broken> {
    for event in given.iter().map(|item| item.yours.opening.event()) {
        let ours = sent.iter_mut().find(|of| of.class == event.class && event.direction == LeafDirection::Out);
        let Some(position) = ours else { continue };
        if event.seq != position.seq + 1 {
            return Err(Broken::Leaf("sequence-gap"));
        }
        (position.seq, position.chain) = (event.seq, event.chain);
    }
    Ok(())
}

/// Takes back what a peer gives, which was asked from `known` leaves of its log on. Whatever does not follow from the log and from what was taken back before ends it.
pub(super) fn regained(
    desk: &mut Desk<'_>,
    me: &Me,
    ours: &History,
    (peer, known): (&Peer, u64),
    given: Regained,
) -> Result<(), Broken> {
    // A second connection with this peer asked for the same, and was first.
    if desk.head_of(&peer.origin).size != known {
        return Err(Broken::Leaf("superseded"));
    }
    let head = extended(desk, peer, &given)?;
    let mut taker = Taker { desk, me, ours, peer, head };
    given.items.into_iter().try_for_each(|item| taker.take(item))
}

/// The giver's head, which must extend what was verified of its log before: a leaf of another log proves nothing against it.
fn extended(desk: &mut Desk<'_>, peer: &Peer, given: &Regained) -> Result<Head, Broken> {
    let keys = peer.keys.at(Role::Log, TreeSize(given.checkpoint.size));
    let (known, mut kept) = (desk.head_of(&peer.origin), desk.kept_of(&peer.origin));
    let known = KnownHead { size: known.size, root: known.root };
    let (checkpoint, consistency) = (given.checkpoint.clone(), given.consistency.clone());
    let proven = Proven { checkpoint, from_size: known.size, consistency, entries: Vec::new(), cosigned: None };
    let head = check_head(known, &mut kept, &proven, &peer.origin, &keys)?;
    if head.size().0 > known.size {
        desk.set_head(&peer.origin, &head)?;
    }
    Ok(head)
}

struct Taker<'a, 'd> {
    desk: &'a mut Desk<'d>,
    me: &'a Me,
    ours: &'a History,
    peer: &'a Peer,
    head: Head,
}

impl Taker<'_, '_> {
    fn take(&mut self, item: RegainedItem) -> Result<(), Broken> {
        let RegainedItem { yours, envelope, mine } = item;
        let (index, opening) = (self.desk.number(yours.index), yours.opening);
        let event = opening.event().clone();
        if self.desk.leaf_hash(yours.index) != Some(opening.entry().leaf_hash())
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
        if direction == Direction::Out && (state.settled + 1..=state.seq).contains(&event.seq) {
            return self.still_owed(index, &opening);
        }
        // A second connection with this peer asked for the same, and was first.
        if event.seq <= state.seq {
            return Err(Broken::Leaf("superseded"));
        }
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
                if !self.is_sent_proof(mine.opening.event(), &event) {
                    return Err(Broken::Leaf("another-sent-proof"));
                }
                let note = self.head.note().clone();
                let proof = TlogProof::of_leaf(&mine.opening, LogIndex(mine.index), mine.path, note).write();
                let row = item_row(rows::SENT_PROOF, &self.peer.origin, event.class, self.desk.number(event.seq));
                self.desk.seal(row, proof.as_bytes())?;
                self.received((index, mine.index), &event, envelope)
            }
        }
    }

    /// Something that the backup owes, or a second connection has brought back: it may have been given up since.
    fn still_owed(&mut self, index: u64, opening: &Opening) -> Result<(), Broken> {
        let event = opening.event();
        let row = item_row(rows::OWED, &self.peer.origin, event.class, self.desk.number(event.seq));
        let owed = self.desk.get(&row)?.as_deref().and_then(Owed::decode);
        let owed = owed.ok_or_else(|| StoreError::Damaged("an owed item is gone".into()))?;
        if (owed.object, owed.chain) != (event.object, event.chain) {
            return Err(Broken::Leaf("not-our-leaf"));
        }
        if event.kind == Kind::ABANDONED && owed.leaf != index {
            self.desk.seal(rows::numbered(rows::OPENING, index), opening.bytes())?;
            self.desk.put(row, Owed { leaf: index, ..owed }.encode())?;
        }
        Ok(())
    }

    /// Whether the giver's leaf is that of the item which ours answers.
    fn is_sent_proof(&self, theirs: &Event, ours: &Event) -> bool {
        let kind = if ours.kind == Kind::ABANDONED { Kind::ABANDONED } else { Kind::SENT };
        theirs.kind == kind
            && theirs.direction == LeafDirection::Out
            && theirs.peer.as_ref() == Some(&self.me.origin)
            && (theirs.class, theirs.seq, theirs.object, theirs.chain)
                == (ours.class, ours.seq, ours.object, ours.chain)
    }

    /// Owed again: the receipt comes as for anything that is sent twice.
    fn sent(&mut self, index: u64, event: &Event, envelope: Option<Envelope>) -> Result<(), Broken> {
        let kept = match envelope {
            Some(envelope) => self.sent_content(index, event, &envelope)?,
            None => index,
        };
        let owed = Owed { leaf: index, envelope: kept, object: event.object, chain: event.chain };
        let row = item_row(rows::OWED, &self.peer.origin, event.class, self.desk.number(event.seq));
        self.desk.put(row, owed.encode())?;
        Ok(())
    }

    /// Keeps and files what we had sent; returns under which index. An alert has one place, whoever gives it back, so that an
    /// erasure finds it; one that cannot be filed is not kept.
    fn sent_content(&mut self, index: u64, event: &Event, envelope: &Envelope) -> Result<u64, Broken> {
        let own = self.me.origin.node();
        let keys = self.ours.at(Role::Msg, TreeSize(rows::counted(index) + 1));
        let admitted = receive::admitted_before(envelope, &self.expected(event, &keys, true), event.time);
        match &admitted {
            Ok(Admitted::Alert(alert)) => {
                let id = alert.payload().content().id;
                let between = Between { issuer: own, recipient: self.peer.origin.node() };
                let row = filing::alert_row(own, id);
                let filed = self.desk.get(&row)?.map(|value| filing::read_filed(&value)).transpose()?;
                if let Some((kept, object)) = filed
                    && object == event.object
                {
                    let content = alert.payload().content();
                    conversation::begin(self.desk, (own, &self.peer.origin), content, (kept, event.object))?;
                    queries::count(self.desk, between, content, alert.payload().issued_at())?;
                    return Ok(kept);
                }
                if erase::remains_at(self.desk, own, &event.object)?.is_some() {
                    return Ok(index);
                }
                self.desk.put(row, filing::filed(index, event.object))?;
                let content = alert.payload().content();
                versions::file(self.desk, own, content, (event.object, alert.payload().issued_at()))?;
                conversation::begin(self.desk, (own, &self.peer.origin), content, (index, event.object))?;
                queries::count(self.desk, between, content, alert.payload().issued_at())?;
                if !drafts::sent_again(self.desk, id, index)? {
                    made::put(self.desk, event.time, id)?;
                }
            }
            Ok(Admitted::Offer(offer)) => conversation::offers::sent_again(self.desk, self.peer, offer, index)?,
            Ok(Admitted::Reply(reply)) => {
                conversation::file(self.desk, (own, self.peer.origin.node()), reply.payload(), index)?;
            }
            Ok(Admitted::Summary(summary)) => drop(filing::file_summary(self.desk, own, summary, index)?),
            Ok(Admitted::Budget(entry)) => drop(filing::file_budget(self.desk, own, entry, index)?),
            Ok(Admitted::Erasure(message)) => self.answered_by_us(message.payload())?,
            // Sent under rules or keys of then.
            Err(_) if envelope.payload_type == Alert::TYPE => return Ok(index),
            Err(_) => {}
        }
        self.desk.seal(rows::numbered(rows::ENVELOPE, index), &envelope.encode_to_vec())?;
        Ok(index)
    }

    /// Our answer to a request of the peer shows a leaf of ours: that something is erased here, or on hold.
    fn answered_by_us(&mut self, message: &Erasure) -> Result<(), Broken> {
        let (Act::Done { proof, .. } | Act::Held { proof, .. }) = &message.act else { return Ok(()) };
        let proof = TlogProof::parse(proof).ok().and_then(|proof| Some((proof.index.0, proof.opening()?)));
        let Some((leaf, opening)) = proof else { return Ok(()) };
        if self.desk.leaf_hash(leaf) != Some(opening.entry().leaf_hash()) {
            return Err(Broken::Leaf("not-our-leaf"));
        }
        let leaf = self.desk.number(leaf);
        let row = rows::numbered(rows::OPENING, leaf);
        if self.desk.get(&row)?.is_none() {
            self.desk.seal(row, opening.bytes())?;
        }
        let held = (opening.event().kind == Kind::HOLD).then_some(leaf);
        hold::set_again(self.desk, &message.object, held)?;
        Ok(())
    }

    fn taken(&mut self, index: u64, event: &Event) -> Result<(), StoreError> {
        let row = item_row(rows::TAKEN, &self.peer.origin, event.class, self.desk.number(event.seq));
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
        let admitted = receive::admitted_before(&envelope, &self.expected(event, &keys, false), event.time);
        let kept = match &admitted {
            // It was judged when it came; what it followed may not be back yet.
            Ok(Admitted::Reply(reply)) => {
                let (speaker, own) = (self.peer.origin.node(), self.me.origin.node());
                conversation::file(self.desk, (speaker, own), reply.payload(), index)?;
                false
            }
            Ok(admitted) => receive::keep(self.desk, self.peer, admitted, index)?.is_ok(),
            Err(_) => false,
        };
        if let Ok(Admitted::Erasure(message)) = &admitted {
            outstanding::answered(self.desk, self.peer, message.payload(), index)?;
        }
        // Taken under rules or keys of then, or about what did not come back. An alert that cannot be filed is not kept: no
        // erasure would find it.
        if !kept && envelope.payload_type != Alert::TYPE {
            self.desk.seal(rows::numbered(rows::ENVELOPE, index), &envelope.encode_to_vec())?;
            let heard = filing::heard_row(self.peer.origin.node(), &event.object);
            self.desk.put(heard, index.to_be_bytes().to_vec())?;
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

/// What the backup had.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    /// How many leaves.
    pub(super) size: u64,
    /// The time of the newest.
    time: Timestamp,
}

/// What the backup had, where something was lost.
pub(super) fn begun(ledger: &Ledger) -> Result<Option<Begun>, StoreError> {
    let Some(fact) = ledger.get(&rows::row(rows::FACT, &[RESTORED]))? else { return Ok(None) };
    let damaged = || StoreError::Damaged("the row that says what was restored cannot be read".into());
    let (size, ms) = fact.split_first_chunk::<8>().ok_or_else(damaged)?;
    let ms = ms.try_into().map(i64::from_be_bytes).map_err(|_| damaged())?;
    let time = Timestamp::from_ms(ms).map_err(|_| damaged())?;
    Ok(Some(Begun { size: u64::from_be_bytes(*size), time }))
}

/// Whether the content of an item came back with its leaf, or was erased.
fn is_whole(ledger: &Ledger, own: &Origin, index: u64, event: &Event) -> Result<bool, StoreError> {
    let kept = match (event.kind, &event.peer) {
        (Kind::RECEIVED, _) => index,
        (Kind::SENT, Some(peer)) => {
            let row = |prefix| ledger.get(&item_row(prefix, peer, event.class, ledger.number(event.seq)));
            let sent = row(rows::OWED)?.map_or_else(|| row(rows::SETTLED), |row| Ok(Some(row)))?;
            sent.as_deref().and_then(Owed::decode).map_or(index, |sent| sent.envelope)
        }
        _ => return Ok(true),
    };
    let remains = erase::find(ledger, erase::issuer(own, event), &event.object)?;
    let erased = remains.is_some_and(|remains| !matches!(remains.stage, erase::Stage::Held));
    Ok(erased || ledger.get(&rows::numbered(rows::ENVELOPE, kept))?.is_some())
}

/// The body of the `recovery` leaf, and the time of the newest opening that came back.
pub(super) fn recovery(ledger: &Ledger, own: &Origin, begun: Begun) -> Result<(Vec<u8>, Timestamp), StoreError> {
    let Begun { size: from, time: backup } = begun;
    let size = ledger.book().tree.size().0;
    let (mut missing, mut latest): (Vec<(u64, u64)>, _) = (Vec::new(), backup);
    for index in from..size {
        let number = ledger.number(index);
        let opening = ledger.opening_if_kept(number)?;
        latest = opening.as_ref().map_or(latest, |opening| latest.max(opening.event().time));
        if !matches!(&opening, Some(opening) if is_whole(ledger, own, number, opening.event())?) {
            match missing.last_mut() {
                Some((_, to)) if *to == index => *to += 1,
                _ => missing.push((index, index + 1)),
            }
        }
    }
    let whole = Recovery { backup, backup_size: from, size, missing };
    // More ranges than a body holds are told as one that spans them.
    let spanned = |recovery: &Recovery| {
        let ends = recovery.missing.first().zip(recovery.missing.last()).map(|(first, last)| (first.0, last.1));
        Recovery { missing: ends.into_iter().collect(), ..recovery.clone() }.write()
    };
    let body = whole.write().or_else(|| spanned(&whole));
    let body = body.ok_or_else(|| StoreError::Damaged("what came back cannot be told in a leaf".into()))?;
    Ok((body, latest))
}
