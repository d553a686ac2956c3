//! What two countries said to each other of agreements: that they accept one, or end it. Each word is signed by an identity key,
//! logged once, and kept with the text that it is about; what follows from all of them is the [`Agreed`] with a peer.
//!
//! In: taking in our own words and the peer's, what a greeting tells the peer, what governs now. Out: what they agreed permits
//! (`varde_proto::agreement`), and where that is asked: [`super::super::outbox::sign`] and [`super::super::receive::admit`].

use crate::flow::Node;
use crate::flow::connection::Ended;
use crate::flow::desk::{Desk, FactName};
use crate::flow::ledger::{CommitError, Committed};
use crate::port::{Peer, Store, StoreError};
use crate::rows;
use crate::state::{Book, peer_parts};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::{Agreed, Agreement, Between, Side};
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

/// The time by which agreements are asked in a commit: never before the newest leaf.
pub fn time(desk: &Desk<'_>) -> Timestamp {
    desk.now().max(desk.last_time())
}

/// The digest of the agreement that governs with a peer at the time of this commit; none where the two have agreed on nothing.
pub fn governing(desk: &Desk<'_>, peer: &Origin) -> Digest {
    let agreed = desk.agreed(peer);
    agreed.governing(time(desk)).map_or(Digest::NONE, |governing| governing.agreement.id())
}

/// Whether two nodes may sign an agreement: it names their network and mode, and both countries.
pub fn fits(agreement: &Agreement, own: &Origin, mode: Mode, peer: &Origin) -> bool {
    let terms = agreement.terms();
    let here = terms.network.as_deref().is_none_or(|network| network == own.network());
    here && [Mode::Unspecified, mode].contains(&terms.mode) && terms.is_between(own.node(), peer.node())
}

/// Logs what lies in files of what the two signed of agreements, each word once. Those whose text is not there wait for it.
pub(super) fn filed(desk: &mut Desk<'_>, peer: &Peer, (id, mode): (&PublicKey, Mode)) -> Result<(), StoreError> {
    let offered = peer.texts.iter().filter(|text| fits(text, desk.origin(), mode, &peer.origin));
    let known = texts(offered.cloned());
    for envelope in &peer.words {
        if let Some((side, word)) = whose(envelope, (desk.origin(), id), (&peer.origin, &peer.id_key)) {
            hear(desk, &peer.origin, side, (&word, envelope), &known)?;
        }
    }
    Ok(())
}

/// Whose word this is: ours towards this log of the peer, or its own towards ours; `None` where it is neither.
fn whose(envelope: &Envelope, own: (&Origin, &PublicKey), peer: (&Origin, &PublicKey)) -> Option<(Side, Word)> {
    [(Side::Ours, own, peer), (Side::Theirs, peer, own)].into_iter().find_map(|(side, (from, key), (with, _))| {
        let word = Word::open(envelope, key).ok()?;
        (word.of().from == *from && word.of().with == *with).then_some((side, word))
    })
}

/// Takes in what a peer says of agreements in its greeting, its own words and those that it has of us. `before` is what we knew when
/// we told it ours: if we have said something since, the next greeting must tell that first. Returns how the two stand.
pub async fn theirs(node: &Node, peer: &Arc<Peer>, hello: &Hello, before: Arc<Agreed>) -> Result<Arc<Agreed>, Ended> {
    let (own, id) = (&node.me.origin, node.keys.history());
    let mut said = Vec::new();
    for envelope in &hello.words {
        let Some((side, word)) = whose(envelope, (own, id.id()), (&peer.origin, &peer.id_key)) else {
            let signed = Word::open(envelope, &peer.id_key).is_ok() || Word::open(envelope, id.id()).is_ok();
            return Err(Ended::Greeting(if signed { "acceptance-for-another" } else { "acceptance-unsigned" }));
        };
        if word.of().mode != node.me.mode {
            return Err(Ended::Greeting("acceptance-for-another"));
        }
        said.push((side, word, envelope.clone()));
    }
    // A text that this version cannot read, or of other countries, is one that we cannot have accepted.
    let offered = hello.texts.iter().filter_map(|text| Agreement::read(text).ok().map(Arc::new));
    let known = texts(offered.filter(|offered| fits(offered, own, node.me.mode, &peer.origin)));
    let (pinned, mode) = (peer.clone(), node.me.mode);
    let landed = node.ledger.commit(move |desk| {
        if !super::is_in_roster(desk, &pinned)? {
            return Ok(Err(Ended::Greeting("pin-changed")));
        }
        filed(desk, &pinned, (id.id(), mode))?;
        if desk.agreed(&pinned.origin) != before {
            return Ok(Err(Ended::AgreementChanged));
        }
        for (side, word, envelope) in &said {
            hear(desk, &pinned.origin, *side, (word, envelope), &known)?;
        }
        Ok::<_, StoreError>(Ok(desk.agreed(&pinned.origin)))
    });
    let agreed = match landed.await.map(Committed::into_value) {
        Ok(agreed) => agreed?,
        Err(CommitError::Refused(failure)) => return Err(failure.into()),
        Err(CommitError::Stopped) => return Err(Ended::Stopped),
    };
    file(node, peer, &agreed)?;
    if agreed.governing(node.time()).is_some() { Ok(agreed) } else { Err(Ended::Greeting("no-agreement")) }
}

/// Keeps the peer's words in files, where both sides agreed on something of their own: a log that follows this one has to know.
fn file(node: &Node, peer: &Peer, agreed: &Agreed) -> Result<(), StoreError> {
    let of_their_own = |one: &&Between| one.agreement.terms().edition > 0 && agreed.is_agreed_on(&one.agreement.id());
    for one in agreed.all().filter(of_their_own) {
        for (ends, said) in [(false, one.theirs.accepted), (true, one.theirs.ended)] {
            let row = word_row(&peer.origin, IN, &one.agreement.id(), ends, node.ledger.number(0));
            if let (Some(_), Some(word)) = (said, node.ledger.get(&row)?) {
                node.board.promised(&one.agreement, peer.origin.node(), &read_word(&word)?, ends)?;
            }
        }
    }
    Ok(())
}

/// Words, texts, and what we knew when they were told.
pub type Told = (Vec<Envelope>, Vec<String>, Arc<Agreed>);

/// What a greeting tells a peer: our yes to the agreement in force, every other word of ours, its own words as we have them, and the
/// texts of the agreement in force and of those of which it has said nothing. Returns what we knew when we told it.
pub fn told(node: &Node, peer: &Peer) -> Result<Told, StoreError> {
    let agreed = node.ledger.book().agreed(&peer.origin);
    let governing = agreed.governing(node.time()).map(|governing| governing.agreement.id());
    let mut words = Vec::new();
    for (way, theirs) in [(OUT, false), (IN, true)] {
        let from = rows::row(rows::WORD, &[&peer_parts(&peer.origin), way]);
        for row in node.ledger.scan(&from, &[&from[..], &[0xff; 34]].concat(), false) {
            let (name, value) = row?;
            if let Some((id, ends)) = named(&name, from.len(), node.ledger.number(0)) {
                words.push(((theirs, ends, Some(id) != governing), read_word(&value)?));
            }
        }
    }
    words.sort_by_key(|(place, _)| *place);
    words.truncate(limits::GREETING_WORDS);
    let ours_first = words.first().is_some_and(|((theirs, ..), _)| !theirs);
    let mut words: Vec<Envelope> = words.into_iter().map(|(_, envelope)| envelope).collect();
    if !ours_first {
        // Not logged yet: the yes with which the peer was pinned.
        words = peer.words.first().cloned().into_iter().chain(words).take(limits::GREETING_WORDS).collect();
    }
    let mut offered: Vec<_> = agreed.all().filter(|one| one.is_offered_by_us()).collect();
    offered.sort_by_key(|one| std::cmp::Reverse(one.agreement.terms().edition));
    // The one in force, too: a node that was restored may not have it any more.
    let in_force = agreed.governing(node.time()).map(|governing| governing.agreement);
    let in_force = in_force.filter(|agreement| agreement.terms().edition > 0).into_iter();
    let texts = in_force.chain(offered.into_iter().map(|one| &one.agreement)).take(limits::GREETING_TEXTS);
    Ok((words, texts.map(|agreement| agreement.text().to_owned()).collect(), agreed.clone()))
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
    if let Err(many) = agreed.hear(agreement, side, ends, of.accepted) {
        tracing::warn!(peer = peer.node().as_str(), agreement = %of.agreement, %many, "a word is not kept");
    }
    if agreed == *before {
        return Ok(());
    }
    // What is owed is held to what was said, whether or not another agreement governs now.
    desk.forget(&FactName::new(super::ending::HELD_TO, peer));
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
    desk.put(word_row(peer, way, &of.agreement, ends, desk.number(0)), body)?;
    desk.set_agreed(peer, Arc::new(agreed));
    Ok(())
}

const OUT: &[u8] = b">";
const IN: &[u8] = b"<";

/// The row of a word about an agreement, said while our log was the one whose leaf 0 is stored under `first`.
fn word_row(peer: &Origin, way: &[u8], agreement: &Digest, ends: bool, first: u64) -> Vec<u8> {
    let end = rows::channel_end(first);
    rows::row(rows::WORD, &[&peer_parts(peer), way, &agreement.0, &[u8::from(ends)], &end])
}

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
