//! The border over real sockets and real TLS on the loopback: who comes in, who does not and under which name, and that one
//! who is refused stops nobody else.

mod hostile;
mod limits;
mod pins;

use std::time::Duration;
use varde_node::edge::border::{Arrivals, Code, Link, Refused, Side};
use varde_proto::home::ConnectionLimits;
use varde_proto::wire::peer::{Frame, Goodbye, frame};
use varde_tests::party::{Party, TestClock};

/// What a condition may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

fn word(text: &str) -> Frame {
    Frame { frame: Some(frame::Frame::Goodbye(Goodbye { reason: text.into(), retry_after_ms: 0 })) }
}

async fn link(arrivals: &mut Arrivals) -> Link {
    tokio::time::timeout(DEADLINE, arrivals.links.recv()).await.expect("a link within the deadline").unwrap()
}

async fn frame(link: &mut Link) -> Option<Frame> {
    tokio::time::timeout(DEADLINE, link.incoming.recv()).await.expect("a frame or the end within the deadline")
}

async fn refused(arrivals: &mut Arrivals) -> Refused {
    tokio::time::timeout(DEADLINE, arrivals.refused.recv()).await.expect("a refusal within the deadline").unwrap()
}

/// The next refusal on one side; the other side's attempts may be told in between.
async fn refused_on(arrivals: &mut Arrivals, side: Side) -> Code {
    loop {
        let next = refused(arrivals).await;
        if next.side == side {
            return next.code;
        }
    }
}

async fn ended(link: &Link) -> Code {
    tokio::time::timeout(DEADLINE, link.fate.wait()).await.expect("the link's end within the deadline")
}

/// Whether frames pass both ways.
async fn talk(one: &mut Link, other: &mut Link) {
    one.outgoing.send(word("there")).await.unwrap();
    assert_eq!(frame(other).await, Some(word("there")));
    other.outgoing.send(word("and back")).await.unwrap();
    assert_eq!(frame(one).await, Some(word("and back")));
}

#[tokio::test]
async fn two_pinned_countries_talk_and_end_in_order() {
    let clock = TestClock::new();
    let (no, ee) = (Party::new("NO", &clock).unwrap(), Party::new("EE", &clock).unwrap());
    let (no_border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    no.pin(&ee, None).unwrap();
    ee.pin(&no, Some(no_border.local().port())).unwrap();
    let (ee_border, mut at_ee) = ee.open(ConnectionLimits::default()).await.unwrap();
    let (mut here, mut there) = (link(&mut at_no).await, link(&mut at_ee).await);
    assert_eq!((here.side, there.side), (Side::Accepted, Side::Dialled));
    assert_eq!((here.peer.node().as_str(), there.peer.node().as_str()), ("EE", "NO"));
    talk(&mut here, &mut there).await;
    here.outgoing.send(word("last")).await.unwrap();
    drop(here);
    assert_eq!(frame(&mut there).await, Some(word("last")), "what was sent before the end arrives");
    assert_eq!(frame(&mut there).await, None);
    drop(there);
    tokio::time::timeout(DEADLINE, async { tokio::join!(no_border.close(), ee_border.close()) }).await.unwrap();
}

/// Both have endpoints and dial at once; both end up with the one connection that the rule keeps.
#[tokio::test]
async fn if_both_dial_the_connection_of_the_smaller_country_is_kept() {
    let clock = TestClock::new();
    let (dk, no) = (Party::new("DK", &clock).unwrap(), Party::new("NO", &clock).unwrap());
    let (dk_border, mut at_dk) = dk.open(ConnectionLimits::default()).await.unwrap();
    let (no_border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    dk.pin(&no, Some(no_border.local().port())).unwrap();
    no.pin(&dk, Some(dk_border.local().port())).unwrap();
    let kept = |link: &Option<Link>, side| link.as_ref().is_some_and(|l| l.side == side && l.fate.ended().is_none());
    let settle = async {
        let (mut here, mut there) = (None, None);
        while !(kept(&here, Side::Dialled) && kept(&there, Side::Accepted)) {
            tokio::select! {
                link = at_dk.links.recv() => here = link,
                link = at_no.links.recv() => there = link,
            }
        }
        (here.unwrap(), there.unwrap())
    };
    let (mut here, mut there) = tokio::time::timeout(DEADLINE, settle).await.expect("one connection is kept");
    talk(&mut here, &mut there).await;
    assert_eq!((here.fate.ended(), there.fate.ended()), (None, None));
}
