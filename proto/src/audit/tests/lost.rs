//! A leaf that says that a backup was restored, written by a node that was, and by an operator who would like it to explain more.

use super::pairs::without;
use super::world::{Country, content, exchange, send, take, two};
use super::{found, names};
use crate::audit::{Finding, MemoryBundle, reconcile, verify};
use crate::id::Digest;
use crate::log::body::Recovery;
use crate::log::event::{Direction, Event, Kind};
use crate::log::tiles::{read_bundle, write_bundle};

/// Says that a backup of two leaves was restored, and that these leaves did not come back.
pub(super) fn say_restored(country: &mut Country, missing: &[usize]) {
    say_restored_to(country, 2, missing);
}

/// As [`say_restored`], of a backup of so many leaves.
pub(super) fn say_restored_to(country: &mut Country, backup_size: usize, missing: &[usize]) {
    let missing = missing.iter().map(|leaf| (*leaf as u64, *leaf as u64 + 1)).collect();
    let size = country.events.len() as u64;
    let recovery = Recovery { backup: country.events[1].time, backup_size: backup_size as u64, size, missing };
    country.write(Event { body: recovery.write().unwrap(), ..Event::local(Kind::RECOVERY, country.clock) });
    country.commit();
}

/// Takes these openings out of a file of them.
pub(super) fn clear(bytes: &mut Vec<u8>, leaves: &[usize]) {
    let mut openings: Vec<Vec<u8>> = read_bundle(bytes).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    leaves.iter().for_each(|leaf| openings[*leaf].clear());
    *bytes = write_bundle(openings.iter().map(Vec::as_slice)).unwrap();
}

/// The country's bundle without these openings, signed by its operator.
pub(super) fn hiding(country: &Country, leaves: &[usize]) -> MemoryBundle {
    country.with("openings/000", |bytes| clear(bytes, leaves))
}

fn against(no: &Country, ee: &Country, of_ee: &MemoryBundle) -> Vec<Finding> {
    let (a, b) = (verify(&no.national(), &no.given()).unwrap(), verify(of_ee, &ee.given()).unwrap());
    let findings = reconcile(&a, &b);
    let (mut codes, mut swapped) = (names(&findings), names(&reconcile(&b, &a)));
    codes.sort_unstable();
    swapped.sort_unstable();
    assert_eq!(codes, swapped, "the order of the bundles changes the result");
    findings
}

fn place(country: &Country, is: impl Fn(&Event) -> bool) -> usize {
    country.events.iter().position(is).unwrap()
}

#[test]
fn a_recovery_excuses_the_leaves_that_it_lists_and_what_the_other_side_proves_of_them_is_said() {
    let (no, mut ee) = two();
    let taken = place(&ee, |event| event.kind == Kind::RECEIVED && event.seq == 2);
    let sent = place(&ee, |event| event.kind == Kind::SENT);
    let held = place(&ee, |event| event.kind == Kind::RECEIPT_HELD);
    let honest = ee.clone();
    say_restored(&mut ee, &[sent, held, taken]);
    // Nobody proves what a `receipt-held` leaf said, so nothing is missing with it alone.
    let mut restored = honest;
    say_restored(&mut restored, &[held]);
    let bundle = hiding(&restored, &[held]);
    assert_eq!(names(&found(&restored, &bundle)), ["restored"]);
    assert_eq!(names(&against(&no, &restored, &bundle)), Vec::<&str>::new());

    let bundle = hiding(&ee, &[sent, held, taken]);
    assert_eq!(names(&found(&ee, &bundle)), ["restored"]);
    let told = against(&no, &ee, &bundle);
    assert_eq!(names(&told), ["partly-compared", "partly-compared"], "{told:?}");
    assert_eq!(
        (told[0].origin.clone(), told[0].peer.clone(), told[0].seq),
        (Some(ee.origin()), Some(no.origin()), Some(2))
    );
    assert!(told[0].text.contains(&format!("leaves {taken} to {taken}")), "{}", told[0].text);
    // One that is not listed is gone, whatever the log says of others.
    let more = place(&ee, |event| event.kind == Kind::RECEIVED && event.seq == 1);
    let bundle = hiding(&ee, &[sent, held, taken, more]);
    assert_eq!(names(&found(&ee, &bundle)), ["restored", "opening-missing"]);
    // So is an envelope whose leaf is open.
    ee.envelopes.remove(&more);
    assert_eq!(names(&found(&ee, &hiding(&ee, &[sent, held, taken]))), ["restored", "envelope-missing"]);
}

#[test]
fn a_recovery_that_was_only_said_silences_nothing_beside_the_leaves_that_it_lists() {
    let (mut no, mut ee) = two();
    exchange(&mut no, &mut ee, 9);
    let denied = |event: &Event| event.kind == Kind::RECEIVED && event.seq == 4;
    let mut amnesty = without(&ee, denied);
    assert_eq!(names(&against(&no, &ee, &ee.national())), Vec::<&str>::new());
    let hidden = place(&amnesty, |event| event.kind == Kind::RECEIPT_HELD);
    say_restored(&mut amnesty, &[hidden]);
    while amnesty.events.len() < ee.events.len() + 2 {
        amnesty.write(Event::local(Kind::ANCHOR, amnesty.clock));
    }
    amnesty.commit();
    let bundle = hiding(&amnesty, &[hidden]);
    assert_eq!(names(&found(&amnesty, &bundle)), ["restored"]);
    assert_eq!(names(&against(&no, &amnesty, &bundle)), ["forked", "receipt-denied"]);
    // Nor does it silence what its own side only says.
    let mut inventor = ee.clone();
    take(&mut inventor, &no, &no.alert(content(10), &[&ee]), None);
    let hidden = place(&no, |event| event.kind == Kind::RECEIPT_HELD);
    say_restored(&mut no, &[hidden]);
    let (a, b) =
        (verify(&hiding(&no, &[hidden]), &no.given()).unwrap(), verify(&inventor.national(), &ee.given()).unwrap());
    assert_eq!(names(&reconcile(&a, &b)), ["never-sent"]);
}

#[test]
fn a_recovery_does_not_excuse_what_is_taken_after_it_from_nobody_or_under_no_agreement() {
    let (mut no, ee) = two();
    let held = place(&no, |event| event.kind == Kind::RECEIPT_HELD);
    say_restored(&mut no, &[held]);
    assert_eq!(names(&found(&no, &hiding(&no, &[held]))), ["restored"]);
    let mut stranger = no.clone();
    let lt = Country::new("lt", 21);
    take(&mut stranger, &lt, &lt.alert(content(5), &[&no]), None);
    stranger.witnessed.remove(&lt.origin());
    assert_eq!(names(&found(&stranger, &hiding(&stranger, &[held]))), ["restored", "not-in-roster"]);
    let mut sent = no.clone();
    send(&mut sent, &[&lt], 5);
    assert_eq!(names(&found(&sent, &hiding(&sent, &[held]))), ["restored", "not-in-roster", "undelivered"]);
    let leaf = no.item(Kind::RECEIVED, Direction::In, &ee, crate::id::Digest([3; 32]));
    no.write(Event { agreement: crate::id::Digest([5; 32]), ..leaf });
    no.commit();
    assert_eq!(
        names(&found(&no, &hiding(&no, &[held]))),
        ["restored", "agreement-missing", "envelope-missing", "sent-proof-missing"]
    );
}

#[test]
fn a_number_that_a_restored_sender_used_before_does_not_make_it_an_equivocator() {
    let (no, ee) = two();
    let (mut once, mut at_ee) = (no.clone(), ee.clone());
    let first = send(&mut once, &[&ee], 9);
    let leaf = place(&once, |event| event.kind == Kind::SENT && event.seq == 4);
    take(&mut at_ee, &once, &first, None);
    // The item was lost with its number, and nobody gave it back.
    let mut again = once;
    say_restored(&mut again, &[leaf]);
    let other = again.alert(content(10), &[&ee]);
    let mut event = again.events[leaf].clone();
    let chain = |before, object| crate::log::chain::next(&before, 4, &object);
    event.object = crate::envelope::digest(&other);
    let before = again.events.iter().rfind(|e| e.kind == Kind::SENT && e.seq == 3 && e.direction == Direction::Out);
    event.chain = chain(before.unwrap().chain, event.object);
    let index = again.log(event);
    again.envelopes.remove(&leaf);
    again.envelopes.insert(index, other);
    again.commit();
    let bundle = hiding(&again, &[leaf]);
    assert_eq!(names(&found(&again, &bundle)), ["restored", "undelivered"]);
    let told = against(&at_ee, &again, &bundle);
    assert_eq!(names(&told), ["partly-compared"], "{told:?}");
    assert_eq!((told[0].origin.clone(), told[0].seq), (Some(no.origin()), Some(4)));
    // Without that leaf it used the number twice.
    let mut twice = again.clone();
    let said = place(&twice, |event| event.kind == Kind::RECOVERY);
    twice.events[said].kind = Kind::ANCHOR;
    let told = against(&at_ee, &twice, &hiding(&twice, &[leaf]));
    assert_eq!(names(&told), ["equivocated"]);
}

#[test]
fn an_item_that_was_given_up_out_of_its_turn_is_not_a_number_twice_when_the_leaf_that_sent_it_is_lost() {
    let (mut no, ee) = two();
    for number in 10..22 {
        send(&mut no, &[&ee], number);
    }
    let sent = |seq| sent_as(Kind::SENT, seq);
    let give_up = |no: &mut Country, seq: u64| {
        let leaf = no.events[place(no, sent(seq))].clone();
        no.write(Event { kind: Kind::ABANDONED, ..leaf });
    };
    // The later one first, so that each comes after its neighbours.
    for seq in [9, 6, 5] {
        give_up(&mut no, seq);
    }
    no.commit();
    let lost = [5, 6, 9].map(|seq| place(&no, sent(seq)));
    let honest = no.clone();
    say_restored(&mut no, &lost);
    lost.iter().for_each(|leaf| drop(no.envelopes.remove(leaf)));
    let found_in = |no: &Country| {
        let mut found = names(&found(no, &hiding(no, &lost)));
        found.dedup();
        found
    };
    assert_eq!(found_in(&no), ["restored", "undelivered"]);
    // Whoever gives up another item under such a number is found by its neighbours, and twice is once too often.
    let mut other = honest.clone();
    let leaf = other.events.iter().rposition(sent_as(Kind::ABANDONED, 9)).unwrap();
    other.events[leaf].object = Digest([5; 32]);
    say_restored(&mut other, &lost);
    lost.iter().for_each(|leaf| drop(other.envelopes.remove(leaf)));
    assert!(found_in(&other).contains(&"chain-mismatch"), "{:?}", found_in(&other));
    let mut twice = honest;
    let again = twice.events.iter().rposition(sent_as(Kind::ABANDONED, 9)).unwrap();
    twice.write(twice.events[again].clone());
    say_restored(&mut twice, &lost);
    lost.iter().for_each(|leaf| drop(twice.envelopes.remove(leaf)));
    assert!(found_in(&twice).contains(&"sequence-repeated"), "{:?}", found_in(&twice));
}

fn sent_as(kind: Kind, seq: u64) -> impl Fn(&Event) -> bool {
    move |event| event.kind == kind && event.seq == seq
}

#[test]
fn the_last_numbers_may_be_given_up_in_any_order_when_their_leaves_are_lost_but_each_had_a_leaf() {
    let (mut no, ee) = two();
    for number in 10..22 {
        send(&mut no, &[&ee], number);
    }
    let last = no.events.iter().map(|event| event.seq).max().unwrap();
    let given_up = |lost: [u64; 4], numbers: [u64; 4]| {
        let mut no = no.clone();
        let lost = lost.map(|seq| place(&no, sent_as(Kind::SENT, seq)));
        for seq in numbers {
            let leaf = no.events[place(&no, sent_as(Kind::SENT, seq.min(last)))].clone();
            no.write(Event { kind: Kind::ABANDONED, seq, ..leaf });
        }
        no.commit();
        say_restored(&mut no, &lost);
        lost.iter().for_each(|leaf| drop(no.envelopes.remove(leaf)));
        let mut found = names(&found(&no, &hiding(&no, &lost)));
        found.dedup();
        found
    };
    let lost = [last - 3, last - 2, last - 1, last];
    assert_eq!(given_up(lost, [last - 2, last, last - 3, last - 1]), ["restored", "undelivered"]);
    let more = given_up(lost, [last - 2, last + 1, last - 3, last - 1]);
    assert!(more.contains(&"sequence-gap"), "five numbers had four leaves: {more:?}");
}

#[test]
fn what_is_given_up_out_of_its_turn_hides_nothing_that_the_other_side_took() {
    let (mut no, mut ee) = two();
    let taken = send(&mut no, &[&ee], 9);
    take(&mut ee, &no, &taken, None);
    send(&mut no, &[&ee], 10);
    let lost = [place(&no, sent_as(Kind::SENT, 4))];
    let leaf = no.events[lost[0]].clone();
    no.write(Event { kind: Kind::ABANDONED, ..leaf });
    no.commit();
    say_restored(&mut no, &lost);
    no.envelopes.remove(&lost[0]);
    let bundle = hiding(&no, &lost);
    assert!(!names(&found(&no, &bundle)).contains(&"sequence-repeated"));
    let told = against(&ee, &no, &bundle);
    assert!(told.iter().any(|one| one.code.name == "partly-compared" && one.seq == Some(4)), "{told:?}");
}

#[test]
fn the_first_number_of_a_channel_is_bound_to_its_beginning_and_who_takes_things_takes_them_in_order() {
    let (mut no, mut ee) = (Country::new("no", 1), Country::new("ee", 11));
    let (before_no, before_ee) = (no.clone(), ee.clone());
    no.pin(&before_ee);
    ee.pin(&before_no);
    for number in 1..4 {
        let envelope = send(&mut no, &[&ee], number);
        take(&mut ee, &no, &envelope, None);
    }
    let given_up = |country: &Country, kind, object: Option<Digest>| {
        let (mut country, lost) = (country.clone(), [place(country, sent_as(kind, 1))]);
        let leaf = country.events[lost[0]].clone();
        country.write(Event { kind: Kind::ABANDONED, object: object.unwrap_or(leaf.object), ..leaf });
        country.commit();
        say_restored(&mut country, &lost);
        country.envelopes.remove(&lost[0]);
        names(&found(&country, &hiding(&country, &lost)))
    };
    let in_order = ["chain-mismatch", "sequence-repeated"];
    let honest = given_up(&no, Kind::SENT, None);
    assert!(!honest.iter().any(|name| in_order.contains(name)), "{honest:?}");
    assert!(given_up(&no, Kind::SENT, Some(Digest([5; 32]))).contains(&"chain-mismatch"));
    assert!(given_up(&ee, Kind::RECEIVED, None).contains(&"sequence-repeated"));
}
