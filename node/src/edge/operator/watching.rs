//! `varde alert watch`: what comes from peers, and alarms, for as long as somebody listens.

use super::alerts::ours;
use crate::edge::notify::{Alarm, Bell};
use crate::flow::Node;
use crate::flow::arrivals::{self, What};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use varde_proto::reply::show;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::Vocabulary;
use varde_proto::wire::operator::Arrival;

/// Arrivals that wait for a slow listener; the log keeps the rest.
const WAITING: usize = 64;
/// How long to rest between two looks, however much is logged meanwhile.
const REST: Duration = Duration::from_millis(50);

type Out = mpsc::Sender<Result<Arrival, Status>>;

/// What comes from now on, until the node is told to stop.
pub(super) fn watch(
    node: Arc<Node>,
    bell: &Bell,
    mut stopping: watch::Receiver<bool>,
) -> ReceiverStream<Result<Arrival, Status>> {
    let (out, arrivals) = mpsc::channel(WAITING);
    let alarm = bell.alarm();
    tokio::spawn(async move {
        let told = out.clone();
        tokio::select! {
            // The listener has gone: nothing is read for nobody.
            () = out.closed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            _ = tell(node, alarm, told) => {}
        }
    });
    ReceiverStream::new(arrivals)
}

/// Tells until nobody listens or the node stops.
async fn tell(node: Arc<Node>, mut alarm: watch::Receiver<Option<Alarm>>, out: Out) -> Option<()> {
    let mut heads = node.ledger.heads();
    let mut read = node.ledger.number(node.ledger.head().size().0);
    out.send(Ok(Arrival { what: "listening".into(), ..Arrival::default() })).await.ok()?;
    if alarm.borrow_and_update().is_some() {
        alarm.mark_changed();
    }
    loop {
        let (ledger, from) = (node.ledger.clone(), read);
        let came = tokio::task::spawn_blocking(move || arrivals::since(&ledger, from)).await.ok()?;
        let (came, to) = match came {
            Ok(came) => came,
            Err(failure) => return out.send(Err(ours(failure))).await.ok(),
        };
        for one in came {
            out.send(Ok(arrival(one))).await.ok()?;
        }
        (read, _) = (to, tokio::time::sleep(REST).await);
        if to > from {
            continue;
        }
        tokio::select! {
            changed = heads.changed() => if !changed { return None },
            changed = alarm.changed() => {
                changed.ok()?;
                let now = alarm.borrow_and_update().clone();
                out.send(Ok(alarmed(now, node.clock.now()))).await.ok()?;
            }
        }
    }
}

fn arrival(one: arrivals::Arrival) -> Arrival {
    let (what, text) = match &one.what {
        What::Alert => ("alert", String::new()),
        What::Offer => ("offer", String::new()),
        What::Reply(said) => ("reply", show::line(said)),
        What::Withdrawal => ("withdrawal", String::new()),
    };
    Arrival {
        what: what.to_owned(),
        from: one.from.to_string(),
        time_ms: one.time.ms(),
        id: one.id.to_string(),
        kind: one.kind.map_or(0, Vocabulary::number),
        urgent: one.is_urgent(),
        text,
    }
}

fn alarmed(alarm: Option<Alarm>, now: Timestamp) -> Arrival {
    match alarm {
        Some(Alarm { since, what }) => {
            Arrival { what: "alarm".into(), time_ms: since.ms(), text: what, ..Arrival::default() }
        }
        None => Arrival { what: "mended".into(), time_ms: now.ms(), ..Arrival::default() },
    }
}
