//! A log whose policy asks for witnesses: how long its newest leaves were without them, whether it ever went back, and what a
//! restored backup explains.

use super::world::{Country, two};
use super::{found, names};
use crate::audit::{Finding, Given, verify};
use crate::id::{Digest, LogIndex};
use crate::identity::testing::key;
use crate::log::body::Recovery;
use crate::log::event::{Event, Kind};
use crate::log::tiles::{read_bundle, write_bundle};
use crate::log::vkey::{KeyMaterial, Vkey};
use crate::time::Timestamp;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Seeds of four witnesses: three are a quorum, one may be faulty.
const WITNESSES: [u8; 4] = [61, 62, 63, 64];

/// NO, whose policy asks for three of four witnesses.
pub(super) fn watched() -> Country {
    let (mut no, _) = two();
    let line = |seed: &u8| {
        let key = Vkey::new(&format!("wit{seed}.example"), KeyMaterial::Cosignature(key(*seed).public())).unwrap();
        format!("witness w{seed} {}\n", key.text())
    };
    let lines: String = WITNESSES.iter().map(line).collect();
    no.policy = no.policy.replace("quorum none", &format!("{lines}group q 3 w61 w62 w63 w64\nquorum q"));
    let body = no.policy.clone().into_bytes();
    no.log(Event { object: Digest::of(&body), body, ..Event::local(Kind::POLICY, no.clock) });
    no.commit();
    no
}

/// Some witnesses cosign the newest head a second later.
pub(super) fn cosign(no: &mut Country, witnesses: usize) {
    let (size, time) = (no.events.len() as u64, no.clock.after(Duration::from_secs(1)));
    no.cosigned.insert(size, WITNESSES[..witnesses].iter().map(|seed| (*seed, time)).collect());
}

/// A leaf that peers should come to know of, after a while.
pub(super) fn later(no: &mut Country, pause: Duration) {
    no.clock = no.clock.after(pause);
    no.write(Event::local(Kind::ANCHOR, no.clock));
    no.commit();
}

fn all(no: &Country) -> Vec<Finding> {
    found(no, &no.national())
}

fn codes(no: &Country) -> Vec<&'static str> {
    names(&all(no))
}

#[test]
fn newest_leaves_without_a_quorum_are_a_note_after_ten_minutes_and_a_finding_after_a_day() {
    let mut no = watched();
    assert_eq!(codes(&no), Vec::<&str>::new(), "no witness can be that fast");
    cosign(&mut no, 3);
    let from = no.events.len();
    later(&mut no, MINUTE);
    later(&mut no, 9 * MINUTE);
    assert_eq!(codes(&no), Vec::<&str>::new());
    later(&mut no, 2 * MINUTE);
    let findings = all(&no);
    assert_eq!(names(&findings), ["witness-late"]);
    assert_eq!(findings[0].index, Some(LogIndex(from as u64)));
    assert_eq!((findings[0].not_before, findings[0].not_after), (Some(no.events[from].time), Some(no.clock)));
    cosign(&mut no, 2);
    assert_eq!(codes(&no), ["witness-late"], "two are no quorum");
    later(&mut no, 25 * 60 * MINUTE);
    assert_eq!(codes(&no), ["not-witnessed"]);
    cosign(&mut no, 3);
    assert_eq!(codes(&no), Vec::<&str>::new());
}

#[test]
fn leaves_that_ask_for_no_witness_wait_for_none() {
    let mut no = watched();
    cosign(&mut no, 4);
    no.clock = no.clock.after(48 * 60 * MINUTE);
    no.write(Event::local(Kind::ENTANGLE, no.clock));
    no.write(Event::local(Kind::PAD, no.clock));
    no.commit();
    assert_eq!(codes(&no), Vec::<&str>::new());
}

#[test]
fn a_quorum_that_only_a_peer_can_show_counts_too() {
    let mut no = watched();
    later(&mut no, 20 * MINUTE);
    let without = no.national();
    cosign(&mut no, 3);
    let views = vec![no.newest().write().into_bytes()];
    later(&mut no, MINUTE);
    let late = no.clone();
    no.events.pop();
    assert_eq!(names(&found(&no, &without)), ["witness-late"]);
    let given = Given { views, ..no.given() };
    let mut findings = verify(&without, &given).unwrap().findings;
    findings.retain(|finding| finding.code.name != "rejected");
    assert_eq!(names(&findings), Vec::<&str>::new());
    assert_eq!(codes(&late), Vec::<&str>::new());
}

#[test]
fn a_cosignature_that_does_not_verify_spoils_its_head() {
    let mut no = watched();
    cosign(&mut no, 3);
    let slot = no.heads.len() - 1;
    let other = no.head(no.events.len() as u64).note().signatures()[1].clone();
    no.cosigned.clear();
    let mut head = no.newest();
    let mut forged = other.signature().to_vec();
    forged[20] ^= 1;
    head.add(crate::log::note::SignatureLine::new(other.name(), other.id(), &forged).unwrap()).unwrap();
    let bundle = no.with("checkpoints/000", |bytes| {
        let mut heads: Vec<Vec<u8>> = read_bundle(bytes).unwrap().into_iter().map(<[u8]>::to_vec).collect();
        heads[slot] = head.write().into_bytes();
        *bytes = write_bundle(heads.iter().map(Vec::as_slice)).unwrap();
    });
    assert_eq!(names(&found(&no, &bundle)), ["checkpoint-invalid"]);
}

/// The log had `most` leaves cosigned, and half an hour later three fewer, and goes on from there.
fn went_back() -> (Country, u64, Timestamp) {
    let mut no = watched();
    let smaller = no.events.len() as u64;
    for _ in 0..3 {
        later(&mut no, Duration::ZERO);
    }
    cosign(&mut no, 3);
    let (most, when) = (no.events.len() as u64, no.clock.after(Duration::from_secs(1)));
    no.cosigned.insert(smaller, WITNESSES[1..].iter().map(|seed| (*seed, no.clock.after(30 * MINUTE))).collect());
    later(&mut no, 31 * MINUTE);
    cosign(&mut no, 3);
    (no, most, when)
}

#[test]
fn a_log_that_went_back_without_saying_so_was_rolled_back() {
    let (mut no, most, when) = went_back();
    let findings = all(&no);
    assert_eq!(names(&findings), ["rolled-back"], "{findings:?}");
    assert_eq!((findings[0].index, findings[0].not_before), (Some(LogIndex(most - 3)), Some(when)));
    // Witnesses whose clocks differ by minutes saw nothing go back.
    let near = when.after(5 * MINUTE);
    no.cosigned.get_mut(&(most - 3)).unwrap().iter_mut().for_each(|(_, time)| *time = near);
    assert_eq!(codes(&no), Vec::<&str>::new());
}

#[test]
fn one_witness_of_four_whose_clock_is_wrong_convicts_no_honest_log_and_saves_no_other() {
    let (mut no, _, _) = went_back();
    let sound = no.cosigned.clone();
    for off in [-30, 30] {
        // It cosigned every size, one of them with a single other witness.
        let wrong = |time: Timestamp| Timestamp::from_ms(time.ms() + off * 24 * 60 * 60 * 1000).unwrap();
        no.cosigned = sound.clone();
        for cosigned in no.cosigned.values_mut() {
            cosigned.retain(|(seed, _)| *seed != WITNESSES[3]);
            let time = cosigned.iter().map(|(_, time)| *time).min().unwrap();
            cosigned.push((WITNESSES[3], wrong(time)));
        }
        assert_eq!(codes(&no), ["rolled-back"], "{off}");
    }
    let mut no = watched();
    let (smaller, then) = (no.events.len() as u64, no.clock.after(Duration::from_secs(1)));
    let ahead = then.after(30 * 24 * 60 * MINUTE);
    no.cosigned.insert(smaller, vec![(WITNESSES[0], then), (WITNESSES[3], ahead)]);
    later(&mut no, MINUTE);
    cosign(&mut no, 3);
    let newest = no.events.len() as u64;
    no.cosigned.get_mut(&newest).unwrap().push((WITNESSES[3], ahead));
    assert_eq!(codes(&no), Vec::<&str>::new(), "it alone says that the smaller log was shown later");
    no.cosigned.remove(&newest);
    assert_eq!(codes(&no), Vec::<&str>::new(), "it alone says that the newest leaf has waited for a month");
}

fn recovered(no: &Country, size: u64, missing: Vec<(u64, u64)>) -> Event {
    let recovery = Recovery { backup: no.events[5].time, backup_size: size - 3, size, missing };
    Event { body: recovery.write().unwrap(), ..Event::local(Kind::RECOVERY, no.clock) }
}

#[test]
fn a_restored_backup_that_is_said_explains_a_log_that_went_back_and_what_did_not_come_back() {
    let (mut no, most, _) = went_back();
    let place = usize::try_from(most).unwrap();
    let honest = Event { time: no.events[place].time, ..recovered(&no, most, vec![(most - 2, most)]) };
    no.events[place] = honest;
    assert_eq!(codes(&no), ["restored"]);
    let without = |no: &Country, gone: usize| {
        no.with("openings/000", |bytes| {
            let mut openings: Vec<Vec<u8>> = read_bundle(bytes).unwrap().into_iter().map(<[u8]>::to_vec).collect();
            openings[gone].clear();
            *bytes = write_bundle(openings.iter().map(Vec::as_slice)).unwrap();
        })
    };
    assert_eq!(names(&found(&no, &without(&no, place - 1))), ["restored"]);
    assert_eq!(names(&found(&no, &without(&no, place - 3))), ["restored", "opening-missing"]);
}

#[test]
fn a_recovery_that_hides_new_leaves_or_less_than_was_lost_is_a_rollback() {
    let (no, most, _) = went_back();
    let place = usize::try_from(most).unwrap();
    let mut between = no.clone();
    between.events[place] = Event { time: no.events[place].time, ..recovered(&no, most - 1, Vec::new()) };
    assert_eq!(codes(&between), ["rolled-back", "rolled-back"]);
    let mut less = no.clone();
    less.events[place - 1] = Event { time: no.events[place - 1].time, ..recovered(&no, most - 1, Vec::new()) };
    assert_eq!(codes(&less), ["restored", "rolled-back"]);
    let mut mute = no;
    mute.events[place].kind = Kind::RECOVERY;
    assert_eq!(codes(&mute), ["leaf-malformed", "rolled-back"]);
}

#[test]
fn padding_beyond_the_next_sixteen_is_a_question() {
    let padded = |count: usize| {
        let (mut no, _) = two();
        (0..count).for_each(|_| no.write(Event::local(Kind::PAD, no.clock)));
        no.commit();
        no
    };
    assert_eq!(codes(&padded(15)), Vec::<&str>::new());
    let findings = all(&padded(40));
    assert_eq!(names(&findings), ["pads-over-policy"]);
    assert_eq!(findings[0].index, Some(LogIndex(two().0.events.len() as u64 + 15)));
}
