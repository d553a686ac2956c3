//! Publishing a cohort: pay, count, add noise, sign, owe. In that order, because the order is the promise: the RESERVE entry
//! is durable before the first record is counted, and a release that breaks off after it is VOID for good, its cost spent.
//!
//! In: one release at a time, recovery after a crash, giving a release that exists to whoever asks again. Out: the rules of
//! the budget ([`crate::national::budget`]), counting and noise ([`crate::national`]), delivery ([`super::deliver`]).

mod chance;
mod spend;

use super::desk::Desk;
use super::ledger::CommitError;
use super::outbox::{self, NotSent};
use super::{Node, filing, kept, records, succession};
use crate::national::aggregate::Tally;
use crate::national::budget::{Line, Refused, Running, Standing};
use crate::national::disclosure::{Plan, disclose};
use crate::port::{Peer, StoreError};
use crate::rows;
use chance::Chance;
use hmac::{Hmac, KeyInit, Mac};
pub use spend::lines;
use std::sync::Arc;
use tokio::sync::Mutex;
use varde_proto::envelope::{Payload, Rejection};
use varde_proto::id::{Digest, NodeId};
use varde_proto::summary::{ChainFault, Coverage, Place, Release, ReleaseDraft, Rho, TrendSummary};
use varde_proto::time::Period;

/// What a coordinator asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which children, and which publication of them.
    pub place: Place,
    /// To whom; nobody is refused.
    pub to: Vec<NodeId>,
    /// Whether a period that is not over may be published.
    pub running: Running,
    /// Declared by the coordinator.
    pub coverage: Coverage,
    /// Declared by the coordinator.
    pub break_in_series: bool,
    /// SHA-256 of the running program.
    pub program: Digest,
    /// The signed act of whoever releases it, already checked. It stays here; the log holds a salted commitment to it.
    pub act: Vec<u8>,
}

/// A release that exists.
#[derive(Debug)]
pub struct Released {
    /// Under which its envelope is kept, and from which its deliveries follow.
    pub kept: u64,
    /// The release, addressed.
    pub summary: TrendSummary,
    /// Whether it was counted now; otherwise it is the release of then.
    pub first: bool,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum NotReleased {
    /// It cannot be addressed so.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The budget or the calendar forbids it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer has stopped.
    #[error("the node has stopped writing after a failure of its store")]
    Stopped,
    /// It failed after it was paid for: the edition is void, and its cost stays spent.
    #[error("the release broke off after its cost was spent, and is void: {0}")]
    BrokenOff(Box<NotReleased>),
}

impl From<CommitError<StoreError>> for NotReleased {
    fn from(error: CommitError<StoreError>) -> Self {
        match error {
            CommitError::Refused(failure) => Self::Store(failure),
            CommitError::Stopped => Self::Stopped,
        }
    }
}

impl From<ChainFault> for NotReleased {
    fn from(fault: ChainFault) -> Self {
        Self::Refused(Refused::Chain(fault))
    }
}

impl From<Rejection> for NotReleased {
    fn from(rejection: Rejection) -> Self {
        Self::NotSent(NotSent::Refused(rejection))
    }
}

/// The one place that publishes, one release at a time.
pub struct Summarise {
    node: Arc<Node>,
    /// Held from paying to publishing: an open reservation that somebody else finds is one that was broken off.
    busy: Mutex<()>,
}

impl Summarise {
    /// Over a node.
    pub fn new(node: Arc<Node>) -> Arc<Self> {
        Arc::new(Self { node, busy: Mutex::new(()) })
    }

    /// Gives up what a crash left reserved and unpublished. Once at start; each release does it too.
    pub async fn recover(&self) -> Result<(), NotReleased> {
        let _busy = self.busy.lock().await;
        self.void().await
    }

    /// The same, once the pinned peers are known, so that those who were told of the reservation hear of its end.
    pub async fn recover_at_start(self: Arc<Self>) {
        let mut peers = self.node.peers.clone();
        if peers.changed().await.is_err() {
            return;
        }
        if let Err(failure) = self.recover().await {
            tracing::error!(%failure, "a release that was broken off could not be voided; the next release tries again");
        }
    }

    /// Publishes an edition to these countries. If it was published before, the release of then is given: the same bytes to
    /// its recipients, and the same release in a new envelope if there is a country among them that had it not.
    ///
    /// It runs to its end even if whoever asked goes away: broken off after paying, it would be lost for good.
    pub async fn release(self: &Arc<Self>, request: Request) -> Result<Released, NotReleased> {
        let this = self.clone();
        let running = tokio::spawn(async move { this.run(request).await });
        running.await.map_err(|_| NotReleased::Stopped)?
    }

    async fn run(&self, request: Request) -> Result<Released, NotReleased> {
        let _busy = self.busy.lock().await;
        let recipients = outbox::recipients(&self.node, &request.to)?;
        self.void().await?;
        let budget = spend::read(&self.node.ledger)?;
        let plan = Plan::of(request.place.edition);
        match budget.ask(request.place, &plan, self.node.clock.now(), request.running)? {
            Standing::Published(release) => self.again(request, release, recipients).await,
            Standing::Free(line) => {
                // Spending is never forgotten: what peers may hold and this node does not know counts as all.
                let year = Period::Year(request.place.cohort.year());
                if succession::unknown_until(&self.node)?.is_some_and(|ended| year.has_begun(ended)) {
                    return Err(Refused::Unknown(request.place.cohort).into());
                }
                self.first(request, plan, line, recipients).await
            }
        }
    }

    async fn first(
        &self,
        request: Request,
        plan: Plan,
        line: Line,
        recipients: Vec<Arc<Peer>>,
    ) -> Result<Released, NotReleased> {
        let reserve = spend::sign(&self.node, line, &recipients, request.program)?;
        let paid = reserve.digest();
        self.commit(move |desk| spend::write(desk, &reserve)).await?;
        let published = self.publish(request, plan, paid, recipients).await;
        match published {
            Ok(released) => Ok(released),
            Err(failure) => {
                // If this fails too, the next start or the next release does it.
                let _ = self.void().await;
                Err(NotReleased::BrokenOff(Box::new(failure)))
            }
        }
    }

    async fn publish(
        &self,
        request: Request,
        plan: Plan,
        paid: Digest,
        recipients: Vec<Arc<Peer>>,
    ) -> Result<Released, NotReleased> {
        let budget = spend::read(&self.node.ledger)?;
        let spent = budget.chain().spent(request.place.cohort);
        let (program, act) = (request.program, request.act.clone());
        let node = self.node.clone();
        let made = tokio::task::spawn_blocking(move || make(&node, &request, &plan, paid, spent));
        let release = made.await.map_err(|_| NotReleased::Stopped)??;
        let line = budget.commit(release.digest())?;
        let commit = spend::sign(&self.node, line, &recipients, program)?;
        self.address(release, &recipients, Some(commit), act).await
    }

    /// The release of then. A country that is not among its recipients gets it in a new envelope, with all of them on its
    /// list, and so do they.
    async fn again(
        &self,
        request: Request,
        release: Digest,
        recipients: Vec<Arc<Peer>>,
    ) -> Result<Released, NotReleased> {
        let place = request.place;
        let row = filing::summary_row(self.node.me.origin.node(), place.cohort, place.edition.name());
        let lost = || StoreError::Damaged(format!("the release of {} is gone", place.cohort));
        let (kept, digest) = filing::read_filed(&self.node.ledger.get(&row)?.ok_or_else(lost)?)?;
        let (_, summary) = kept::payload::<TrendSummary>(&self.node.ledger, kept)?;
        if digest != release || summary.release().digest() != release {
            return Err(lost().into());
        }
        let before = &summary.header().recipients;
        let had = |peer: &Arc<Peer>| before.iter().any(|origin| origin == peer.origin.as_str());
        if recipients.iter().all(had) {
            return Ok(Released { kept, summary, first: false });
        }
        let mut all = recipients;
        let others = self.node.peers.borrow().values().filter(|peer| had(peer)).cloned().collect::<Vec<_>>();
        all.extend(others);
        all.sort_by(|a, b| a.origin.cmp(&b.origin));
        all.dedup_by(|a, b| a.origin == b.origin);
        self.address(summary.release().clone(), &all, None, request.act).await
    }

    /// Signs a release for these peers, then logs, owes and files it in one commit, together with the line that settles it.
    async fn address(
        &self,
        release: Release,
        recipients: &[Arc<Peer>],
        settles: Option<spend::Written>,
        act: Vec<u8>,
    ) -> Result<Released, NotReleased> {
        let place = (release.cohort(), release.edition().name());
        let (digest, first) = (release.digest(), settles.is_some());
        let summary = TrendSummary::new(outbox::header(&self.node, recipients)?, release);
        let signed = outbox::sign::<TrendSummary>(&self.node, &summary.to_wire(), recipients, summary.class())?;
        let landed = self.commit(move |desk| {
            if let Some(line) = &settles {
                spend::write(desk, line)?;
            }
            let key = desk.random::<32>();
            let kept = outbox::owe(desk, &signed, commitment(&key, &act))?;
            desk.seal(rows::numbered(rows::ACT, kept), &[&key[..], &act].concat())?;
            let row = filing::summary_row(desk.origin().node(), place.0, place.1);
            desk.put(row, filing::filed(kept, digest))?;
            Ok(kept)
        });
        Ok(Released { kept: landed.await?, summary, first })
    }

    async fn void(&self) -> Result<(), NotReleased> {
        let budget = spend::read(&self.node.ledger)?;
        let Some((_, reserve)) = budget.chain().open() else { return Ok(()) };
        let Some(line) = budget.void() else { return Ok(()) };
        let told = spend::told(&self.node, reserve)?;
        let program = Digest::NONE;
        let written = match spend::sign(&self.node, line.clone(), &told, program) {
            Ok(written) => written,
            // What is agreed with those who were told no longer permits it: the line stays here, where it counts.
            Err(_) => spend::sign(&self.node, line, &[], program)?,
        };
        self.commit(move |desk| spend::write(desk, &written)).await
    }

    async fn commit<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Desk<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, NotReleased> {
        Ok(self.node.ledger.commit(decide).await?.into_value())
    }
}

/// What the log says of details that stay in the country (docs/protocol.md, "Leaf"): HMAC-SHA-256 under a fresh key.
fn commitment(key: &[u8; 32], details: &[u8]) -> Digest {
    // RFC 2104: a key shorter than the block of 64 bytes is filled with zeros.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<sha2::Sha256>::new((&block).into());
    mac.update(details);
    Digest(mac.finalize().into_bytes().into())
}

/// Counts the cohort and puts noise on every cell. The exact counts end with this function.
fn make(node: &Node, request: &Request, plan: &Plan, paid: Digest, spent: Rho) -> Result<Release, NotReleased> {
    let mut tally = Tally::new(node.me.origin.node(), request.place.cohort);
    for record in records::records(&node.ledger) {
        tally.add(&record?);
    }
    let tables = disclose(tally.finish(), plan, &mut Chance::new(&*node.entropy));
    let release = Release::new(ReleaseDraft {
        cohort: request.place.cohort,
        edition: request.place.edition,
        published: node.clock.now(),
        coverage: request.coverage,
        break_in_series: request.break_in_series,
        software: env!("CARGO_PKG_VERSION").to_owned(),
        spent,
        reserve: paid,
        tables,
    })?;
    Ok(release)
}
