//! The first frame of either side: versions, heads, positions and the agreement. A difference from what one's own log says is
//! an alarm, not a resumption.

use super::agreement::words;
use super::connection::Ended;
use super::deliver::Broken;
use super::ledger::Ledger;
use super::receive::{self, Positions};
use super::{Node, fork, gossip, keys, recover, succession};
use crate::port::{Link, Peer};
use crate::state::outgoing::{Event, Outgoing};
use crate::state::{ChannelKey, Direction};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use varde_proto::agreement::Agreed;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{self, BadProof, Frame, Hello, KnownHead, Position, Shown, check_shown, check_signature};
use varde_proto::id::{LogIndex, TreeSize};
use varde_proto::identity::{Descriptor, Genesis, History, Role};
use varde_proto::limits;
use varde_proto::log::event::Kind;
use varde_proto::log::frontier::Frontier;
use varde_proto::wire::peer::Checkpoint;

/// How long the other side has for its `hello`.
const GREETING: Duration = Duration::from_secs(10);

/// What both sides know when the greetings are over.
pub(super) struct Greeted {
    /// The peer, with the keys that it has come to.
    pub(super) peer: Arc<Peer>,
    /// What the two have agreed on.
    pub(super) agreed: Arc<Agreed>,
    /// How many of our key statements it was told of.
    pub(super) told: u32,
    /// The peer's newest head that we verified.
    pub(super) known: KnownHead,
    /// How far the peer's entries are kept.
    pub(super) kept: Frontier,
    /// Size of our log that the peer verified.
    pub(super) shown: u64,
    /// How many of our entries the peer keeps.
    pub(super) escrowed: u64,
    /// How far each class has come.
    pub(super) positions: Positions,
    /// What is to be sent.
    pub(super) outgoing: Outgoing,
}

/// Exchanges greetings, and checks that neither side has lost what the other one holds.
pub(super) async fn greet(node: &Arc<Node>, peer: &Arc<Peer>, link: &mut Link) -> Result<Greeted, Ended> {
    if fork::is_frozen(&node.ledger, &peer.origin)? {
        return Err(Ended::Frozen);
    }
    let (before, (hello, told, positions, (known, kept))) = our_hello(node, peer)?;
    link.outgoing.send(Frame::Hello(Box::new(hello))).await.map_err(|_| Ended::Closed)?;
    let first = tokio::time::timeout(GREETING, link.incoming.recv()).await.map_err(|_| Ended::Greeting("no-hello"))?;
    let theirs = match first.ok_or(Ended::Closed)?? {
        Frame::Hello(hello) => hello,
        Frame::Restored(..) => return Err(recover::serve::serve(node, peer, link).await),
        Frame::Refusal(code) => return Err(Ended::Refused(code)),
        Frame::Goodbye(_, after) => return Err(Ended::Goodbye(after)),
        Frame::Items(..)
        | Frame::Receipts(..)
        | Frame::Heads(..)
        | Frame::Ask(..)
        | Frame::Entries(_)
        | Frame::Held(_)
        | Frame::Regain(_)
        | Frame::Regained(_) => {
            return Err(Ended::Greeting("no-hello"));
        }
    };
    if !(theirs.versions.0..=theirs.versions.1).contains(&exchange::VERSION) {
        return Err(Ended::Greeting("no-common-version"));
    }
    if theirs.origin != peer.origin {
        return Err(Ended::Greeting("another-origin"));
    }
    let keys = walk(&theirs.keys, peer)?;
    if succession::began_revoked(node, &keys)? {
        return Err(Ended::Greeting("generation-revoked-key"));
    }
    check_their_head(node, (&theirs.head, &theirs.keys), known, &keys)?;
    check_our_log(&node.ledger, &theirs)?;
    let peer = &learn(node, peer, keys).await?;
    let agreed = words::theirs(node, peer, &theirs, before).await?;
    let outgoing = resume(&node.ledger, peer, &theirs)?;
    let (peer, shown, escrowed) = (peer.clone(), theirs.your_log.size, theirs.your_entries);
    Ok(Greeted { peer, agreed, told, known, kept, shown, escrowed, positions, outgoing })
}

type Ours = (Hello, u32, Positions, (KnownHead, Frontier));

/// Our greeting, and what we knew of agreements with the peer when it was made.
fn our_hello(node: &Node, peer: &Peer) -> Result<(Arc<Agreed>, Ours), Ended> {
    let (words, texts, before) = words::told(node, peer)?;
    let head = node.ledger.show()?;
    let keys = keys::shown(&node.ledger, &node.keys.history(), head.size().0)?;
    let told = u32::try_from(keys.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let book = node.ledger.book();
    let known = book.head_of(&peer.origin);
    let known = KnownHead { size: known.size, root: known.root };
    let kept = book.kept_of(&peer.origin);
    let state = |class| book.channel(&ChannelKey { direction: Direction::In, peer: peer.origin.clone(), class });
    let positions: Positions = (1..limits::CLASSES).map(|class| (class, state(class))).collect();
    let received = positions.iter().filter(|(_, state)| state.seq > 0);
    let received = received.map(|(class, state)| Position { class: *class, seq: state.seq, chain: state.chain });
    let hello = Hello {
        versions: (exchange::VERSION, exchange::VERSION),
        origin: node.me.origin.clone(),
        reads: receive::READS.iter().map(|name| (*name).to_owned()).collect(),
        head: head.to_wire(),
        your_log: known,
        your_entries: kept.size().0,
        received: received.collect(),
        words,
        texts,
        keys,
    };
    Ok((before, (hello, told, positions, (known, kept))))
}

/// The keys of the peer, walked from its genesis: they must go on from what we knew of them.
pub(super) fn walk(theirs: &[Shown], peer: &Peer) -> Result<Arc<History>, Ended> {
    let Some((first, statements)) = theirs.split_first() else {
        let known = peer.keys.number() == 0;
        return if known { Ok(peer.keys.clone()) } else { Err(Ended::Greeting("keys-left-out")) };
    };
    let invalid = || Ended::Greeting("keys-invalid");
    let read = |shown: &Shown| Envelope::decode(shown.opening.event().body.as_slice()).map_err(|_| invalid());
    let envelope = read(first)?;
    let genesis = Genesis::open(&envelope).map_err(|_| invalid())?;
    if first.index != 0 || first.opening.event().kind != Kind::GENESIS || genesis.keys().id() != peer.keys.id() {
        return Err(invalid());
    }
    // A log that follows another is the one of which the statement says so.
    let descriptor = Descriptor::open(&peer.descriptor).map_err(|_| invalid())?;
    if descriptor.incident().is_some_and(|incident| !incident.leads_to(&genesis, &envelope)) {
        return Err(Ended::Greeting("generation-differs"));
    }
    let mut history = History::found(&genesis, &envelope);
    for shown in statements {
        let logged = history.take(&read(shown)?, LogIndex(shown.index)).map_err(|_| invalid())?;
        if logged.kind() != shown.opening.event().kind {
            return Err(invalid());
        }
    }
    if history.continues(&peer.keys) { Ok(Arc::new(history)) } else { Err(Ended::Greeting("keys-left-out")) }
}

/// Keeps what is new of the peer's keys, and goes on as soon as it is taken up and logged.
pub(super) async fn learn(node: &Node, peer: &Arc<Peer>, keys: Arc<History>) -> Result<Arc<Peer>, Ended> {
    if *keys == *peer.keys {
        return Ok(peer.clone());
    }
    node.board.keep(&keys)?;
    let mut peers = node.peers.clone();
    let country = peer.origin.node();
    let learned = peers.wait_for(|peers| peers.get(&country).is_some_and(|now| *now.keys == *keys));
    let learned = tokio::time::timeout(GREETING, learned).await.map_err(|_| Ended::Greeting("keys-not-kept"))?;
    learned.ok().and_then(|peers| peers.get(&country).cloned()).ok_or(Ended::Stopped)
}

/// Their head must be signed by the keys that are shown in it, and not behind what we verified; that it extends it is proven with the
/// first items.
pub(super) fn check_their_head(
    node: &Node,
    (head, shown): (&Checkpoint, &[Shown]),
    known: KnownHead,
    keys: &History,
) -> Result<(), Ended> {
    let valid = keys.at(Role::Log, TreeSize(head.size));
    let signed = check_signature(head, keys.origin(), &valid).map_err(Broken::Proof)?;
    let signed = KnownHead::of(&signed);
    shown.iter().try_for_each(|shown| check_shown(signed, shown)).map_err(Broken::Proof)?;
    if signed.size < known.size {
        return Err(gossip::contradicted(node, keys, head, BadProof::Rollback).into());
    }
    if signed.size == known.size && signed.root != known.root {
        return Err(gossip::contradicted(node, keys, head, BadProof::Fork).into());
    }
    Ok(())
}

/// What they verified of our log must be a prefix of it; otherwise it is we who lost or changed something.
fn check_our_log(ledger: &Ledger, theirs: &Hello) -> Result<(), Ended> {
    let KnownHead { size, root } = theirs.your_log;
    match ledger.book().tree.root_at(varde_proto::id::TreeSize(size)) {
        Some(ours) if ours == root => Ok(()),
        Some(_) => Err(Ended::Greeting("our-log-differs-at-peer")),
        None => Err(Ended::Greeting("our-log-is-behind-peer")),
    }
}

/// Where to resume: everything not receipted goes again; what they claim to hold must be what we sent.
fn resume(ledger: &Ledger, peer: &Peer, theirs: &Hello) -> Result<Outgoing, Ended> {
    let book = ledger.book();
    let mut outgoing = Outgoing::new();
    for class in 1..limits::CLASSES {
        let state = book.channel(&ChannelKey { direction: Direction::Out, peer: peer.origin.clone(), class });
        let claimed = theirs.received.iter().find(|p| p.class == class);
        let claimed_seq = claimed.map_or(0, |p| p.seq);
        if claimed_seq < state.settled {
            // A hello may be older than what another connection with this peer has brought meanwhile.
            let old = theirs.head.size < book.head_of(&peer.origin).size;
            return Err(if old { Broken::Leaf("superseded").into() } else { Ended::Greeting("peer-lost-items") });
        }
        if claimed_seq > state.seq || claimed.is_some_and(|p| p.seq == state.seq && p.chain != state.chain) {
            return Err(Ended::Greeting("peer-holds-what-we-did-not-send"));
        }
        outgoing.handle(Event::Taken { class, through: claimed_seq });
        outgoing.handle(Event::Settled { class, through: state.settled });
        outgoing.handle(Event::Owed { class, through: state.seq });
    }
    Ok(outgoing)
}
