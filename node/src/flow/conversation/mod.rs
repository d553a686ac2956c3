//! What is said about an alert after it was delivered, between its issuer and each recipient: filed with the alert, judged by the same
//! lines before it is sent and when it comes, and who still has to answer.
//!
//! In: the rows (`begin`, `file`, `close`), what memory has against a word (`judge`), saying one (`say`), how far each recipient
//! is (`standing`), offering an alert first (`offers`). Out: what a word may say and what may follow what (`varde_proto::reply`), who is woken (`flow::waking`).

mod due;
pub mod offers;
mod say;
mod standing;

pub use due::{Overdue, overdue, sweep};
pub use say::{Said as Told, Word, say};
pub(super) use standing::said;
pub use standing::{Fate, Spoken, Standing, State, of_ours, of_received, ours};

use super::desk::Desk;
use super::{arrivals, erase, filing, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::envelope::{self, Rejection};
use varde_proto::id::{AlertId, Digest, NodeId, Origin};
use varde_proto::limits;
use varde_proto::log::event::Direction;
use varde_proto::offer::Offer;
use varde_proto::reply::{Reply, Said, Turn, may_follow};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, PersonalDataLevel};

/// Between whom: the country that issued an alert, and one to which it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Between {
    pub(super) issuer: NodeId,
    pub(super) recipient: NodeId,
}

impl Between {
    /// Of a word that `speaker` says to `other`.
    fn of_word(said: &Said, speaker: NodeId, other: NodeId) -> Self {
        if said.is_by_issuer() {
            Self { issuer: speaker, recipient: other }
        } else {
            Self { issuer: other, recipient: speaker }
        }
    }

    fn row(self, id: AlertId) -> Vec<u8> {
        rows::row(rows::REPLIES, &[self.issuer.as_str().as_bytes(), &id.0, self.recipient.as_str().as_bytes()])
    }
}

/// What is kept of a conversation: whether the alert was delivered, until when an answer is due, and the numbers of our leaves under
/// which each word is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Talk {
    is_delivered: bool,
    due: Option<Timestamp>,
    words: Vec<u64>,
}

impl Talk {
    fn encode(&self) -> Vec<u8> {
        let due = self.due.map_or(0, Timestamp::ms).cast_unsigned();
        let numbers = [u64::from(self.is_delivered), due].into_iter().chain(self.words.iter().copied());
        numbers.flat_map(u64::to_be_bytes).collect()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let mut numbers = numbers.iter().map(|number| u64::from_be_bytes(*number));
        let is_delivered = match numbers.next()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let due = match numbers.next()? {
            0 => None,
            ms => Some(Timestamp::from_ms(i64::try_from(ms).ok()?).ok()?),
        };
        Some(Self { is_delivered, due, words: numbers.collect() })
    }

    fn read(value: Option<Vec<u8>>) -> Result<Option<Self>, StoreError> {
        let unread = || StoreError::Damaged("the row of what was said about an alert cannot be read".into());
        value.map(|bytes| Self::decode(&bytes).ok_or_else(unread)).transpose()
    }
}

/// What comes before any word: an alert, or its offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// The alert's id, and E of the alert or the offer.
    pub(super) id: AlertId,
    pub(super) object: Digest,
    /// Index under which it is kept.
    pub(super) kept: u64,
    pub(super) kind: AlertKind,
}

/// Begins the conversation about an alert with the peer that gets it or from which it came: until when an answer is due, and that nobody
/// has seen an urgent one that came.
pub(super) fn begin(
    desk: &mut Desk<'_>,
    (issuer, with): (NodeId, &Origin),
    content: &AlertContent,
    (kept, object): (u64, Digest),
) -> Result<(), StoreError> {
    let own = desk.origin().node();
    let recipient = if issuer == own { with.node() } else { own };
    let between = Between { issuer, recipient };
    if Talk::read(desk.get(&between.row(content.id))?)?.is_some_and(|talk| talk.is_delivered) {
        return Ok(());
    }
    let due = due::when(desk, with, content);
    let item = Item { id: content.id, object, kept, kind: content.kind() };
    // Whoever has the alert need not look at its offer.
    quiet(desk, issuer, content.id)?;
    wait(desk, between, item, due)?;
    let talk = Talk::read(desk.get(&between.row(content.id))?)?.unwrap_or_default();
    desk.put(between.row(content.id), Talk { is_delivered: true, ..talk }.encode())
}

/// Begins the conversation about an offer.
pub(super) fn begin_offer(
    desk: &mut Desk<'_>,
    between: Between,
    offer: &Offer,
    (kept, object): (u64, Digest),
) -> Result<(), StoreError> {
    wait(desk, between, Item { id: offer.id, object, kept, kind: offer.conditions.kind }, Some(offer.answer_by))
}

/// Awaits an answer, in the place of any that was awaited before; and that somebody here sees what is urgent. What was said about it
/// already counts: what a restored backup lost comes back in no order.
fn wait(desk: &mut Desk<'_>, between: Between, item: Item, due: Option<Timestamp>) -> Result<(), StoreError> {
    let Item { id, object, kept, kind } = item;
    answered(desk, between, id)?;
    let talk = Talk::read(desk.get(&between.row(id))?)?.unwrap_or_default();
    let said: Vec<Said> = turns(desk, talk.words.clone(), &object)?.into_iter().map(|turn| turn.said).collect();
    let is_over = said.iter().any(|said| said.is_answer() || matches!(said, Said::Recall));
    let due = due.filter(|_| !is_over);
    if let Some(due) = due {
        desk.put(due::row(due, between, id), Vec::new())?;
    }
    let is_seen = said.iter().any(|said| !said.is_by_issuer() || matches!(said, Said::Recall));
    if between.recipient == desk.origin().node() && kind.level() == PersonalDataLevel::L1 && !is_seen {
        desk.put(arrivals::unseen_row(between.issuer, kept), Vec::new())?;
    }
    desk.put(between.row(id), Talk { due, ..talk }.encode())
}

/// Nobody is woken for an alert, or for its offer, any more.
pub(super) fn quiet(desk: &mut Desk<'_>, issuer: NodeId, id: AlertId) -> Result<(), StoreError> {
    for row in [filing::alert_row(issuer, id), offers::row(issuer, id)] {
        if let Some(value) = desk.get(&row)? {
            desk.delete(arrivals::unseen_row(issuer, filing::read_filed(&value)?.0));
        }
    }
    Ok(())
}

/// Ends the waiting about an alert that is taken out: it asks nobody for an answer any more, and wakes nobody.
pub(super) fn close(desk: &mut Desk<'_>, id: AlertId, kept: u64) -> Result<(), StoreError> {
    let own = desk.origin().node();
    for item in erase::items(desk, kept)? {
        let Some(other) = item.peer.as_ref().map(Origin::node) else { continue };
        let ours = item.direction == Direction::Out;
        let (issuer, recipient) = if ours { (own, other) } else { (other, own) };
        desk.delete(arrivals::unseen_row(issuer, kept));
        answered(desk, Between { issuer, recipient }, id)?;
    }
    Ok(())
}

/// The same with one recipient of an alert of ours, who is to lose it.
pub(super) fn close_with(desk: &mut Desk<'_>, id: AlertId, recipient: NodeId) -> Result<(), StoreError> {
    let issuer = desk.origin().node();
    answered(desk, Between { issuer, recipient }, id)
}

/// Takes away the day on which an answer is due.
fn answered(desk: &mut Desk<'_>, between: Between, id: AlertId) -> Result<(), StoreError> {
    let Some(mut talk) = Talk::read(desk.get(&between.row(id))?)? else { return Ok(()) };
    if let Some(due) = talk.due.take() {
        desk.delete(due::row(due, between, id));
        desk.put(between.row(id), talk.encode())?;
    }
    Ok(())
}

/// What memory has against a word that `speaker` says to `other`, whoever of the two we are: it must be about an alert, or its offer,
/// that went from one to the other, and follow what was said about that before; `lost` are words that never arrived.
pub(super) fn judge(desk: &Desk<'_>, (speaker, other): (NodeId, NodeId), reply: &Reply, lost: &[u64]) -> filing::Filed {
    let between = Between::of_word(&reply.said, speaker, other);
    let broken = |rule| Ok(Err(Rejection::Content(rule)));
    let about = match about(desk, between.issuer, reply)? {
        Ok(about) => about,
        Err(rule) => return broken(rule),
    };
    if !is_exchanged(desk, between, about.kept)? {
        return broken("reply-not-sent");
    }
    if about.kind.is_some_and(|kind| kind != reply.kind) {
        return broken("reply-kind");
    }
    if !names_others(desk, between, reply)? {
        return broken("reply-names");
    }
    let mut words = Talk::read(desk.get(&between.row(reply.id))?)?.unwrap_or_default().words;
    if words.len() >= limits::REPLIES {
        return broken("reply-too-many");
    }
    words.retain(|index| !lost.contains(index));
    let before = turns(desk, words, &reply.object)?;
    Ok(may_follow(&before, &reply.said).map_err(Rejection::Content))
}

/// What a word is about.
struct About {
    kept: u64,
    /// Of an alert that is gone, and was never seen here, it is not known.
    kind: Option<AlertKind>,
}

/// The alert or the offer with this E; otherwise the rule that the word breaks.
fn about(desk: &Desk<'_>, issuer: NodeId, reply: &Reply) -> Result<Result<About, &'static str>, StoreError> {
    let read = |row: Vec<u8>| desk.get(&row)?.map(|value| filing::read_filed(&value)).transpose();
    let (alert, offer) = (read(filing::alert_row(issuer, reply.id))?, read(offers::row(issuer, reply.id))?);
    let of_offer = reply.said.is_about_offer();
    let is = |found: Option<(u64, Digest)>| found.filter(|(_, object)| *object == reply.object);
    if let Some((kept, object)) = is(alert).filter(|_| of_offer != Some(true)) {
        return Ok(Ok(About { kept, kind: kind(desk, issuer, &object, kept)? }));
    }
    if let Some((kept, _)) = is(offer).filter(|_| of_offer != Some(false)) {
        let (_, offer) = kept::at_desk::<Offer>(desk, kept)?;
        return Ok(Ok(About { kept, kind: Some(offer.conditions.kind) }));
    }
    Ok(Err(if alert.or(offer).is_some() { "reply-other-item" } else { "reply-unknown" }))
}

/// Whether what is kept under an index went from one of the two to the other.
fn is_exchanged(desk: &Desk<'_>, between: Between, kept: u64) -> Result<bool, StoreError> {
    let with = if between.issuer == desk.origin().node() { between.recipient } else { between.issuer };
    Ok(erase::items(desk, kept)?.iter().any(|item| item.peer.as_ref().is_some_and(|peer| peer.node() == with)))
}

/// The kind of an alert, of which there may be only what remains.
fn kind(desk: &Desk<'_>, issuer: NodeId, object: &Digest, kept: u64) -> Result<Option<AlertKind>, StoreError> {
    match erase::remains_of(desk, issuer, object, kept)? {
        Some(remains) => Ok(remains.kind),
        None => Ok(Some(kept::at_desk::<Alert>(desk, kept)?.1.content().kind())),
    }
}

/// Whether what a word points to is another alert that went between the two, or countries that are neither of the two.
fn names_others(desk: &Desk<'_>, between: Between, reply: &Reply) -> Result<bool, StoreError> {
    Ok(match &reply.said {
        Said::DuplicateOf(id) => match desk.get(&filing::alert_row(between.issuer, *id))? {
            Some(value) if *id != reply.id => is_exchanged(desk, between, filing::read_filed(&value)?.0)?,
            _ => false,
        },
        Said::RelayRequest(to) => {
            let is_one_of_us = |code: &str| [between.issuer, between.recipient].iter().any(|us| us.as_str() == code);
            !to.iter().any(|country| is_one_of_us(country.code()))
        }
        _ => true,
    })
}

/// What was said about the alert or offer with this E.
fn turns(desk: &Desk<'_>, words: Vec<u64>, object: &Digest) -> Result<Vec<Turn>, StoreError> {
    let mut turns = Vec::new();
    for index in words {
        let (envelope, reply) = kept::at_desk::<Reply>(desk, index)?;
        if reply.object == *object {
            turns.push(Turn { digest: envelope::digest(&envelope), said: reply.said });
        }
    }
    Ok(turns)
}

/// Files a word that is kept under an index. Whoever speaks has seen the alert, and whoever answers owes no answer any more.
pub(super) fn file(
    desk: &mut Desk<'_>,
    (speaker, other): (NodeId, NodeId),
    reply: &Reply,
    index: u64,
) -> Result<(), StoreError> {
    let between = Between::of_word(&reply.said, speaker, other);
    let mut talk = Talk::read(desk.get(&between.row(reply.id))?)?.unwrap_or_default();
    // What a restored backup lost comes back in no order.
    if let Err(place) = talk.words.binary_search(&index) {
        talk.words.insert(place, index);
    }
    desk.put(between.row(reply.id), talk.encode())?;
    // An answer to the offer is none to the alert; what was taken back is awaited by nobody.
    let of_offer = reply.said.is_about_offer() == Some(true);
    if (reply.said.is_answer() || matches!(reply.said, Said::Recall)) && of_offer != talk.is_delivered {
        answered(desk, between, reply.id)?;
    }
    let own = desk.origin().node();
    if between.recipient == own && (speaker == own || matches!(reply.said, Said::Recall) && !talk.is_delivered) {
        quiet(desk, between.issuer, reply.id)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_as_it_was_written_and_no_shorter() {
        let due = Timestamp::from_ms(1_795_291_200_123).ok();
        let talks = [(false, None, vec![]), (true, due, vec![]), (true, due, vec![7, 1 << 41])];
        for (is_delivered, due, words) in talks {
            let talk = Talk { is_delivered, due, words };
            let bytes = talk.encode();
            assert_eq!(Talk::decode(&bytes), Some(talk));
            for end in (0..bytes.len()).filter(|end| end % 8 != 0) {
                assert_eq!(Talk::decode(&bytes[..end]), None, "{end} bytes");
            }
        }
    }
}
