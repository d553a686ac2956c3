//! A log that follows another one of its node, and a peer that pinned it.

use super::world::{Country, two};
use super::{found, names};
use crate::audit::{Audit, reconcile, verify};
use crate::control::leaf::Done;
use crate::envelope::{self, Envelope};
use crate::exchange::KnownHead;
use crate::id::{Digest, LogIndex, TreeSize};
use crate::identity::testing::{genesis, key, now, origin};
use crate::identity::{Descriptor, Genesis, History, Incident, Reason, Role};
use crate::log::event::{Direction, Event, Kind};
use crate::log::fork::Fork;
use crate::log::head::Head;
use crate::vocabulary::ErasureReason;
use crate::wire::peer::Mode;
use prost::Message;

/// What people decided is committed to by some leaf.
const DECIDED: Digest = Digest([7; 32]);

/// NO's statement that its first log ended, signed by a key of this seed.
fn statement(founding: &Envelope, signer: u8) -> Envelope {
    said(founding).sign(&key(signer)).unwrap()
}

fn said(founding: &Envelope) -> Incident {
    let newest = Head::sign(&origin("no"), TreeSize(9), Digest([9; 32]), &key(2)).unwrap().write();
    Incident {
        origin: origin("no/2"),
        mode: Mode::Test,
        previous: origin("no"),
        reason: Reason::TailLost,
        newest,
        stored: KnownHead { size: 7, root: Digest([7; 32]) },
        shown: Some(KnownHead { size: 12, root: Digest([8; 32]) }),
        genesis: envelope::digest(founding),
        created: now(),
        salt: [5; 32],
    }
}

fn bump(statement: &Envelope, restricted: Digest) -> Event {
    let (object, body) = (envelope::digest(statement), statement.encode_to_vec());
    Event { object, body, restricted, ..Event::local(Kind::GENERATION_BUMP, now()) }
}

/// NO's second log, with a leaf after its genesis.
fn second(leaf: impl FnOnce(&Envelope) -> Event) -> Country {
    let mut no = Country::new("no/2", 1);
    let leaf = Event { time: no.events[0].time, ..leaf(&no.founding()) };
    no.events.insert(1, leaf);
    no.commit();
    no
}

#[test]
fn what_the_log_before_took_and_a_later_one_erases_is_no_finding_and_excuses_nothing() {
    let mut no = second(|founding| bump(&statement(founding, 1), DECIDED));
    let done = Done { request: Digest::NONE, reason: ErasureReason::EXPIRED }.encode();
    let (peer, direction, object) = (Some(origin("ee")), Direction::In, Digest([3; 32]));
    let leaf =
        Event { peer, direction, class: 2, seq: 1, object, body: done, ..Event::local(Kind::ERASE_DONE, no.clock) };
    no.write(leaf.clone());
    no.commit();
    assert_eq!(names(&found(&no, &no.national())), ["generation-bumped"]);
    let mut first = Country::new("no", 1);
    first.write(leaf);
    first.commit();
    assert_eq!(names(&found(&first, &first.national())), ["erasure-unrequested"]);
}

#[test]
fn a_log_of_a_later_generation_says_why_the_one_before_ended_as_its_identity_signed_it() {
    let no = second(|founding| bump(&statement(founding, 1), DECIDED));
    let said = found(&no, &no.national());
    assert_eq!(names(&said), ["generation-bumped"]);
    for part in
        ["varde.example/no/1", "tail-lost", "9 leaves", &Digest([9; 32]).to_string(), "7 leaves", "12 were shown"]
    {
        assert!(said[0].text.contains(part), "{part}: {}", said[0].text);
    }
    let silent = Country::new("no/2", 1);
    assert_eq!(names(&found(&silent, &silent.national())), ["generation-unexplained"]);
    let by_another = second(|founding| bump(&statement(founding, 2), DECIDED));
    let of_another = second(|_| bump(&statement(&Country::new("no", 1).founding(), 1), DECIDED));
    let by_nobody = second(|founding| bump(&statement(founding, 1), Digest::NONE));
    let swapped = second(|founding| Event { object: DECIDED, ..bump(&statement(founding, 1), DECIDED) });
    for no in [by_another, of_another, by_nobody, swapped] {
        assert_eq!(names(&found(&no, &no.national())), ["generation-unexplained"]);
    }
    let (mut first, _) = two();
    first.log(bump(&statement(&first.founding(), 1), DECIDED));
    first.commit();
    assert_eq!(names(&found(&first, &first.national())), ["generation-unexplained"]);
}

/// What an auditor finds where EE pinned NO's second log, whose statement and keys are as given, in the place of the first.
fn pinned_by(ee: &mut Country, later: &Genesis, said: &Incident, restricted: Digest) -> Vec<&'static str> {
    let id = key(if later.keys().id() == &key(1).public() { 1 } else { 31 });
    let statement = Incident { genesis: envelope::digest(&later.sign(&id).unwrap()), ..said.clone() };
    let descriptor =
        Descriptor::issue(later, None, now(), [8; 32]).with_incident(statement.sign(&id).unwrap()).unwrap();
    let descriptor = descriptor.sign(&id).unwrap();
    let (peer, object, body) = (Some(origin("no/2")), envelope::digest(&descriptor), descriptor.encode_to_vec());
    ee.log(Event { peer, object, body, restricted, ..Event::local(Kind::ROSTER, now()) });
    ee.commit();
    names(&found(ee, &ee.national()))
}

#[test]
fn a_log_that_follows_a_pinned_one_is_pinned_by_the_decision_of_people_and_under_the_same_identity() {
    let pinned_after = |first: u8, restricted, is_removed: bool| {
        let (_, mut ee) = two();
        if is_removed {
            ee.log(Event { peer: Some(origin("no")), ..Event::local(Kind::ROSTER, now()) });
        }
        let later = genesis("no/2", first);
        pinned_by(&mut ee, &later, &said(&later.sign(&key(first)).unwrap()), restricted)
    };
    let pinned = |first, restricted| pinned_after(first, restricted, false);
    let (_, ee) = two();
    let before = names(&found(&ee, &ee.national()));
    for (first, restricted, code) in [(31, DECIDED, "identity-changed"), (1, Digest::NONE, "roster-invalid")] {
        assert!(pinned_after(first, restricted, true).contains(&code), "taking the pin away first hides nothing");
    }
    assert_eq!(pinned(1, DECIDED), before);
    assert_eq!(pinned(1, Digest::NONE), [&before[..], &["roster-invalid"]].concat());
    assert_eq!(pinned(31, DECIDED), [&before[..], &["identity-changed"]].concat());
}

fn audit(country: &Country) -> Audit {
    verify(&country.national(), &country.given()).unwrap()
}

#[test]
fn what_a_log_says_of_the_one_that_it_follows_is_compared_with_the_bundle_of_that() {
    let (mut first, _) = two();
    let before = audit(&first);
    let size = before.log.as_ref().unwrap().size();
    let root = before.log.as_ref().unwrap().tree.root();
    let follows = |stored: KnownHead, reason| {
        let signed = |founding: &Envelope| {
            Incident { stored, reason, newest: String::new(), ..said(founding) }.sign(&key(1)).unwrap()
        };
        audit(&second(|founding| bump(&signed(founding), DECIDED)))
    };
    let kept = KnownHead { size: size.0, root };
    let other = KnownHead { size: size.0, root: Digest([66; 32]) };
    assert_eq!(names(&reconcile(&before, &follows(kept, Reason::TailLost))), [""; 0]);
    assert_eq!(names(&reconcile(&follows(kept, Reason::TailLost), &before)), [""; 0]);
    assert_eq!(names(&reconcile(&before, &follows(other, Reason::TailLost))), ["generation-unexplained"]);
    assert_eq!(names(&reconcile(&before, &follows(other, Reason::NotAPrefix))), [""; 0]);
    first.log(Event::local(Kind::PAD, now()));
    first.commit();
    assert_eq!(
        names(&reconcile(&audit(&first), &follows(kept, Reason::TailLost))),
        [""; 0],
        "a longer one begins with it"
    );
}

/// A leaf that pins NO's second log, with this statement.
fn pin_second(at: &mut Country, said: &Incident) {
    let later = genesis("no/2", 1);
    let descriptor =
        Descriptor::issue(&later, None, now(), [8; 32]).with_incident(said.sign(&key(1)).unwrap()).unwrap();
    let descriptor = descriptor.sign(&key(1)).unwrap();
    let (peer, object, body) = (Some(origin("no/2")), envelope::digest(&descriptor), descriptor.encode_to_vec());
    at.log(Event { peer, object, body, restricted: DECIDED, ..Event::local(Kind::ROSTER, now()) });
    at.commit();
}

#[test]
fn two_statements_about_one_new_log_are_found_where_two_countries_or_that_log_have_them() {
    let (_, mut ee) = two();
    let mut lt = Country::new("lt", 21);
    let before = lt.clone();
    lt.pin(&ee);
    ee.pin(&before);
    let one = said(&genesis("no/2", 1).sign(&key(1)).unwrap());
    let other = Incident { reason: Reason::PeersUnreachable, ..one.clone() };
    let pinned = |at: &Country, said: &Incident| {
        let mut at = at.clone();
        pin_second(&mut at, said);
        audit(&at)
    };
    let no = audit(&second(|_| bump(&one.sign(&key(1)).unwrap(), DECIDED)));
    let differs = |a: &Audit, b: &Audit| {
        let findings = reconcile(a, b).into_iter().filter(|finding| finding.code.name == "generation-differs");
        findings.map(|finding| finding.origin).collect::<Vec<_>>()
    };
    let found = [Some(origin("no/2"))];
    assert_eq!(differs(&pinned(&ee, &one), &pinned(&lt, &one)), []);
    assert_eq!(differs(&pinned(&ee, &one), &pinned(&lt, &other)), found);
    assert_eq!(differs(&no, &pinned(&ee, &one)), []);
    assert_eq!(differs(&pinned(&ee, &other), &no), found);
}

#[test]
fn taking_from_the_log_that_follows_a_forked_one_is_found_and_a_proof_by_keys_that_a_later_log_never_names_blames_nobody()
 {
    let heads = [1, 2].map(|root| Head::sign(&origin("no"), TreeSize(7), Digest([root; 32]), &key(2)).unwrap());
    let proof = Fork::of(&heads[0], &heads[1], &[key(2).public()]).unwrap();
    let accuse = |at: &mut Country| {
        let body = proof.claim().write();
        let leaf = Event::local(Kind::MISBEHAVIOUR, now());
        at.log(Event { peer: Some(origin("no")), object: Digest::of(&body), body, ..leaf });
        at.commit();
    };
    let said = said(&genesis("no/2", 1).sign(&key(1)).unwrap());
    let ignored = |accused: bool| {
        let (_, mut ee) = two();
        pin_second(&mut ee, &said);
        if accused {
            accuse(&mut ee);
        }
        let taken = Event {
            peer: Some(origin("no/2")),
            direction: Direction::In,
            class: 2,
            seq: 1,
            ..Event::local(Kind::RECEIVED, now())
        };
        ee.log(taken);
        ee.commit();
        names(&found(&ee, &ee.national())).contains(&"frozen-ignored")
    };
    assert_eq!([false, true].map(ignored), [false, true]);
    let blamed = |knows_later: bool| {
        let mut lt = Country::new("lt", 21);
        if knows_later {
            pin_second(&mut lt, &said);
        }
        accuse(&mut lt);
        names(&found(&lt, &lt.national())).contains(&"evidence-invalid")
    };
    assert_eq!([false, true].map(blamed), [true, false]);
}

/// What NO's second log says of the first where it is so: all of it is stored, and its head is signed by a key of this seed.
fn told_of(first: &Audit, seed: u8) -> Incident {
    let log = first.log.as_ref().unwrap();
    let stored = KnownHead { size: log.size().0, root: log.tree.root() };
    let newest = Head::sign(&origin("no"), log.size(), stored.root, &key(seed)).unwrap().write();
    Incident { stored, newest, ..said(&Country::new("no/2", 1).founding()) }
}

#[test]
fn a_statement_whose_newest_head_the_log_that_ended_did_not_sign_is_found() {
    let (first, ee) = two();
    let (before, known) = (audit(&first), names(&found(&ee, &ee.national())));
    let later = genesis("no/2", 1);
    for (seed, of_pin, of_both) in [(2, vec![], vec![]), (66, vec!["roster-invalid"], vec!["generation-unexplained"])] {
        let said = told_of(&before, seed);
        let (_, mut ee) = two();
        assert_eq!(pinned_by(&mut ee, &later, &said, DECIDED), [&known[..], &of_pin].concat());
        let after = second(|_| bump(&said.sign(&key(1)).unwrap(), DECIDED));
        assert_eq!(names(&reconcile(&before, &audit(&after))), of_both);
    }
}

#[test]
fn a_log_that_names_a_key_again_which_the_one_before_it_has_revoked_is_found() {
    let (mut first, mut ee) = two();
    let said = told_of(&audit(&first), 2);
    let after = second(|_| bump(&said.sign(&key(1)).unwrap(), DECIDED));
    assert_eq!(names(&reconcile(&audit(&first), &audit(&after))), [""; 0]);
    let founding = first.founding();
    let mut history = History::found(&genesis("no", 1), &founding);
    let stolen = (Role::Msg, key(4).public().fingerprint());
    let statement = history.revoke(&key(1), stolen, TreeSize(1), now(), [4; 32]).unwrap();
    let index = history.take(&statement, LogIndex(5)).unwrap().index;
    for (seq, told) in [(0, &founding), (index.0, &statement)] {
        let (peer, object, body) = (Some(origin("no")), envelope::digest(told), told.encode_to_vec());
        ee.log(Event { peer, seq, object, body, ..Event::local(Kind::ROSTER, now()) });
    }
    ee.commit();
    let known = names(&found(&ee, &ee.national()));
    assert_eq!(pinned_by(&mut ee, &genesis("no/2", 1), &said, DECIDED), [&known[..], &["roster-invalid"]].concat());
    first.rotate(Role::Msg, 77);
    first.revoke(Role::Msg, 4, 1);
    assert_eq!(names(&reconcile(&audit(&first), &audit(&after))), ["generation-unexplained"]);
}
