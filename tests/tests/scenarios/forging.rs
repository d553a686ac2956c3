//! What an operator can make of the bundle of his own real node, with all of his own keys.

use super::forger::{Forger, audited};
use super::*;
use varde_node::flow::alert::release::issue;
use varde_proto::envelope;
use varde_proto::id::NodeId;
use varde_proto::log::body::Recovery;
use varde_proto::log::chain;
use varde_proto::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

type Attack = fn(&World) -> Vec<&'static str>;

/// What an auditor of one log is shown, and the findings.
const ONE: &[(Attack, &[&str])] = &[
    (the_end_of_a_log_is_not_shown, &["truncated"]),
    (the_past_is_rewritten_and_signed_anew, &["rewritten"]),
    (the_past_is_rewritten_and_old_heads_are_shown, &["root-differs"]),
    (a_log_that_witnesses_had_seen_longer_goes_on_from_less, &["rolled-back"]),
    (a_receipt_that_the_log_says_is_held_is_not_shown, &["receipt-missing"]),
    (a_log_that_one_colluding_witness_cosigned_is_shown_a_day_later, &["not-witnessed"]),
    (openings_are_left_out, &["opening-missing"]),
    (a_recovery_that_never_was_is_logged, &["restored"]),
];

/// What an auditor of two is shown, and the findings beside those of each alone.
const TWO: &[(Attack, &[&str])] = &[
    (a_shorter_log_is_shown_beside_the_peers, &["bundle-behind"]),
    (two_versions_of_one_size_are_shown, &["split-view", "not-comparable"]),
    (a_receiver_denies_what_it_receipted, &["forked", "receipt-denied"]),
    (a_sender_denies_what_it_sent, &["forked", "sent-denied"]),
    (a_receiver_takes_what_was_never_logged_as_sent, &["never-sent"]),
    (all_witnesses_of_a_forged_log_collude, &["forked"]),
    (a_recovery_that_never_was_hides_what_was_taken, &["partly-compared"]),
    (a_recovery_that_never_was_is_logged_by_who_denies, &["forked", "receipt-denied"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_forgery_of_a_real_nodes_bundle_has_exactly_its_findings() {
    let world = World::set().await;
    world.assert_clean();
    for (row, (attack, wanted)) in ONE.iter().chain(TWO).enumerate() {
        assert_eq!(attack(&world), *wanted, "row {row}");
    }
}

fn alone(forger: &Forger) -> Vec<&'static str> {
    codes(&forger.audit().findings)
}

/// NO's log in which a leaf before the last exchange says another time, and which goes on.
fn rewritten(world: &World) -> Forger {
    let mut no = Forger::of(&world.no);
    let earlier = |at: &usize| no.leaves[at - 1].event.time < no.leaves[*at].event.time;
    let at = (5..no.leaves.len() / 2).find(earlier).unwrap();
    no.leaves[at].event.time = no.leaves[at - 1].event.time;
    no
}

fn the_end_of_a_log_is_not_shown(world: &World) -> Vec<&'static str> {
    assert_eq!(alone(&world.early), [""; 0], "by itself nothing is missing");
    codes(&world.early.audit_with(&[Forger::of(&world.ee).view_of(world.no.origin())]).findings)
}

fn a_shorter_log_is_shown_beside_the_peers(world: &World) -> Vec<&'static str> {
    compared(&world.early.audit(), &Forger::of(&world.ee).audit())
}

fn the_past_is_rewritten_and_signed_anew(world: &World) -> Vec<&'static str> {
    let mut no = rewritten(world);
    no.fill(no.leaves.len() + 1);
    no.sign();
    assert_eq!(alone(&no), [""; 0], "by itself it looks honest");
    codes(&no.audit_with(&[Forger::of(&world.ee).view_of(world.no.origin())]).findings)
}

fn the_past_is_rewritten_and_old_heads_are_shown(world: &World) -> Vec<&'static str> {
    let mut no = rewritten(world);
    let honest = no.heads.clone();
    no.sign();
    codes(&audited(&no.under(&honest), world.no.origin(), &[]).findings)
}

fn two_versions_of_one_size_are_shown(world: &World) -> Vec<&'static str> {
    let mut no = rewritten(world);
    no.sign();
    compared(&Forger::of(&world.no).audit(), &no.audit())
}

/// NO's log, of whose newest two heads the smaller was cosigned this long after the larger.
fn seen_later(world: &World, later: Duration) -> Vec<&'static str> {
    let mut no = Forger::of(&world.no);
    no.sign();
    let smaller = no.leaves.len();
    let first = no.now();
    no.fill(smaller + 3);
    no.sign();
    for witness in [&world.ee, &world.lt] {
        no.cosign(smaller + 3, witness, first.after(MINUTE));
        no.cosign(smaller, witness, first.after(later));
    }
    alone(&no)
}

fn a_log_that_witnesses_had_seen_longer_goes_on_from_less(world: &World) -> Vec<&'static str> {
    assert_eq!(seen_later(world, Duration::ZERO), [""; 0]);
    seen_later(world, 30 * MINUTE)
}

fn a_receipt_that_the_log_says_is_held_is_not_shown(world: &World) -> Vec<&'static str> {
    let mut no = Forger::of(&world.no);
    let (item, _) = no.receipts.pop_first().unwrap();
    assert_eq!((&item.0, item.1, item.2), (world.ee.origin(), 2, 1));
    alone(&no)
}

/// NO's log a day later, cosigned by these.
fn a_day_later(no: &Forger, witnesses: &[&Country]) -> Forger {
    let mut no = no.clone();
    let time = no.now().after(25 * HOUR);
    no.log(Event::local(Kind::ANCHOR, time));
    no.sign();
    let size = no.leaves.len();
    witnesses.iter().for_each(|witness| no.cosign(size, witness, time));
    no
}

fn a_log_that_one_colluding_witness_cosigned_is_shown_a_day_later(world: &World) -> Vec<&'static str> {
    let honest = a_day_later(&Forger::of(&world.no), &[&world.ee, &world.lt]);
    assert_eq!(alone(&honest), [""; 0]);
    alone(&a_day_later(&rewritten(world), &[&world.lt]))
}

fn all_witnesses_of_a_forged_log_collude(world: &World) -> Vec<&'static str> {
    let forged = a_day_later(&rewritten(world), &[&world.ee, &world.lt]);
    assert_eq!(alone(&forged), [""; 0], "it has its quorum");
    compared(&forged.audit(), &Forger::of(&world.ee).audit())
}

fn openings_are_left_out(world: &World) -> Vec<&'static str> {
    let mut no = Forger::of(&world.no);
    let at = no.last(|event| event.kind == Kind::RECEIPT_HELD);
    no.leaves[at].hidden = true;
    alone(&no)
}

/// Takes the last item that EE had from NO out of its log; it goes on as if nothing had been.
fn denying(world: &World) -> Forger {
    let mut ee = Forger::of(&world.ee);
    let size = ee.leaves.len();
    let at = ee.last(|event| from(event, world.no.origin()));
    let event = ee.leaves.remove(at).event;
    ee.sent.remove(&(world.no.origin().clone(), 2, event.seq)).unwrap();
    ee.fill(size + 1);
    ee.sign();
    assert_eq!(alone(&ee), [""; 0], "by itself it looks honest");
    ee
}

fn a_receiver_denies_what_it_receipted(world: &World) -> Vec<&'static str> {
    compared(&Forger::of(&world.no).audit(), &denying(world).audit())
}

fn a_sender_denies_what_it_sent(world: &World) -> Vec<&'static str> {
    let mut no = Forger::of(&world.no);
    let size = no.leaves.len();
    let ee = world.ee.origin();
    let sent = no.last(|event| to(event, Kind::SENT, ee));
    let seq = no.leaves[sent].event.seq;
    no.leaves.retain(|leaf| {
        leaf.event.seq != seq || !(to(&leaf.event, Kind::SENT, ee) || to(&leaf.event, Kind::RECEIPT_HELD, ee))
    });
    no.receipts.remove(&(ee.clone(), 2, seq)).unwrap();
    no.fill(size + 1);
    no.sign();
    assert_eq!(alone(&no), [""; 0], "by itself it looks honest");
    compared(&no.audit(), &Forger::of(&world.ee).audit())
}

fn a_receiver_takes_what_was_never_logged_as_sent(world: &World) -> Vec<&'static str> {
    // NO signs an alert and hands it over beside the system: no leaf, so no proof.
    let signed =
        issue(&world.no.node, route(id(99)), Digest::of(b"decision"), &[NodeId::parse("EE").unwrap()]).unwrap();
    let mut ee = Forger::of(&world.ee);
    let last = ee.leaves[ee.last(|event| from(event, world.no.origin()))].event.clone();
    let (seq, object) = (last.seq + 1, envelope::digest(signed.envelope()));
    let event =
        Event { seq, object, chain: chain::next(&last.chain, seq, &object), time: Timestamp::default(), ..last };
    let at = ee.log(event);
    ee.leaves[at].envelope = Some(signed.envelope().clone());
    ee.sign();
    assert_eq!(alone(&ee), ["sent-proof-missing"]);
    compared(&Forger::of(&world.no).audit(), &ee.audit())
}

/// The log says that all but its first leaves were restored, and that these did not come back; they are not shown.
fn amnesty(forger: &mut Forger, hidden: &[usize]) {
    let missing = hidden.iter().map(|at| (*at as u64, *at as u64 + 1)).collect();
    let recovery =
        Recovery { backup: forger.leaves[1].event.time, backup_size: 2, size: forger.leaves.len() as u64, missing };
    let body = recovery.write().unwrap();
    hidden.iter().for_each(|at| forger.leaves[*at].hidden = true);
    forger.log(Event { body, ..Event::local(Kind::RECOVERY, forger.now()) });
    forger.sign();
}

/// EE's own log says that it was restored, and hides what it took last from NO.
fn hiding(world: &World) -> Forger {
    let mut ee = Forger::of(&world.ee);
    let at = ee.last(|event| from(event, world.no.origin()));
    ee.leaves[at].envelope = None;
    amnesty(&mut ee, &[at]);
    ee
}

fn a_recovery_that_never_was_is_logged(world: &World) -> Vec<&'static str> {
    alone(&hiding(world))
}

fn a_recovery_that_never_was_hides_what_was_taken(world: &World) -> Vec<&'static str> {
    compared(&Forger::of(&world.no).audit(), &hiding(world).audit())
}

fn a_recovery_that_never_was_is_logged_by_who_denies(world: &World) -> Vec<&'static str> {
    let mut ee = denying(world);
    let held = ee.find(|event| event.kind == Kind::RECEIPT_HELD);
    amnesty(&mut ee, &[held]);
    assert_eq!(alone(&ee), ["restored"]);
    compared(&Forger::of(&world.no).audit(), &ee.audit())
}
