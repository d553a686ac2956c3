//! A recipient that is asked to erase an alert, says that it received the request, and keeps the alert.

use super::forger::Forger;
use super::*;
use varde_node::flow::erase;
use varde_node::flow::withdraw::{Withdrawal, take_back};
use varde_proto::alert::AlertContent;
use varde_proto::draft::{Fresh, read, template};
use varde_proto::id::AlertId;
use varde_proto::vocabulary::{AlertKind, ErasureReason};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A pointer to one child, which is urgent.
fn pointer() -> AlertContent {
    let kind = AlertKind::MISSING_CHILD_POINTER;
    let now = varde_node::port::Clock::now(&varde_node::edge::clock::SystemClock);
    let fresh = Fresh { now, id: AlertId(id(7)), contact_token: *b"\xf0\x9e\x11\x5a\x07\xc3\xee\x80\x4d\x62" };
    read(&template(kind, now).unwrap(), Some(kind), fresh).unwrap().content
}

/// What EE's operator shows: the log up to the request, and the alert as it was before.
struct Asked {
    _dir: tempfile::TempDir,
    no: Country,
    ee: Country,
    keeping: Forger,
    erased: Forger,
}

async fn asked(content: AlertContent) -> Asked {
    let dir = tempfile::tempdir().unwrap();
    let (no, ee) = (in_memory("NO", dir.path()).await, in_memory("EE", dir.path()).await);
    let sides = vec![connect(&no, &ee).await];
    let alert = content.id;
    let kept = release(&no, content, &["EE"]).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    settled(&[&no, &ee]).await;
    let before = Forger::of(&ee);
    let object =
        take_back(&no.node, alert, Withdrawal { reason: ErasureReason::WITHDRAWN, from: Vec::new() }).await.unwrap();
    // The request is received, and EE erases nothing before the connection is cut.
    let received = async {
        while ee.node.ledger.head().size().0 < before.leaves.len() as u64 + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, received).await.unwrap();
    settled(&[&no, &ee]).await;
    stop(sides).await;
    for country in [&no, &ee] {
        erase::look(&country.node, country.node.clock.now()).await.unwrap();
    }
    let erased = Forger::of(&ee);
    let mut keeping = erased.clone();
    let request = keeping.find(|event| event.kind == Kind::ERASE_REQUEST && event.object == object);
    keeping.leaves.truncate(request + 1);
    let at = keeping.find(|event| event.kind == Kind::RECEIVED && event.object == object);
    keeping.leaves[at].envelope.clone_from(&before.leaves[at].envelope);
    assert!(keeping.leaves[at].envelope.is_some() && erased.leaves[at].envelope.is_none());
    Asked { _dir: dir, no, ee, keeping, erased }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_keeps_what_it_was_asked_to_erase_is_overdue_after_the_agreed_time() {
    for (content, class, due) in [(route(id(7)), 2, 30 * 24), (pointer(), 1, 72)] {
        let Asked { no, ee, keeping, erased, .. } = &asked(content).await;
        let log = Forger::of(no);
        let going_on = |log: &Forger, hours: u32| {
            let mut log = log.clone();
            let time = log.now().after(hours * HOUR);
            log.log(Event::local(Kind::ANCHOR, time));
            log.sign();
            let size = log.leaves.len();
            log.cosign(size, if log.origin == *no.origin() { ee } else { no }, time);
            let audit = log.audit();
            let nothing: Vec<_> = codes(&audit.findings).into_iter().filter(|code| *code != "undelivered").collect();
            assert_eq!(nothing, [""; 0], "each by itself");
            audit
        };
        let found = |of_ee: &Forger, hours| reconcile(&going_on(&log, hours), &going_on(of_ee, hours));
        assert_eq!(codes(&found(keeping, due - 1)), [""; 0], "class {class}");
        let told = found(keeping, due + 1);
        assert_eq!(codes(&told), ["erasure-overdue"], "class {class}");
        assert_eq!((told[0].origin.as_ref(), told[0].class), (Some(ee.origin()), Some(class)));
        // Who did erase owes nothing but its answer.
        let told = found(erased, due + 1);
        assert_eq!(codes(&told), ["overdue"], "class {class}");
        assert_eq!((told[0].origin.as_ref(), told[0].class), (Some(ee.origin()), Some(5)));
    }
}
