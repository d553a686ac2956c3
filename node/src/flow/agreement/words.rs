//! What two countries said to each other of agreements: that they accept one, or end it. Each word is signed by an identity key,
//! logged once, and kept with the text that it is about; what follows from all of them is the [`Agreed`] with a peer.
//!
//! In: taking in our own words and the peer's, what a greeting tells the peer, what governs now. Out: what they agreed permits
//! (`varde_proto::agreement`), and where that is asked: [`super::super::outbox::sign`] and [`super::super::receive::admit`].

use crate::flow::Node;
use crate::flow::connection::Ended;
use crate::flow::desk::Desk;
use crate::flow::ledger::{CommitError, Committed};
use crate::port::{Peer, Store, StoreError};
use crate::rows;
use crate::state::{Book, peer_parts};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::{Agreed, Agreement, Side};
use varde_proto::envelope::{self, Envelope};
use varde_proto::exchange::Hello;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::identity::{PublicKey, Word};
use varde_proto::limits;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;

/// Texts by their digest.
type Texts = BTreeMap<Digest, Arc<Agreement>>;

fn texts(read: impl IntoIterator<Item = Arc<Agreement>>) -> Texts {
    read.into_iter().chain([Agreement::by_default()]).map(|agreement| (agreement.id(), agreement)).collect()
}

/// The digest of the agreement that governs with a peer at the time of this commit; none where the two have agreed on nothing.
pub fn governing(desk: &Desk<'_>, peer: &Origin) -> Digest {
    let agreed = desk.agreed(peer);
    agreed.governing(desk.now()).map_or(Digest::NONE, |governing| governing.agreement.id())
}

/// Whether two nodes may sign an agreement: it names their network and mode, and both countries.
pub fn fits(agreement: &Agreement, own: &Origin, mode: Mode, peer: &Origin) -> bool {
    let terms = agreement.terms();
    let here = terms.network.as_deref().is_none_or(|network| network == own.network());
    here && [Mode::Unspecified, mode].contains(&terms.mode) && terms.is_between(own.node(), peer.node())
}

/// Logs what our identity key signed of agreements with a peer, each word once. Those whose text is not there wait for it.
pub(super) fn ours(desk: &mut Desk<'_>, peer: &Peer, (id, mode): (&PublicKey, Mode)) -> Result<(), StoreError> {
    let offered = peer.texts.iter().filter(|text| fits(text, desk.origin(), mode, &peer.origin));
    let known = texts(offered.cloned());
    for envelope in &peer.our_words {
        let Ok(word) = Word::open(envelope, id) else { continue };
        let of = word.of();
        if of.from == *desk.origin() && of.with == peer.origin {
            hear(desk, &peer.origin, Side::Ours, (&word, envelope), &known)?;
        }
    }
    Ok(())
}

/// Takes in what a peer said of agreements in its greeting. Returns how the two stand after it: they must have agreed on something.
pub async fn theirs(node: &Node, peer: &Arc<Peer>, hello: &Hello) -> Result<Arc<Agreed>, Ended> {
    let mut said = Vec::new();
    for envelope in &hello.words {
        let word = Word::open(envelope, &peer.id_key).map_err(|_| Ended::Greeting("acceptance-unsigned"))?;
        let of = word.of();
        if of.from != peer.origin || of.with != node.me.origin || of.mode != node.me.mode {
            return Err(Ended::Greeting("acceptance-for-another"));
        }
        said.push((word, envelope.clone()));
    }
    // A text that this version cannot read, or of other countries, is one that we cannot have accepted.
    let offered = hello.texts.iter().filter_map(|text| Agreement::read(text).ok().map(Arc::new));
    let known = texts(offered.filter(|offered| fits(offered, &node.me.origin, node.me.mode, &peer.origin)));
    let peer = peer.clone();
    let landed = node.ledger.commit(move |desk| {
        if !super::is_in_roster(desk, &peer)? {
            return Ok(None);
        }
        for (word, envelope) in &said {
            hear(desk, &peer.origin, Side::Theirs, (word, envelope), &known)?;
        }
        Ok::<_, StoreError>(Some(desk.agreed(&peer.origin)))
    });
    let agreed = match landed.await.map(Committed::into_value) {
        Ok(agreed) => agreed.ok_or(Ended::Greeting("pin-changed"))?,
        Err(CommitError::Refused(failure)) => return Err(failure.into()),
        Err(CommitError::Stopped) => return Err(Ended::Stopped),
    };
    let some = agreed.governing(node.clock.now()).is_some();
    if some { Ok(agreed) } else { Err(Ended::Greeting("no-agreement")) }
}

/// What a greeting tells a peer: our yes to the agreement in force, every other word of ours, and the texts of those of which the peer has
/// said nothing.
pub fn told(node: &Node, peer: &Peer) -> Result<(Vec<Envelope>, Vec<String>), StoreError> {
    let agreed = node.ledger.book().agreed(&peer.origin);
    let from = rows::row(rows::WORD, &[&peer_parts(&peer.origin), OUT]);
    let mut words = Vec::new();
    for row in node.ledger.scan(&from, &[&from[..], &[0xff; 33]].concat(), false) {
        let (name, value) = row?;
        if let Some((id, ends)) = named(&name, from.len(), node.ledger.number(0)) {
            words.push((id, ends, read_word(&value)?));
        }
    }
    let governing = agreed.governing(node.clock.now()).map(|governing| governing.agreement.id());
    words.sort_by_key(|(id, ends, _)| (*ends, Some(*id) != governing));
    words.truncate(limits::GREETING_WORDS);
    let mut words: Vec<Envelope> = words.into_iter().map(|(.., envelope)| envelope).collect();
    if words.is_empty() {
        // Not logged yet: the yes with which the peer was pinned.
        words.extend(peer.our_words.first().cloned());
    }
    let mut offered: Vec<_> = agreed.all().filter(|one| one.is_offered_by_us()).collect();
    offered.sort_by_key(|one| std::cmp::Reverse(one.agreement.terms().edition));
    let texts = offered.into_iter().take(limits::GREETING_TEXTS).map(|one| one.agreement.text().to_owned());
    Ok((words, texts.collect()))
}

/// Every text that was spoken of with anybody, or with this country.
pub fn known_texts(book: &Book, only: Option<NodeId>) -> Vec<Arc<Agreement>> {
    let of = |(peer, _): &(&Origin, &Arc<Agreed>)| only.is_none_or(|only| only == peer.node());
    let agreed_with = book.agreed_with().iter().filter(of);
    let all = agreed_with.flat_map(|(_, agreed)| agreed.all().map(|one| one.agreement.clone()));
    texts(all).into_values().collect()
}

/// Logs and keeps a word, once.
fn hear(
    desk: &mut Desk<'_>,
    peer: &Origin,
    side: Side,
    (word, envelope): (&Word, &Envelope),
    known: &Texts,
) -> Result<(), StoreError> {
    let (of, ends) = (word.of(), matches!(word, Word::No(_)));
    let before = desk.agreed(peer);
    let Some(agreement) = before.get(&of.agreement).map(|one| &one.agreement).or_else(|| known.get(&of.agreement))
    else {
        return Ok(());
    };
    let mut agreed = (*before).clone();
    if agreed.hear(agreement, side, ends, of.accepted).is_err() || agreed == *before {
        return Ok(());
    }
    let (direction, way) = if side == Side::Ours { (Direction::Out, OUT) } else { (Direction::In, IN) };
    let (object, body) = (envelope::digest(envelope), envelope.encode_to_vec());
    desk.append(Event {
        peer: Some(peer.clone()),
        direction,
        agreement: of.agreement,
        object,
        body: body.clone(),
        ..Event::local(Kind::AGREEMENT, Timestamp::default())
    })?;
    let text = rows::row(rows::AGREEMENT, &[&of.agreement.0]);
    if desk.get(&text)?.is_none() {
        desk.put(text, agreement.text().as_bytes().to_vec())?;
    }
    let end = rows::channel_end(desk.number(0));
    desk.put(rows::row(rows::WORD, &[&peer_parts(peer), way, &of.agreement.0, &[u8::from(ends)], &end]), body)?;
    desk.set_agreed(peer, Arc::new(agreed));
    Ok(())
}

const OUT: &[u8] = b">";
const IN: &[u8] = b"<";

/// Which agreement a row's word is about, and whether it ends it, from what follows the direction in its name; `None` of a word that
/// was about an earlier generation of our log.
fn named(name: &[u8], at: usize, first: u64) -> Option<(Digest, bool)> {
    let (id, rest) = name.get(at..)?.split_first_chunk::<32>()?;
    let (ends, generation) = rest.split_first()?;
    (*generation == *rows::channel_end(first)).then_some((Digest(*id), *ends == 1))
}

fn read_word(value: &[u8]) -> Result<Envelope, StoreError> {
    Envelope::decode(value).map_err(|_| StoreError::Damaged("what was signed of an agreement cannot be read".into()))
}

/// Reads back how we stand with every peer.
pub fn read(store: &dyn Store, book: &mut Book) -> Result<(), StoreError> {
    let damaged = || StoreError::Damaged("the row of a word about an agreement, or its text, cannot be read".into());
    let mut known = texts([]);
    for row in store.scan(&[rows::AGREEMENT], &[rows::AGREEMENT + 1], false) {
        let text = String::from_utf8(row?.1).map_err(|_| damaged())?;
        let agreement = Arc::new(Agreement::read(&text).map_err(|_| damaged())?);
        known.insert(agreement.id(), agreement);
    }
    let mut agreed_with: BTreeMap<Origin, Agreed> = BTreeMap::new();
    for row in store.scan(&[rows::WORD], &[rows::WORD + 1], false) {
        let (name, value) = row?;
        let (peer, rest) = crate::flow::reopen::peer_of(&book.origin, &name[1..]).ok_or_else(damaged)?;
        let side = if rest.first() == IN.first() { Side::Theirs } else { Side::Ours };
        let Some((id, ends)) = named(&name, name.len() - rest.len() + 1, book.first) else { continue };
        let agreement = known.get(&id).ok_or_else(damaged)?;
        let when = said_at(&read_word(&value)?).ok_or_else(damaged)?;
        let heard = agreed_with.entry(peer).or_default().hear(agreement, side, ends, when);
        heard.map_err(|_| damaged())?;
    }
    agreed_with.into_iter().for_each(|(peer, agreed)| book.set_agreed(peer, Arc::new(agreed)));
    Ok(())
}

/// When a word was said. Its signature was checked before it was kept.
fn said_at(envelope: &Envelope) -> Option<Timestamp> {
    let wire = varde_proto::wire::peer::Acceptance::decode(envelope.payload.clone()).ok()?;
    Timestamp::from_ms(wire.accepted_ms).ok()
}
