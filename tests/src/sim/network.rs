//! The network between two simulated countries: slow, cut at times, and for a while as bad as no TLS connection can be, so
//! that frames come twice, in another order or not at all. Every head that passes is noted.

use super::ground::{Calendar, Shown, SimChance};
use super::member::{Life, Member};
use super::watch::Watch;
use prost::Message;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use varde_node::flow::connection::{self, Ended};
use varde_node::port::Link;
use varde_proto::exchange::{BadFrame, Frame};
use varde_proto::id::NodeId;

/// What the network does between two countries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Frames arrive in order, some time later.
    Fair,
    /// Frames come twice, swapped or not at all.
    Foul,
    /// Nothing gets through, and connections break.
    Cut,
    /// Nothing gets through from this end, and the other one is heard: connections stand, and wait.
    Mute(usize),
}

/// Two countries and what lies between them.
pub struct Between {
    ends: Mutex<[Arc<Member>; 2]>,
    /// The weather.
    pub weather: Shown<Weather>,
    /// Milliseconds that a connection lasts at most, besides the first five seconds.
    longest: u64,
    chance: Arc<SimChance>,
    calendar: Arc<Calendar>,
    watch: Arc<Watch>,
}

impl Between {
    /// Nothing runs yet. A connection lasts so many milliseconds at most, and the rest follows from the seed.
    pub fn new(
        ends: [Arc<Member>; 2],
        (longest, seed): (u64, u64),
        calendar: Arc<Calendar>,
        watch: Arc<Watch>,
    ) -> Self {
        let (ends, weather) = (ends.into(), Shown::new(Weather::Fair));
        Self { ends, weather, longest, chance: Arc::new(SimChance::new(seed)), calendar, watch }
    }

    /// The countries.
    pub fn ends(&self) -> [Arc<Member>; 2] {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leads to `twin` from now on where it led to `member`.
    pub fn lead_to_twin(&self, member: &Arc<Member>, twin: &Arc<Member>) {
        for end in self.ends.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if Arc::ptr_eq(end, member) {
                *end = twin.clone();
            }
        }
    }

    /// Keeps a link up whenever both run and the network lets them.
    pub async fn keep_linked(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.chance.pause(2_000)).await;
            self.weather.wait_for(|weather| *weather != Weather::Cut).await;
            let ends = self.ends();
            let lives = [ends[0].running().await, ends[1].running().await];
            let is_current = |end: usize| self.ends()[end].life().is_some_and(|now| Arc::ptr_eq(&now, &lives[end]));
            if is_current(0) && is_current(1) {
                self.link(&lives[0], &lives[1]).await;
            }
        }
    }

    /// One link, from its beginning to its end.
    pub async fn link(self: &Arc<Self>, a: &Arc<Life>, b: &Arc<Life>) {
        let foul = self.weather.get() == Weather::Foul;
        let fouled = Arc::new(AtomicBool::new(foul));
        let (to_b, from_a) = self.pipe(0, &fouled);
        let (to_a, from_b) = self.pipe(1, &fouled);
        let (tell, mut told) = mpsc::channel(2);
        let mut tasks = Vec::new();
        for (me, other, link) in
            [(a, b, Link { outgoing: to_b, incoming: from_b }), (b, a, Link { outgoing: to_a, incoming: from_a })]
        {
            let (node, other) = (me.country.node.clone(), other.country.origin().node());
            let Some(peer) = node.peers.borrow().get(&other).cloned() else { return };
            let (tell, watch, fouled) = (tell.clone(), self.watch.clone(), fouled.clone());
            tasks.push(me.spawn(async move {
                let ended = connection::run(node.clone(), peer, link).await;
                watch.ended(node.me.origin.node(), other, &ended, fouled.load(Ordering::Relaxed));
                let _ = tell.send(()).await;
            }));
        }
        drop(tell);
        let life = Duration::from_secs(5) + self.chance.pause(self.longest);
        let before = self.calendar.skipped();
        tokio::select! {
            biased;
            _ = told.recv() => {}
            _ = self.weather.wait_for(|now| (*now == Weather::Foul) != foul || *now == Weather::Cut) => {}
            () = self.calendar.skips() => {}
            () = tokio::time::sleep(life) => {}
        }
        // What was said last still arrives; but no connection stands for days.
        if self.calendar.skipped() == before {
            tokio::time::sleep(self.chance.pause(500)).await;
        }
        tasks.iter().for_each(tokio::task::AbortHandle::abort);
    }

    /// One direction: what goes in is encoded, late, decoded, and comes out. Says when a frame passed in foul weather: it may be fair
    /// again before anybody notices what that did.
    fn pipe(
        self: &Arc<Self>,
        from: usize,
        fouled: &Arc<AtomicBool>,
    ) -> (mpsc::Sender<Frame>, mpsc::Receiver<Result<Frame, BadFrame>>) {
        let (outgoing, mut taken) = mpsc::channel::<Frame>(16);
        let (give, incoming) = mpsc::channel(16);
        let (this, fouled) = (self.clone(), fouled.clone());
        tokio::spawn(async move {
            // A peer may be slow for as long as a connection stands.
            let slow = 1 + this.chance.below(if this.chance.permille(50) { 3_000 } else { 200 });
            let mut held: Option<Vec<u8>> = None;
            while let Some(frame) = taken.recv().await {
                this.watch.frame(&frame);
                let sent = this.calendar.skipped();
                let mut bytes = vec![frame.into_wire().encode_to_vec()];
                tokio::time::sleep(this.chance.pause(slow)).await;
                if this.weather.get() == Weather::Mute(from) {
                    // The other end may not wait for so long.
                    fouled.store(true, Ordering::Relaxed);
                }
                match this.weather.wait_for(|weather| *weather != Weather::Mute(from)).await {
                    Weather::Cut => return,
                    // No frame is under way for days.
                    _ if this.calendar.skipped() != sent => return,
                    Weather::Fair | Weather::Mute(_) => {}
                    Weather::Foul => {
                        fouled.store(true, Ordering::Relaxed);
                        match this.chance.below(20) {
                            0 => bytes.push(bytes[0].clone()),
                            1 => bytes.clear(),
                            2 => held = bytes.pop(),
                            _ => bytes.extend(held.take()),
                        }
                    }
                }
                for bytes in bytes {
                    let frame = varde_proto::wire::peer::Frame::decode(bytes.as_slice());
                    let Ok(frame) = frame else { return };
                    if give.send(Frame::from_wire(frame)).await.is_err() {
                        return;
                    }
                }
            }
        });
        (outgoing, incoming)
    }
}

/// How a connection may end between honest countries on a sound network.
pub fn is_fair(ended: &Ended) -> bool {
    match ended {
        Ended::Closed | Ended::Goodbye(_) | Ended::KeysChanged | Ended::AgreementChanged | Ended::Stopped => true,
        // Another connection of the same two has gone on, or our store was killed.
        Ended::Broken(broken) => matches!(broken.code(), "superseded" | "agreement-changed" | "try-later"),
        Ended::Refused(code) => matches!(code.as_str(), "superseded" | "agreement-changed" | "try-later"),
        Ended::Frame(_) | Ended::Greeting(_) | Ended::Frozen => false,
    }
}

/// A country by its code.
pub fn country(code: &str) -> NodeId {
    NodeId::parse(code).expect("a country")
}
