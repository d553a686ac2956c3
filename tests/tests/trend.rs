//! Publishing a cohort: paid before counted, once for good, and the same at every peer.
#![allow(missing_docs, reason = "tests")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::delivery::{self, State};
use varde_node::flow::query::{self, Selection};
use varde_node::flow::summarise::{self, NotReleased, Released, Request, Summarise};
use varde_node::flow::{bundle, filing, kept, outbox};
use varde_node::national::budget::{Refused, Running};
use varde_node::national::record::{ChildId, Identity, Place as Stop, Record, RecordId, Stated, StatedDate};
use varde_node::port::{Batch, Row, Store, StoreError};
use varde_node::rows;
use varde_proto::audit::{Given, MemoryBundle, Scope, verify};
use varde_proto::envelope::{self, Payload};
use varde_proto::id::{Digest, NodeId};
use varde_proto::log::event::Kind;
use varde_proto::summary::{
    Coverage, Edition, LedgerEntry, Place, Release, ReleaseDraft, Rho, TableName, TrendSummary,
};
use varde_proto::time::{Period, Timestamp};
use varde_proto::vocabulary::{Country as Land, CountryRole, Form, VictimStatus};
use varde_tests::pair::{Country, connect};

const SOON: Duration = Duration::from_secs(20);
const COHORT: Period = Period::Quarter(2026, 2);

async fn country(code: &str, store: Arc<dyn Store>, dir: &Path) -> Country {
    Country::open(code, store, &dir.join(code)).await
}

fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::default())
}

/// An invented child, recruited in one country and exploited in another.
fn case(number: u8, from: &str, to: &str) -> Record {
    let mut stated = Stated::nothing();
    stated.status = VictimStatus::PRESUMED;
    stated.age = Some(15);
    stated.primary_form = Form::FORCED_BEGGING;
    stated.registered_on = StatedDate::new(2026, 5, 1);
    let stop = |role, code| Stop { role, country: Land::parse(code).unwrap(), region: None, when: None };
    stated.places = vec![stop(CountryRole::RECRUITMENT, from), stop(CountryRole::EXPLOITATION, to)];
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let (id, child) = (RecordId([number; 16]), ChildId([number; 16]));
    Record::register(stated, id, child, Identity([number; 32]), now).unwrap()
}

async fn register(country: &Country, count: u8, from: &str, to: &str) {
    let records: Vec<Record> = (0..count).map(|n| case(n, from, to)).collect();
    let written = country.node.ledger.commit(move |desk| {
        for (number, record) in (0..).zip(&records) {
            desk.seal(rows::numbered(rows::RECORD, number), &record.to_stored())?;
        }
        Ok::<(), StoreError>(())
    });
    written.await.unwrap();
}

fn request(to: &[&Country]) -> Request {
    Request {
        place: Place { cohort: COHORT, edition: Edition::Flash },
        to: to.iter().map(|c| c.origin().node()).collect(),
        running: Running::Refuse,
        coverage: Coverage::OverNinety,
        break_in_series: false,
        program: Digest::of(b"program"),
        act: b"a signed act".to_vec(),
    }
}

async fn publish(country: &Country, to: &[&Country]) -> Result<Released, NotReleased> {
    Summarise::new(country.node.clone()).release(request(to)).await
}

fn envelope_of(country: &Country, released: &Released) -> Digest {
    envelope::digest(&kept::payload::<TrendSummary>(&country.node.ledger, released.kept).unwrap().0)
}

fn budget(country: &Country) -> Vec<(Kind, Digest)> {
    let ledger = &country.node.ledger;
    let leaves = (0..ledger.head().size().0).map(|index| ledger.opening(index).unwrap());
    let events = leaves.map(|opening| (opening.event().kind, opening.event().object));
    events.filter(|(kind, _)| *kind == Kind::BUDGET).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_read_alike_at_home_and_at_a_neighbours_and_nobody_else_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (
        country("NO", memory(), dir.path()).await,
        country("LT", memory(), dir.path()).await,
        country("EE", memory(), dir.path()).await,
    );
    register(&no, 120, "LT", "NO").await;
    register(&lt, 90, "LT", "NO").await;
    let _sides = (connect(&no, &lt).await, connect(&no, &ee).await);
    let released = publish(&no, &[&lt]).await.unwrap();
    let deliveries = delivery::wait(&no.node.ledger, released.kept, SOON).await.unwrap();
    assert!(matches!(deliveries[..], [ref one] if matches!(one.state, State::Received { .. })), "{deliveries:?}");
    let theirs = query::select(&lt.node.ledger, Selection::default()).unwrap();
    assert_eq!(theirs[0].summary, released.summary);
    assert!(query::all(&ee.node.ledger).unwrap().is_empty());
    let lt_release = publish(&lt, &[&no]).await.unwrap();
    delivery::wait(&lt.node.ledger, lt_release.kept, SOON).await.unwrap();
    let (from, to) = (lt.origin().node(), no.origin().node());
    let [here, there] = [&no, &lt].map(|c| query::corridor(&c.node.ledger, from, to, None).unwrap());
    assert_eq!(here.corridor, there.corridor);
    let whole = |sight: Option<varde_proto::summary::Sight>| sight.unwrap().figure.whole();
    assert!((60..120).contains(&whole(here.corridor.origin)), "{:?}", here.corridor);
    assert!((90..150).contains(&whole(here.corridor.destination)));
    let back = query::corridor(&no.node.ledger, to, from, None).unwrap().corridor;
    assert!(back.origin.unwrap().figure.estimate.abs() < 40_000, "{back:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_again_gets_the_release_of_then() {
    let dir = tempfile::tempdir().unwrap();
    let store = memory();
    let (lt, ee) = (country("LT", memory(), dir.path()).await, country("EE", memory(), dir.path()).await);
    let no = country("NO", store.clone(), dir.path()).await;
    register(&no, 50, "LT", "NO").await;
    no.pin(&lt).await;
    no.pin(&ee).await;
    let first = publish(&no, &[&lt, &ee]).await.unwrap();
    assert!(first.first);
    let bytes = envelope_of(&no, &first);
    register(&no, 80, "LT", "NO").await;
    for to in [&[&lt, &ee][..], &[&lt], &[&ee]] {
        let again = publish(&no, to).await.unwrap();
        assert_eq!((again.first, envelope_of(&no, &again)), (false, bytes));
    }
    assert_eq!(budget(&no).len(), 2, "one RESERVE, one COMMIT");
    let restarted = country("NO", store, dir.path()).await;
    restarted.pin(&lt).await;
    let again = publish(&restarted, &[&lt]).await.unwrap();
    assert_eq!((again.first, envelope_of(&restarted, &again)), (false, bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_that_asks_later_gets_the_same_release_and_all_see_the_longer_list() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (
        country("NO", memory(), dir.path()).await,
        country("LT", memory(), dir.path()).await,
        country("EE", memory(), dir.path()).await,
    );
    register(&no, 50, "LT", "NO").await;
    let _sides = (connect(&no, &lt).await, connect(&no, &ee).await);
    let first = publish(&no, &[&lt]).await.unwrap();
    let more = publish(&no, &[&ee]).await.unwrap();
    assert!(!more.first);
    assert_eq!(more.summary.release().digest(), first.summary.release().digest());
    assert_eq!(more.summary.header().recipients, ["varde.example/ee/1", "varde.example/lt/1"]);
    let deliveries = delivery::wait(&no.node.ledger, more.kept, SOON).await.unwrap();
    assert!(
        deliveries.len() == 2 && deliveries.iter().all(|d| matches!(d.state, State::Received { .. })),
        "{deliveries:?}"
    );
    let [at_lt, at_ee] = [&lt, &ee].map(|c| query::all(&c.node.ledger).unwrap());
    assert_eq!(at_lt[0].summary.release(), at_ee[0].summary.release());
    assert_eq!(at_lt.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_the_budget_is_a_leaf_of_the_log_and_reaches_the_recipients() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", memory(), dir.path()).await, country("LT", memory(), dir.path()).await);
    let _sides = connect(&no, &lt).await;
    let released = publish(&no, &[&lt]).await.unwrap();
    delivery::wait(&no.node.ledger, released.kept, SOON).await.unwrap();
    let lines = |country: &Country| -> Vec<(Digest, LedgerEntry)> {
        let ledger = &country.node.ledger;
        let rows = (1..=2).map(|seq| ledger.get(&filing::budget_row(no.origin().node(), seq)).unwrap().unwrap());
        rows.map(|row| filing::read_filed(&row).unwrap())
            .map(|(index, digest)| (digest, kept::payload(ledger, index).unwrap().1))
            .collect()
    };
    let ours = lines(&no);
    assert_eq!(ours, lines(&lt));
    assert_eq!(budget(&no).into_iter().map(|(_, object)| object).collect::<Vec<_>>(), [ours[0].0, ours[1].0]);
    assert_eq!(released.summary.release().reserve(), ours[0].0);
    assert_eq!(ours[1].1.prev, ours[0].0);
    assert_eq!([ours[0].1.act.name(), ours[1].1.act.name()], ["RESERVE", "COMMIT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_act_of_whoever_released_it_stays_here_and_the_log_commits_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", memory(), dir.path()).await, country("LT", memory(), dir.path()).await);
    no.pin(&lt).await;
    let released = publish(&no, &[&lt]).await.unwrap();
    let ledger = &no.node.ledger;
    let kept = ledger.read(&rows::numbered(rows::ACT, released.kept)).unwrap().unwrap();
    assert_eq!(&kept[32..], b"a signed act");
    let restricted = ledger.opening(released.kept).unwrap().event().restricted;
    assert!(restricted != Digest::NONE && restricted != Digest::of(b"a signed act"));
}

/// Records in what order the budget was written and the records read, and dies on demand.
struct Spy {
    inner: Arc<MemoryStore>,
    seen: Mutex<Vec<&'static str>>,
    dying: AtomicBool,
}

impl Store for Spy {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.dying.load(Ordering::SeqCst) {
            return Err(StoreError::Damaged("the power is gone".into()));
        }
        if batch.writes.iter().any(|(row, _)| row[0] == rows::BUDGET) {
            self.seen.lock().unwrap().push("budget");
        }
        self.inner.commit(batch)
    }

    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(row)
    }

    fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        down: bool,
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a> {
        if from[0] == rows::RECORD {
            let mut seen = self.seen.lock().unwrap();
            seen.push("records");
            self.dying.store(seen.contains(&"die"), Ordering::SeqCst);
        }
        self.inner.scan(from, to, down)
    }
}

fn spy() -> Arc<Spy> {
    Arc::new(Spy { inner: memory(), seen: Mutex::default(), dying: AtomicBool::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_paid_for_before_the_first_record_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = spy();
    let (no, lt) = (country("NO", store.clone(), dir.path()).await, country("LT", memory(), dir.path()).await);
    register(&no, 5, "LT", "NO").await;
    no.pin(&lt).await;
    publish(&no, &[&lt]).await.unwrap();
    assert_eq!(*store.seen.lock().unwrap(), ["budget", "records", "budget"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_between_paying_and_publishing_never_publishes_that_edition() {
    let dir = tempfile::tempdir().unwrap();
    let store = spy();
    let (no, lt) = (country("NO", store.clone(), dir.path()).await, country("LT", memory(), dir.path()).await);
    register(&no, 5, "LT", "NO").await;
    no.pin(&lt).await;
    store.seen.lock().unwrap().push("die");
    assert!(matches!(publish(&no, &[&lt]).await, Err(NotReleased::BrokenOff(_))));
    drop(no);

    let no = country("NO", store.inner.clone(), dir.path()).await;
    let _sides = connect(&no, &lt).await;
    let summarise = Summarise::new(no.node.clone());
    summarise.recover().await.unwrap();
    summarise.recover().await.unwrap();
    assert_eq!(budget(&no).len(), 2, "one RESERVE, one VOID");
    let refused = summarise.release(request(&[&lt])).await;
    assert!(matches!(refused, Err(NotReleased::Refused(Refused::Void("FLASH", COHORT)))), "{refused:?}");
    let other = Request { place: Place { cohort: Period::Quarter(2026, 1), ..request(&[]).place }, ..request(&[&lt]) };
    let released = summarise.release(other).await.unwrap();
    delivery::wait(&no.node.ledger, released.kept, SOON).await.unwrap();
    let (_, void): (_, LedgerEntry) = {
        let row = lt.node.ledger.get(&filing::budget_row(no.origin().node(), 2)).unwrap().unwrap();
        kept::payload(&lt.node.ledger, filing::read_filed(&row).unwrap().0).unwrap()
    };
    assert_eq!((void.act.name(), void.spent), ("VOID", Rho::from_nano(50_000_000)), "the neighbour is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_runs_to_its_end_although_whoever_asked_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", memory(), dir.path()).await, country("LT", memory(), dir.path()).await);
    no.pin(&lt).await;
    let summarise = Summarise::new(no.node.clone());
    let mut heads = no.node.ledger.heads();
    // Left as soon as the log grows, which is when it has paid.
    tokio::select! { _ = summarise.release(request(&[&lt])) => {}, _ = heads.changed() => {} }
    let again = summarise.release(request(&[&lt])).await.unwrap();
    assert_eq!((again.first, budget(&no).len()), (false, 2), "the one that was left alone was published");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_spent_on_a_release_that_cannot_go_out() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", memory(), dir.path()).await, country("LT", memory(), dir.path()).await);
    assert!(matches!(publish(&no, &[]).await, Err(NotReleased::NotSent(outbox::NotSent::Nobody))));
    assert!(matches!(publish(&no, &[&lt]).await, Err(NotReleased::NotSent(outbox::NotSent::Unknown(_)))));
    no.pin(&lt).await;
    let early = Request { place: Place { cohort: Period::Year(2199), ..request(&[]).place }, ..request(&[&lt]) };
    let refused = Summarise::new(no.node.clone()).release(early).await;
    assert!(matches!(refused, Err(NotReleased::Refused(Refused::NotBegun(_)))));
    assert_eq!(budget(&no), []);
}

/// What the country's own auditors find, besides what is still under way or was refused.
fn found(country: &Country) -> Vec<&'static str> {
    let (bundle, _) = bundle::write(&country.node, Scope::National, MemoryBundle::new()).unwrap();
    let findings = verify(&bundle, &Given::default()).unwrap().findings;
    findings.iter().map(|finding| finding.code.name).filter(|name| *name != "undelivered").collect()
}

/// A second, different release of one edition, signed by the same country: proof of misconduct, and refused by its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_release_of_one_edition_is_refused_by_its_receiver() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", memory(), dir.path()).await, country("LT", memory(), dir.path()).await);
    let _sides = connect(&no, &lt).await;
    let first = publish(&no, &[&lt]).await.unwrap();
    assert_eq!(found(&no), ["unpinned-identity"]);
    let answer = address(&no, "LT", forged(first.summary.release())).await;
    assert_eq!(answer, "content:edition-released-twice");
    assert!(found(&no).contains(&"budget-fault"), "the country's own auditors are not told");
}

/// A release that is not the one its budget paid for: whichever of the two comes second is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_its_budget_did_not_commit_is_refused_by_its_receiver() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", memory(), dir.path()).await, country("LT", memory(), dir.path()).await);
    let (dk, ee) = (country("DK", memory(), dir.path()).await, country("EE", memory(), dir.path()).await);
    let _sides = (connect(&no, &lt).await, connect(&no, &dk).await, connect(&no, &ee).await);
    let first = publish(&no, &[&ee]).await.unwrap();
    let lines = summarise::lines(&no.node.ledger).unwrap();
    let (_, commit) = lines.last().unwrap();
    let (forged, mismatch) = (forged(first.summary.release()), ["received", "content:budget-mismatch"]);
    assert_eq!([tell(&no, "LT", commit.clone()).await, address(&no, "LT", forged.clone()).await], mismatch);
    assert_eq!([address(&no, "DK", forged).await, tell(&no, "DK", commit.clone()).await], mismatch);
}

/// Another release of the same cohort and edition, in which every child is gone.
fn forged(release: &Release) -> Release {
    let other = ReleaseDraft {
        cohort: release.cohort(),
        edition: release.edition(),
        published: release.published(),
        coverage: release.coverage(),
        break_in_series: false,
        software: "0.1.0".into(),
        spent: release.spent(),
        reserve: release.reserve(),
        tables: TableName::ALL.map(|table| (release.tables()[0].sigma2_q10(), vec![0; table.cells()])),
    };
    Release::new(other).unwrap()
}

/// Signs and sends a release as the country's own program would not.
async fn address(no: &Country, to: &str, release: Release) -> String {
    let peers = outbox::recipients(&no.node, &[NodeId::parse(to).unwrap()]).unwrap();
    let summary = TrendSummary::new(outbox::header(&no.node, &peers).unwrap(), release);
    send(no, outbox::sign::<TrendSummary>(&no.node, &summary.to_wire(), &peers, summary.class()).unwrap()).await
}

/// Signs a line of the budget anew, for another country.
async fn tell(no: &Country, to: &str, line: LedgerEntry) -> String {
    let peers = outbox::recipients(&no.node, &[NodeId::parse(to).unwrap()]).unwrap();
    let line = LedgerEntry { header: outbox::header(&no.node, &peers).unwrap(), ..line };
    send(no, outbox::sign::<LedgerEntry>(&no.node, &line.to_wire(), &peers, line.class()).unwrap()).await
}

/// Logs and owes it, and says what its one recipient answered.
async fn send(no: &Country, signed: outbox::Signed) -> String {
    let owed = no.node.ledger.commit(move |desk| outbox::owe(desk, &signed, Digest::NONE)).await.unwrap().into_value();
    match &delivery::wait(&no.node.ledger, owed, SOON).await.unwrap()[0].state {
        State::Received { .. } => "received".into(),
        State::Rejected { reason, .. } => reason.clone(),
        other => format!("{other:?}"),
    }
}
