//! What a log says of others and of its witnesses: heads woven in, the policy, and what a quorum of it means.

use super::*;
use varde_node::flow::{bundle, entangle, witness};
use varde_node::rows;
use varde_proto::audit::{MemoryBundle, Scope};
use varde_proto::log::body::Entangled;
use varde_proto::log::cosignature;
use varde_proto::log::note::Note;
use varde_proto::log::policy::{Policy, Unsatisfied};

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_others_are_woven_in_before_an_exchange_and_tell_nobody_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, no) = (country("EE", dir.path(), long).await, country("NO", dir.path(), long).await);
    connect(&no, &ee).await;
    for n in 0..2 {
        let kept = release(&no, route(*Digest::of(&[n]).0.first_chunk().unwrap()), &["EE"]).await;
        varde_node::flow::delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    }
    let log = &no.node.ledger;
    let events: Vec<Event> =
        (0..log.head().size().0).map(|index| log.opening(index).unwrap().event().clone()).collect();
    let woven: Vec<usize> = (0..events.len()).filter(|index| events[*index].kind == Kind::ENTANGLE).collect();
    let [at] = woven[..] else { panic!("{woven:?}: one a minute is enough") };
    assert!(matches!(events[at + 1].kind, Kind::SENT | Kind::RECEIPT_HELD), "{}", events[at + 1].kind.name());
    let [named] = Entangled::read(&events[at].body).unwrap().try_into().unwrap();
    assert_eq!((&named.origin, events[at].object), (ee.origin(), Digest::of(&events[at].body)));
    assert!(
        log.get(&rows::row(rows::PEER_HEAD, &[b"EE", &1_u32.to_be_bytes(), &named.size.to_be_bytes()]))
            .unwrap()
            .is_some()
    );

    // What is new is woven in when it is due, what is not is not, and no peer is told of that alone.
    let loud = || no.node.ledger.book().loud;
    let before = (loud(), leaves_of(&no, Kind::ENTANGLE));
    let weave = |after| log.commit(move |desk| entangle::weave(desk, after));
    weave(Duration::from_secs(60)).await.unwrap();
    assert_eq!((loud(), leaves_of(&no, Kind::ENTANGLE)), before);
    weave(Duration::ZERO).await.unwrap();
    weave(Duration::ZERO).await.unwrap();
    let after = (loud(), leaves_of(&no, Kind::ENTANGLE));
    assert_eq!(after, (before.0, before.1 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_counts_the_pinned_peers_and_never_the_logs_own_witness() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let no = country("NO", dir.path(), long).await;
    let policies = |no: &Country| {
        let log = &no.node.ledger;
        let all = (0..log.head().size().0).map(|index| log.opening(index).unwrap().event().clone());
        all.filter(|event| event.kind == Kind::POLICY)
            .map(|event| Policy::parse(&event.body).unwrap())
            .collect::<Vec<_>>()
    };
    for (place, (code, needed)) in [("EE", 1), ("LT", 2), ("DK", 3), ("PT", 3)].into_iter().enumerate() {
        let peer = country(code, dir.path(), long).await;
        no.pin(&peer).await;
        no.pin(&peer).await;
        let all = policies(&no);
        assert_eq!(all.len(), place + 2, "one when a peer is new, none when it is not");
        let policy = all.last().unwrap();
        let names: Vec<&str> = policy.witnesses().iter().map(|witness| witness.key.name()).collect();
        assert_eq!(names.len(), place + 1);
        assert!(!names.contains(&cosignature::witness_name(no.origin()).as_str()));
        let some = |count: usize| (0..count).collect::<Vec<_>>();
        assert!(policy.is_quorum(&some(needed)) && !policy.is_quorum(&some(needed - 1)), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_only_colluding_witnesses_cosign_has_no_quorum_and_neither_has_one_whose_peers_withhold() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let no = country("NO", dir.path(), long).await;
    // Four peers, of which one may be faulty: three are a quorum.
    let mut peers = Vec::new();
    for code in ["EE", "LT", "DK", "PT"] {
        peers.push(country(code, dir.path(), long).await);
        no.pin(peers.last().unwrap()).await;
    }
    let head = no.node.ledger.head();
    let mut covered = Vec::new();
    for (place, peer) in peers.iter().enumerate() {
        covered.push(witness::standing(&no.node).unwrap().size);
        let (_, cosigned) = witness::cosign(&peer.node, &head).unwrap();
        let origin = peer.origin().clone();
        no.node.ledger.commit(move |desk| witness::keep(desk, &origin, &cosigned)).await.unwrap();
        let (bundle, _) = bundle::write(&no.node, Scope::National, MemoryBundle::new()).unwrap();
        let policy = Policy::parse(&bundle["policy"]).unwrap();
        let satisfied = policy.check(&Note::parse(&bundle["checkpoint"]).unwrap()).is_ok();
        assert_eq!(satisfied, place >= 2, "{} cosigned", place + 1);
    }
    assert_eq!(covered, [0, 0, 0, head.size().0]);

    // The log that they cosign is another one: those who collude cannot make a quorum for it, and the honest ones have theirs.
    let forged = Head::sign(no.origin(), head.size(), Digest([9; 32]), &no.keys[1]).unwrap();
    let mut note = forged.note().clone();
    for colluding in &peers[..2] {
        let (noted, _) = witness::cosign(&colluding.node, &forged).unwrap();
        noted.note().signatures().iter().for_each(|line| note.add(line.clone()).unwrap());
    }
    let (bundle, _) = bundle::write(&no.node, Scope::National, MemoryBundle::new()).unwrap();
    let policy = Policy::parse(&bundle["policy"]).unwrap();
    assert!(matches!(policy.check(&note), Err(Unsatisfied::Quorum(_))));
}
