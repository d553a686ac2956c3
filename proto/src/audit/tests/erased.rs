//! What is gone, and on whose word: an operator who would like to lose something writes the word himself.

use super::pairs::{compare, without};
use super::world::{Country, exchange, send, two};
use super::{found, names};
use crate::audit::{Audit, MemoryBundle, Scope, reconcile, verify};
use crate::control::leaf::{Done, Requested};
use crate::control::{Act, Erasure};
use crate::envelope::{self, Payload};
use crate::id::Digest;
use crate::log::body::Recovery;
use crate::log::chain;
use crate::log::event::{Direction, Event, Kind};
use crate::time::Timestamp;
use crate::vocabulary::{DeskRole, ErasureBasis, ErasureReason};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A leaf about the item of another leaf.
fn about(item: &Event, kind: Kind, body: Vec<u8>) -> Event {
    Event { kind, chain: Digest::NONE, restricted: Digest::NONE, body, ..item.clone() }
}

fn requested(request: Digest, reason: ErasureReason) -> Vec<u8> {
    let due = Timestamp::from_ms(1_795_291_200_000).unwrap();
    Requested { request, reason, basis: ErasureBasis::AGREEMENT, due }.encode()
}

/// The first item that a country took, and its leaf.
fn taken(country: &Country) -> (usize, Event) {
    let index = country.events.iter().position(|event| event.kind == Kind::RECEIVED).unwrap();
    (index, country.events[index].clone())
}

/// EE asks NO to erase an item of its own, and NO logs that it was asked; returns E of the request.
fn ask(ee: &mut Country, no: &mut Country, object: Digest) -> Digest {
    let act = Act::Request { basis: ErasureBasis::AGREEMENT, authority: DeskRole::FOCAL_POINT, due: no.clock };
    let header = ee.header(&[&*no], Digest([9; 32]));
    let id = crate::id::AlertId([4; 16]);
    let message = Erasure { header, object, id, reason: ErasureReason::WITHDRAWN, act };
    let envelope = envelope::sign(Erasure::TYPE, &message.to_wire(), &ee.message_key());
    let request = envelope::digest(&envelope);
    let item = |from: &Country, kind, direction, with: &Country| {
        let start = chain::start(&ee.origin(), &no.origin(), 5);
        Event {
            peer: Some(with.origin()),
            direction,
            class: 5,
            seq: 1,
            object: request,
            chain: chain::next(&start, 1, &request),
            restricted: Digest::NONE,
            ..from.item(kind, direction, with, request)
        }
    };
    let (sent, received) = (item(ee, Kind::SENT, Direction::Out, no), item(no, Kind::RECEIVED, Direction::In, ee));
    let leaf = ee.log(sent);
    ee.envelopes.insert(leaf, envelope.clone());
    ee.commit();
    no.sent.insert((ee.origin(), 5, 1), ee.prove(leaf));
    let leaf = no.log(received);
    no.envelopes.insert(leaf, envelope);
    no.witnessed.insert(ee.origin(), ee.newest());
    no.commit();
    request
}

/// NO's envelope of the first item that it took is gone, after these leaves.
fn gone(mut no: Country, leaves: &[(Kind, Vec<u8>)]) -> Vec<&'static str> {
    let (index, item) = taken(&no);
    no.envelopes.remove(&index);
    leaves.iter().for_each(|(kind, body)| no.write(about(&item, *kind, body.clone())));
    no.commit();
    names(&found(&no, &no.national()))
}

const UNREQUESTED: [&str; 2] = ["erasure-unrequested", "envelope-missing"];

#[test]
fn an_erasure_that_nobody_asked_for_excuses_nothing() {
    let (mut no, mut ee) = two();
    let object = taken(&no).1.object;
    let request = ask(&mut ee, &mut no, object);
    let done = |request, reason| (Kind::ERASE_DONE, Done { request, reason }.encode());
    let (withdrawn, expired) = (ErasureReason::WITHDRAWN, ErasureReason::EXPIRED);
    let asked = |request, reason| (Kind::ERASE_REQUEST, requested(request, reason));
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    assert_eq!(gone(no.clone(), &[asked(request, withdrawn), done(request, withdrawn)]), Vec::<&str>::new());
    assert_eq!(gone(no.clone(), &[asked(Digest::NONE, expired), done(Digest::NONE, expired)]), Vec::<&str>::new());
    // Without a request, and on a word of its own.
    assert_eq!(gone(no.clone(), &[done(request, withdrawn)]), UNREQUESTED);
    let empty = (Kind::ERASE_REQUEST, Vec::new());
    assert_eq!(gone(no.clone(), &[empty, done(Digest::NONE, withdrawn)]), UNREQUESTED);
    assert_eq!(gone(no.clone(), &[asked(Digest::NONE, withdrawn), done(Digest::NONE, withdrawn)]), UNREQUESTED);
    // A request that nobody sent, and one that is about something else.
    let invented = Digest([6; 32]);
    assert_eq!(gone(no.clone(), &[asked(invented, withdrawn), done(invented, withdrawn)]), UNREQUESTED);
    let (mut no, mut ee) = two();
    let request = ask(&mut ee, &mut no, Digest([5; 32]));
    assert_eq!(gone(no, &[asked(request, withdrawn), done(request, withdrawn)]), UNREQUESTED);
}

#[test]
fn a_peers_word_explains_nothing_of_what_another_issued() {
    let (no, _) = two();
    let said_of = |peer: &str| {
        let mut no = no.clone();
        let (index, item) = taken(&no);
        no.envelopes.remove(&index);
        let item = Event { peer: Some(crate::id::Origin::parse(peer).unwrap()), ..item };
        no.write(about(&item, Kind::ERASE_REQUEST, requested(Digest::NONE, ErasureReason::EXPIRED)));
        let done = Done { request: Digest::NONE, reason: ErasureReason::EXPIRED }.encode();
        no.write(about(&item, Kind::ERASE_DONE, done));
        no.commit();
        names(&found(&no, &no.national()))
    };
    assert_eq!(said_of("varde.example/ee/1"), Vec::<&str>::new());
    assert_eq!(said_of("varde.example/lt/1"), ["envelope-missing"]);
}

#[test]
fn an_issuer_may_take_back_what_it_issued_and_cannot_by_that_erase_what_it_took() {
    let (no, _) = two();
    let sent = no.events.iter().position(|event| event.kind == Kind::SENT).unwrap();
    let lost = |reason, item: usize, direction| {
        let mut no = no.clone();
        no.envelopes.remove(&item);
        let item = Event { direction, ..no.events[item].clone() };
        no.write(about(&item, Kind::ERASE_REQUEST, requested(Digest::NONE, reason)));
        no.write(about(&item, Kind::ERASE_DONE, Done { request: Digest::NONE, reason }.encode()));
        no.commit();
        names(&found(&no, &no.national()))
    };
    assert_eq!(lost(ErasureReason::WITHDRAWN, sent, Direction::Out), Vec::<&str>::new());
    assert_eq!(lost(ErasureReason::NARROWED, sent, Direction::Out), UNREQUESTED);
    // As if it had issued it itself: nothing is unrequested, and the other's item is still missing.
    let (index, _) = taken(&no);
    assert_eq!(lost(ErasureReason::WITHDRAWN, index, Direction::Out), ["envelope-missing"]);
}

#[test]
fn an_end_of_time_that_had_not_come_is_shown_by_the_issuers_bundle() {
    let after = |pause: Duration| {
        let (mut no, mut ee) = two();
        let (index, item) = taken(&no);
        no.envelopes.remove(&index);
        no.clock = no.clock.after(pause);
        let expired = (Digest::NONE, ErasureReason::EXPIRED);
        no.write(about(&item, Kind::ERASE_REQUEST, requested(expired.0, expired.1)));
        no.write(about(&item, Kind::ERASE_DONE, Done { request: expired.0, reason: expired.1 }.encode()));
        no.commit();
        assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
        ee.clock = no.clock;
        exchange(&mut ee, &mut no, 77);
        let told = compare(&no, &ee);
        assert!(told.iter().all(|finding| finding.origin == Some(no.origin())), "{told:?}");
        names(&told)
    };
    assert_eq!(after(400 * DAY), Vec::<&str>::new());
    assert_eq!(after(DAY), ["erasure-unrequested"]);
}

#[test]
fn an_item_that_is_shown_and_not_over_has_not_expired() {
    let (mut no, _) = two();
    let (_, item) = taken(&no);
    let body = requested(Digest::NONE, ErasureReason::EXPIRED);
    no.write(about(&item, Kind::ERASE_REQUEST, body));
    let done = Done { request: Digest::NONE, reason: ErasureReason::EXPIRED }.encode();
    no.write(about(&item, Kind::ERASE_DONE, done));
    no.commit();
    assert_eq!(names(&found(&no, &no.national())), ["erasure-unrequested"]);
}

/// On what NO says that it erased an item of EE.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    /// EE's request.
    Asked,
    /// A request that never was.
    Invented,
    /// E of the item itself, which EE did send.
    Item,
    /// EE's request about something else.
    Other,
}

/// NO erased this many items of EE, and was restored after that: it says that these leaves did not come back (0: the request as it
/// came, 1: that the item is to be erased).
struct Restored {
    no: Country,
    ee: Country,
    gone: Vec<usize>,
}

fn restored(leaves: &[usize], word: Word, erased: usize) -> Restored {
    let (mut no, mut ee) = two();
    exchange(&mut ee, &mut no, 9);
    let items: Vec<usize> = (0..no.events.len()).filter(|index| no.events[*index].kind == Kind::RECEIVED).collect();
    let object = no.events[items[0]].object;
    let asked = ask(&mut ee, &mut no, if word == Word::Asked { object } else { Digest([5; 32]) });
    if word == Word::Asked {
        let sent = Event { seq: 1, ..ee.item(Kind::SENT, Direction::Out, &no, object) };
        ee.write(about(&sent, Kind::ERASE_REQUEST, requested(asked, ErasureReason::WITHDRAWN)));
        ee.commit();
    }
    let request = match word {
        Word::Asked | Word::Other => asked,
        Word::Invented => Digest([7; 32]),
        Word::Item => object,
    };
    let (received, reason) = (no.events.len() - 1, ErasureReason::WITHDRAWN);
    let to_erase = no.log(about(&no.events[items[0]].clone(), Kind::ERASE_REQUEST, requested(request, reason)));
    for index in &items[..erased] {
        no.envelopes.remove(index);
        no.write(about(&no.events[*index].clone(), Kind::ERASE_DONE, Done { request, reason }.encode()));
    }
    let gone: Vec<usize> = leaves.iter().map(|leaf| [received, to_erase][*leaf]).collect();
    super::lost::say_restored(&mut no, &gone);
    ee.clock = no.clock.after(Duration::from_secs(3600));
    ee.write(Event::local(Kind::ANCHOR, ee.clock));
    ee.commit();
    Restored { no, ee, gone }
}

impl Restored {
    /// What NO's bundle shows by itself, and beside EE's.
    fn found(&self) -> [Vec<&'static str>; 2] {
        let Self { no, ee, gone } = self;
        let bundle = super::lost::hiding(no, gone);
        let alone = names(&found(no, &bundle));
        [alone, names(&reconcile(&audit(ee, &ee.national()), &audit(no, &bundle)))]
    }
}

fn audit(country: &Country, bundle: &MemoryBundle) -> Audit {
    verify(bundle, &country.given()).unwrap()
}

const NOTHING: [&str; 0] = [];
const LIED: [&str; 3] = ["restored", "erasure-unrequested", "envelope-missing"];
const BELIEVED: [&str; 2] = ["restored", "erasure-request-lost"];

#[test]
fn a_request_whose_leaf_did_not_come_back_is_known_by_the_peers_own_message() {
    let [alone, both] = restored(&[1], Word::Asked, 1).found();
    assert_eq!((&alone[..], &both[..]), (&["restored"][..], &NOTHING[..]));
    assert_eq!(restored(&[], Word::Asked, 2).found()[0], LIED);
}

#[test]
fn a_request_that_was_lost_is_believed_once_for_each_lost_leaf_until_the_issuers_log_shows_that_it_never_asked() {
    let [alone, both] = restored(&[0, 1], Word::Asked, 1).found();
    assert_eq!((&alone[..], &both[..]), (&BELIEVED[..], &["in-flight"][..]));
    let [alone, both] = restored(&[0, 1], Word::Invented, 1).found();
    assert_eq!((&alone[..], &both[..]), (&BELIEVED[..], &["in-flight", "erasure-unrequested"][..]));
    // Two erasures on one lost leaf.
    let once = ["restored", "erasure-request-lost", "erasure-unrequested", "envelope-missing"];
    assert_eq!(restored(&[0], Word::Invented, 2).found()[0], once);
}

#[test]
fn a_request_that_is_shown_and_is_another_was_not_lost() {
    for word in [Word::Item, Word::Other] {
        assert_eq!(restored(&[1], word, 1).found()[0], LIED);
    }
    // Nor does one lost request ask for two things.
    let twice = ["restored", "erasure-request-lost", "erasure-unrequested", "envelope-missing"];
    assert_eq!(restored(&[0, 1], Word::Invented, 2).found()[0], twice);
    // Nor is anything lost because a leaf says so.
    let shown = Restored { gone: Vec::new(), ..restored(&[0, 1], Word::Invented, 1) };
    assert_eq!(shown.found()[0], LIED);
}

#[test]
fn whoever_may_have_lost_its_request_itself_proves_nothing_by_not_having_it() {
    let mut both = restored(&[0, 1], Word::Invented, 1);
    let sent = both.ee.events.iter().position(|event| event.kind == Kind::SENT).unwrap();
    let restored_at = |mut ee: Country, backup_size, backup| {
        let size = ee.events.len() as u64;
        let recovery = Recovery { backup, backup_size, size, missing: Vec::new() };
        ee.write(Event { body: recovery.write().unwrap(), ..Event::local(Kind::RECOVERY, ee.clock) });
        ee.commit();
        ee
    };
    let (before, ee) = (both.ee.events[sent].time, both.ee.clone());
    both.ee = restored_at(ee.clone(), sent as u64 + 1, before);
    assert_eq!(both.found()[1], ["in-flight"]);
    // Not if the backup is newer than the erasure.
    both.ee = restored_at(ee.clone(), ee.events.len() as u64, ee.clock);
    assert_eq!(both.found()[1], ["in-flight", "erasure-unrequested"]);
    // Nor does a bundle for one peer, which leaves out what its maker likes.
    let mut later = ee;
    send(&mut later, &[&both.no], 11);
    let bundle = super::lost::hiding(&both.no, &both.gone);
    let beside = |of_ee| names(&reconcile(&audit(&later, &of_ee), &audit(&both.no, &bundle)));
    assert_eq!(beside(later.national()), ["in-flight", "in-flight", "erasure-unrequested"]);
    assert_eq!(beside(later.bundle(Scope::For(both.no.origin().node()))), ["in-flight", "in-flight"]);
    // Its own message is its word, whatever leaf it left out.
    let mut silent = restored(&[0, 1], Word::Asked, 1);
    silent.ee = without(&silent.ee, |event| event.kind == Kind::ERASE_REQUEST);
    assert_eq!(silent.found()[1], ["in-flight"]);
}

#[test]
fn a_request_from_a_country_whose_pin_was_lost_as_well_is_believed_once_it_is_pinned_again() {
    let Restored { mut no, mut ee, .. } = restored(&[], Word::Asked, 1);
    let recovery = no.events.pop().unwrap();
    let gone: Vec<usize> = (0..no.events.len())
        .filter(|index| matches!(no.events[*index].kind, Kind::ROSTER | Kind::AGREEMENT | Kind::ERASE_REQUEST))
        .collect();
    assert_eq!((recovery.kind, gone.len()), (Kind::RECOVERY, 4));
    no.heads.retain(|size| *size <= no.events.len() as u64);
    super::lost::say_restored_to(&mut no, gone[0], &gone);
    no.pin(&ee);
    ee.commit();
    assert_eq!(names(&found(&no, &super::lost::hiding(&no, &gone))), ["restored"]);
}
