//! A node whose own operator made the bundle, and signed it, and wants something not to be seen.

use super::world::{self, Country, content, exchange, two};
use super::{found, names};
use crate::audit::{Given, MemoryBundle, verify};
use crate::envelope::{self, Envelope};
use crate::id::{Digest, LogIndex};
use crate::log::event::{Direction, Event, Kind};
use crate::log::tiles::{read_bundle, write_bundle};
use bytes::Bytes;
use prost::Message;

/// Changes one thing of a packed file.
fn repack(bytes: &mut Vec<u8>, slot: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let mut things: Vec<Vec<u8>> = read_bundle(bytes).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    change(&mut things[slot]);
    *bytes = write_bundle(things.iter().map(Vec::as_slice)).unwrap();
}

/// The first of [`two`], in whose bundle there is nothing to find.
fn honest() -> Country {
    let (no, _) = two();
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    no
}

fn place(country: &Country, kind: Kind, nth: usize) -> usize {
    let found = country.events.iter().enumerate().filter(|(_, event)| event.kind == kind).nth(nth);
    found.unwrap().0
}

#[test]
fn an_opening_that_is_taken_out_is_found_with_its_index_and_time() {
    let no = honest();
    for kind in [Kind::SENT, Kind::RECEIVED, Kind::ROSTER, Kind::AGREEMENT, Kind::RECEIPT_HELD, Kind::GENESIS] {
        let index = place(&no, kind, 0);
        let findings = found(&no, &no.with("openings/000", |bytes| repack(bytes, index, Vec::clear)));
        assert_eq!(names(&findings), ["opening-missing"], "{kind:?}: {findings:?}");
        assert_eq!(findings[0].index, Some(LogIndex(index as u64)));
        assert_eq!(findings[0].not_before, index.checked_sub(1).map(|before| no.events[before].time));
        assert_eq!(findings[0].not_after, Some(no.events[index + 1].time));
    }
}

#[test]
fn an_opening_that_was_changed_does_not_open_its_leaf() {
    let no = honest();
    let index = place(&no, Kind::SENT, 1);
    for byte in [0, 40, 60, 200] {
        let bundle = no.with("openings/000", |bytes| repack(bytes, index, |opening| opening[byte] ^= 1));
        let findings = found(&no, &bundle);
        assert_eq!(names(&findings), ["opening-altered"], "{findings:?}");
        assert_eq!(findings[0].index, Some(LogIndex(index as u64)));
    }
}

#[test]
fn an_entry_or_a_tile_that_was_changed_is_told_from_the_tree() {
    let no = honest();
    let size = no.events.len();
    let entries = format!("tile/entries/000.p/{size}");
    let findings = found(&no, &no.with(&entries, |bytes| repack(bytes, 5, |entry| entry[9] ^= 1)));
    assert_eq!(names(&findings), ["entry-altered"], "{findings:?}");
    assert_eq!(findings[0].index, Some(LogIndex(5)));
    let tile = format!("tile/0/000.p/{size}");
    let findings = found(&no, &no.with(&tile, |bytes| bytes[5 * 32] ^= 1));
    assert_eq!(names(&findings), ["entry-altered"], "{findings:?}");
    assert_eq!(findings[0].index, Some(LogIndex(5)));
}

#[test]
fn a_changed_tile_above_the_leaves_is_told_from_the_tree() {
    let mut no = honest();
    for _ in 0..600 {
        no.log(Event::local(Kind::ANCHOR, no.clock));
    }
    no.commit();
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    let findings = found(&no, &no.with("tile/1/000.p/2", |bytes| bytes[40] ^= 1));
    assert_eq!(names(&findings), ["tile-altered"], "{findings:?}");
}

#[test]
fn leaves_that_were_rewritten_under_an_old_signature_do_not_have_its_root() {
    let no = honest();
    let mut rewritten = no.clone();
    let index = place(&no, Kind::RECEIVED, 0);
    rewritten.events[index].body = b"x".to_vec();
    let mut bundle = rewritten.national();
    for path in ["checkpoint", "checkpoints/000"] {
        bundle.insert(path.into(), no.national()[path].clone());
    }
    let findings = found(&no, &no.reseal(bundle));
    assert_eq!(names(&findings), ["root-differs"], "{findings:?}");
    let agreed = no.heads.iter().rfind(|size| **size <= index as u64).unwrap();
    assert_eq!(findings[0].index, Some(LogIndex(*agreed)));
}

#[test]
fn a_log_that_was_rewritten_and_signed_again_differs_from_what_a_peer_holds() {
    let (no, ee) = two();
    let view = ee.witnessed[&no.origin()].write().into_bytes();
    let with_view = |country: &Country| {
        let given = Given { views: vec![view.clone()], ..country.given() };
        let mut findings = verify(&country.national(), &given).unwrap().findings;
        findings.retain(|finding| finding.code.name != "rejected");
        names(&findings)
    };
    assert_eq!(with_view(&no), Vec::<&str>::new());
    let mut rewritten = no.clone();
    rewritten.events[1].body.push(b'\n');
    rewritten.events[1].object = Digest::of(&rewritten.events[1].body);
    rewritten.policy.push('\n');
    assert_eq!(names(&found(&no, &rewritten.national())), Vec::<&str>::new(), "alone, it looks honest");
    assert_eq!(with_view(&rewritten), ["split-view"]);
    rewritten.heads.retain(|size| *size == rewritten.events.len() as u64);
    assert_eq!(with_view(&rewritten), ["rewritten"]);
    let mut truncated = no.clone();
    truncated.events.truncate(5);
    truncated.heads.retain(|size| *size <= 5);
    truncated.receipts.clear();
    truncated.sent.clear();
    truncated.envelopes.clear();
    assert_eq!(with_view(&truncated), ["truncated"]);
}

#[test]
fn two_roots_of_one_size_or_a_stolen_head_are_found() {
    let (no, ee) = two();
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    let fork = no.forge_head(4, Digest([1; 32])).write().into_bytes();
    let slot = no.heads.iter().position(|size| *size == 5).unwrap();
    let forked = no.with("checkpoints/000", |bytes| {
        repack(bytes, slot, |head| *head = no.forge_head(2, Digest([1; 32])).write().into_bytes());
    });
    assert_eq!(names(&found(&no, &forked)), ["split-view"]);
    let unsigned = no.with("checkpoints/000", |bytes| {
        repack(bytes, 0, |head| *head = ee.head(2).write().into_bytes());
    });
    assert_eq!(names(&found(&no, &unsigned)), ["checkpoint-invalid"]);
    let given = Given { views: vec![fork, b"no note".to_vec()], ..no.given() };
    let mut findings = verify(&no.national(), &given).unwrap().findings;
    findings.retain(|finding| finding.code.name != "rejected");
    assert_eq!(names(&findings), ["rewritten", "view-invalid"]);
}

#[test]
fn the_newest_head_must_be_of_the_leaves_that_are_shown() {
    let no = honest();
    let mut bundle = no.national();
    bundle.insert("checkpoint".into(), no.head(5).write().into_bytes());
    assert_eq!(names(&found(&no, &no.reseal(bundle))), ["size-differs"]);
}

#[test]
fn an_envelope_that_is_gone_changed_or_signed_by_another_is_found() {
    let (no, ee) = two();
    let index = place(&no, Kind::SENT, 1);
    let taken = place(&no, Kind::RECEIVED, 0);
    let findings = found(&no, &no.with("envelopes/000", |bytes| repack(bytes, index, Vec::clear)));
    assert_eq!(names(&findings), ["envelope-missing"], "{findings:?}");
    assert_eq!((findings[0].index, findings[0].seq), (Some(LogIndex(index as u64)), Some(2)));

    let other = no.alert(content(99), &[&ee]).encode_to_vec();
    let findings = found(&no, &no.with("envelopes/000", |bytes| repack(bytes, index, |old| *old = other)));
    assert_eq!(names(&findings), ["envelope-altered"], "{findings:?}");

    for index in [index, taken] {
        let resigned = |old: &mut Vec<u8>| {
            let mut envelope = Envelope::decode(old.as_slice()).unwrap();
            let signed = envelope::pae(&envelope.payload_type, &envelope.payload);
            envelope.signatures[0].signature = Bytes::copy_from_slice(&world::stranger().sign(&signed));
            *old = envelope.encode_to_vec();
        };
        let findings = found(&no, &no.with("envelopes/000", |bytes| repack(bytes, index, resigned)));
        assert_eq!(names(&findings), ["envelope-unsigned"], "{findings:?}");
    }
    let at_genesis = no.envelopes[&index].encode_to_vec();
    let findings = found(&no, &no.with("envelopes/000", |bytes| repack(bytes, 0, |none| *none = at_genesis)));
    assert_eq!(names(&findings), ["envelope-unlogged"], "{findings:?}");
}

#[test]
fn a_sharing_decision_that_was_changed_afterwards_is_found() {
    let (no, ee) = two();
    let index = place(&no, Kind::SENT, 0);
    let findings = found(&no, &no.with("decisions/000", |bytes| repack(bytes, index, |old| old[35] ^= 1)));
    assert_eq!(names(&findings), ["decision-altered"], "{findings:?}");
    let other = logged(|no, _| {
        let envelope = no.alert(content(9), &[&ee]);
        let leaf = no.item(Kind::SENT, Direction::Out, &ee, envelope::digest(&envelope));
        let index = no.log(Event { restricted: Digest([9; 32]), ..leaf });
        no.envelopes.insert(index, envelope);
    });
    // The leaf neither names the decision that is shown nor the one in the alert.
    assert_eq!(other, ["decision-altered", "decision-altered", "undelivered"]);
}

/// Whatever byte its own operator changes and signs again, the bundle is not clean, unless the byte decides nothing.
#[test]
fn no_byte_can_be_changed_by_the_operator_without_a_finding() {
    let (no, _) = two();
    let honest = no.national();
    let mut chance = Digest::of(b"chance");
    for _ in 0..250 {
        chance = Digest::of(&chance.0);
        let number = |from: usize| chance.0[from..from + 4].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let paths: Vec<&String> = honest.keys().filter(|path| path.contains('/') && *path != "keys/genesis").collect();
        let path = paths[number(0) % paths.len()];
        let byte = number(4) % honest[path].len();
        let bundle = no.with(path, |bytes| bytes[byte] ^= 1 << (chance.0[8] % 8));
        // The key hint of an envelope is no part of what is signed, and never a decision.
        let hint = |envelope: &Envelope| envelope.signatures[0].key_id.clone().into_bytes();
        let nearby = &honest[path][byte.saturating_sub(8)..(byte + 8).min(honest[path].len())];
        let in_hint = path.starts_with("envelopes/")
            && no
                .envelopes
                .values()
                .any(|e| hint(e).windows(nearby.len().min(4)).any(|w| nearby.windows(w.len()).any(|n| n == w)));
        assert!(in_hint || !found(&no, &bundle).is_empty(), "{path} byte {byte}");
    }
}

/// The node logs what an honest one would not; what a reader finds besides.
fn logged(change: impl FnOnce(&mut Country, &mut Country)) -> Vec<&'static str> {
    let (mut no, mut ee) = two();
    change(&mut no, &mut ee);
    no.commit();
    names(&found(&no, &no.national()))
}

#[test]
fn a_channel_that_skips_repeats_or_forges_its_accumulator_is_found() {
    let sent = |no: &Country, ee: &Country| {
        no.item(Kind::SENT, Direction::Out, ee, envelope::digest(&no.alert(content(9), &[ee])))
    };
    let keep = |no: &mut Country, ee: &Country, event: Event| {
        let envelope = no.alert(content(9), &[ee]);
        let index = no.log(event);
        no.envelopes.insert(index, envelope);
    };
    let gap = logged(|no, ee| keep(no, ee, Event { seq: 9, ..sent(no, ee) }));
    assert_eq!(gap, ["sequence-gap", "undelivered"]);
    let repeated = logged(|no, ee| keep(no, ee, Event { seq: 2, ..sent(no, ee) }));
    assert_eq!(repeated, ["sequence-repeated"]);
    let forged = logged(|no, ee| keep(no, ee, Event { chain: Digest([7; 32]), ..sent(no, ee) }));
    assert_eq!(forged, ["chain-mismatch", "undelivered"]);
    let honest = logged(|no, ee| keep(no, ee, sent(no, ee)));
    assert_eq!(honest, ["undelivered"]);
}

#[test]
fn a_leaf_that_contradicts_itself_or_goes_back_in_time_is_found() {
    assert_eq!(logged(|no, _| no.write(Event::local(Kind::SENT, no.clock))), ["leaf-malformed"]);
    assert_eq!(logged(|no, _| no.write(Event::local(Kind::GENESIS, no.clock))), ["leaf-malformed"]);
    assert_eq!(logged(|no, _| no.write(Event::local(Kind(0x42), no.clock))), ["unknown-kind"]);
    let back = |kind| {
        logged(move |no, _| {
            let index = no.log(Event::local(kind, no.clock));
            no.events[index].time = no.events[3].time;
        })
    };
    assert_eq!(back(Kind::PAD), ["time-decreasing"]);
    assert_eq!(back(Kind::CLOCK_STEP), ["clock-step"]);
}

#[test]
fn an_item_from_nobody_or_under_no_agreement_is_found() {
    let stranger = logged(|no, _| {
        let lt = Country::new("lt", 21);
        let envelope = lt.alert(content(5), &[no]);
        world::take(no, &lt, &envelope, None);
        no.witnessed.remove(&lt.origin());
    });
    assert_eq!(stranger, ["not-in-roster"]);
    let sent = logged(|no, _| {
        let lt = Country::new("lt", 21);
        world::send(no, &[&lt], 5);
    });
    assert_eq!(sent, ["not-in-roster", "undelivered"]);
    let agreement = |kind| {
        logged(move |no, ee| {
            let envelope = ee.alert(content(5), &[no]);
            let leaf = no.item(kind, Direction::In, ee, envelope::digest(&envelope));
            no.log(Event { agreement: Digest([5; 32]), ..leaf });
        })
    };
    assert_eq!(agreement(Kind::RECEIVED), ["agreement-missing", "envelope-missing", "sent-proof-missing"]);
    assert_eq!(agreement(Kind::REJECTED), ["sent-proof-missing"], "for that it was refused, perhaps");
    let unpinned = logged(|no, ee| {
        no.log(Event { peer: Some(ee.origin()), ..Event::local(Kind::ROSTER, no.clock) });
        let envelope = ee.alert(content(5), &[no]);
        world::take(no, ee, &envelope, None);
    });
    assert_eq!(unpinned, ["not-in-roster", "sent-proof-missing"]);
}

#[test]
fn a_pin_or_an_acceptance_that_does_not_hold_is_found() {
    let again = |no: &mut Country, kind, change: fn(&mut Event)| {
        let mut event = no.events[place(no, kind, 0)].clone();
        change(&mut event);
        no.log(event);
    };
    assert_eq!(logged(|no, _| again(no, Kind::ROSTER, |e| e.body[40] ^= 1)), ["roster-invalid"]);
    assert_eq!(logged(|no, _| again(no, Kind::AGREEMENT, |e| e.body[40] ^= 1)), ["agreement-invalid"]);
    assert_eq!(logged(|no, _| again(no, Kind::AGREEMENT, |e| e.direction = Direction::In)), ["agreement-invalid"]);
    let replaced = logged(|no, _| {
        let other = Country::new("ee", 41);
        no.pin(&other);
    });
    assert_eq!(replaced, ["identity-changed"]);
}

#[test]
fn what_both_ends_must_refuse_is_found_in_the_log_of_who_took_it() {
    let readdressed = logged(|no, ee| {
        let envelope = ee.alert(content(5), &[&Country::new("lt", 21)]);
        world::take(no, ee, &envelope, None);
    });
    assert_eq!(readdressed, ["against-rules", "sent-proof-missing"]);
    let unknown = logged(|no, ee| {
        let mut envelope = ee.alert(content(5), &[no]);
        envelope.payload_type = "application/vnd.varde.later.v9+protobuf".into();
        let signed = envelope::pae(&envelope.payload_type, &envelope.payload);
        envelope.signatures[0].signature = Bytes::copy_from_slice(&ee.message_key().sign(&signed));
        world::take(no, ee, &envelope, None);
    });
    assert_eq!(unknown, ["unknown-payload", "sent-proof-missing"]);
}

#[test]
fn a_receipt_that_is_claimed_and_not_shown_or_is_another_is_found() {
    let (mut no, _) = two();
    let path = "receipts/varde.example/ee/1/2/000";
    let codes = |bundle: &MemoryBundle| names(&found(&no, bundle));
    assert_eq!(codes(&no.with(path, |bytes| repack(bytes, 1, Vec::clear))), ["receipt-missing"]);
    let swapped = no.with(path, |bytes| {
        let first = read_bundle(bytes).unwrap()[0].to_vec();
        let second = read_bundle(bytes).unwrap()[1].to_vec();
        repack(bytes, 0, |slot| *slot = second);
        repack(bytes, 1, |slot| *slot = first);
    });
    assert_eq!(codes(&swapped), ["receipt-differs", "receipt-differs"]);
    let broken = no.with(path, |bytes| repack(bytes, 0, |proof| *proof.last_mut().unwrap() = b'x'));
    assert_eq!(codes(&broken), ["receipt-invalid"]);
    let mut dropped = no.national();
    dropped.remove(path);
    assert_eq!(codes(&no.reseal(dropped)), ["receipt-missing"; 3]);
    let held = place(&no, Kind::RECEIPT_HELD, 1);
    no.events[held].object = Digest([1; 32]);
    assert_eq!(names(&found(&no, &no.national())), ["receipt-missing"]);
}

#[test]
fn another_policy_genesis_or_agreement_text_is_found() {
    let (mut no, ee) = two();
    assert_eq!(names(&found(&no, &no.with("policy", |bytes| bytes.push(b'\n')))), ["policy-differs"]);
    let mut bundle = no.national();
    let path = bundle.keys().find(|path| path.starts_with("agreements/")).unwrap().clone();
    bundle.insert(path, b"another text".to_vec());
    assert_eq!(names(&found(&no, &no.reseal(bundle))), ["file-malformed"]);
    let mut bundle = no.national();
    bundle.insert(format!("witnessed/{}", ee.origin()), no.newest().write().into_bytes());
    assert_eq!(names(&found(&no, &no.reseal(bundle))), ["witness-invalid"]);
    no.events[0].object = Digest([1; 32]);
    assert_eq!(names(&found(&no, &no.national())), ["genesis-differs"]);
}

#[test]
fn many_of_one_kind_are_counted_not_listed() {
    let (mut no, _) = two();
    for _ in 0..1200 {
        no.log(Event::local(Kind(0x42), no.clock));
    }
    no.commit();
    let findings = found(&no, &no.national());
    assert_eq!(findings.len(), 1001);
    assert!(findings[1000].text.starts_with("200 more"), "{}", findings[1000].text);
    exchange(&mut no, &mut Country::new("ee", 11), 50);
}
