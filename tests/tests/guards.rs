//! Guards around a release: who must never get it, what a release would do, and how often a country may ask about found children.
#![allow(missing_docs, reason = "tests")]

use serde_json::Value;
use std::sync::Arc;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::alert::drafts::{self, Refused, Signed};
use varde_node::flow::alert::release;
use varde_node::flow::{delivery, queries};
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::template;
use varde_proto::id::{AlertId, Digest};
use varde_proto::limits;
use varde_proto::reply::Said;
use varde_proto::vocabulary::{AlertKind, FoundAnswer};
use varde_tests::doomed::{SOON, id};
use varde_tests::harness::{Country, Trouble, pin_all};
use varde_tests::pair::{Country as Node, connect, staff};
use varde_tests::words::{code, content, say};

/// NO, EE and LT, pinned with each other; NO runs.
fn world(home: &std::path::Path) -> Result<[Country; 3], Trouble> {
    let mut countries = [Country::init(home, "NO")?, Country::init(home, "EE")?, Country::init(home, "LT")?];
    pin_all(&countries.each_ref())?;
    countries[0].start()?;
    Ok(countries)
}

fn draft(country: &Country, kind: &str, never_to: &str) -> Result<String, Trouble> {
    let file = country.dir().join(kind);
    let text = country.varde(&["alert", "draft", "--kind", kind, "--template"])?.ok()?;
    std::fs::write(&file, text.replace("\"never_to\": []", &format!("\"never_to\": [{never_to}]")))?;
    let drafted = country.varde(&["alert", "draft", "--kind", kind, "--from", &file.to_string_lossy()])?.ok()?;
    Ok(drafted.trim().to_owned())
}

/// Who would get it, and the code of why not.
type Prospects = (Option<i32>, Vec<(String, String)>);

fn prospects(country: &Country, id: &str, to: &str) -> Result<Prospects, Trouble> {
    let outcome = country.varde(&["alert", "release", id, "--to", to, "--dry-run", "--json"])?;
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let each = document["recipients"].as_array().cloned().unwrap_or_default();
    assert!(document["leaves"]["content"].is_object(), "{}", outcome.stdout);
    Ok((outcome.code, each.iter().map(|one| (text(one, "country"), text(one, "code"))).collect()))
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(country, code)| ((*country).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn a_dry_run_says_who_would_get_it_and_why_others_would_not_and_the_release_agrees() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, _ee, _lt] = world(home.path())?;
    let size = || -> Result<Value, Trouble> { Ok(no.varde(&["status", "--json"])?.json(0)?["log_size"].clone()) };
    let (pattern, pointer) = (draft(&no, "MODUS_OPERANDI", "\"LT\"")?, draft(&no, "MISSING_CHILD_POINTER", "")?);
    let before = size()?;
    let wanted = pairs(&[("LT", "never-to"), ("EE", ""), ("DK", "unknown-peer"), ("NO", "own-country")]);
    assert_eq!(prospects(&no, &pattern, "LT,EE,DK,NO")?, (Some(3), wanted));
    assert_eq!(prospects(&no, &pattern, "EE")?, (Some(0), pairs(&[("EE", "")])));
    assert_eq!(prospects(&no, &pointer, "EE")?, (Some(3), pairs(&[("EE", "needs-approval")])));
    let told = no.varde(&["alert", "release", &pattern, "--to", "LT,EE", "--dry-run"])?;
    assert!(told.stdout.contains("would NOT get it") && told.stderr.contains("Nothing was signed or sent"));
    assert_eq!(size()?, before, "something was logged");
    let refused = no.varde(&["alert", "release", &pattern, "--to", "LT,EE"])?;
    assert_eq!((refused.code, refused.stderr.contains("must never get it")), (Some(3), true), "{}", refused.stderr);
    let offered = no.varde(&["alert", "offer", &pattern, "--to", "LT"])?;
    assert_eq!((offered.code, offered.stderr.contains("must never get it")), (Some(3), true), "{}", offered.stderr);
    assert_eq!(size()?, before, "something was logged");
    no.varde(&["alert", "release", &pattern, "--to", "EE"])?.ok()?;
    assert_eq!(prospects(&no, &pattern, "EE")?, (Some(3), pairs(&[("EE", "already-released")])));
    let shown = no.varde(&["alert", "show", &pattern])?.ok()?;
    assert!(shown.contains("who must never get it") && shown.contains("Lithuania"), "{shown}");
    // Nobody learns who is on the list.
    let leaves = no.varde(&["alert", "release", &pattern, "--to", "EE", "--dry-run", "--json"])?.stdout;
    assert!(!leaves.contains("never_to"), "{leaves}");
    Ok(())
}

#[test]
fn what_cannot_wait_leaves_in_the_name_of_one_and_stands_on_a_list_until_another_has_looked() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, _ee, lt] = world(home.path())?;
    let id = draft(&no, "MISSING_CHILD_POINTER", "")?;
    let why = "--without-approval";
    let refused = no.varde(&["alert", "release", &id, "--to", "EE"])?;
    assert_eq!((refused.code, refused.stderr.contains("second person")), (Some(3), true), "{}", refused.stderr);
    let nameless = no.varde(&["alert", "release", &id, "--to", "EE", why, "HURRY"])?;
    assert_eq!(nameless.code, Some(2), "{}", nameless.stderr);
    let foreseen = no.varde(&["alert", "release", &id, "--to", "EE", why, "IMMEDIATE_DANGER", "--dry-run"])?;
    assert_eq!(foreseen.code, Some(0), "{}", foreseen.stderr);
    no.varde(&["alert", "release", &id, "--to", "EE", why, "IMMEDIATE_DANGER"])?.ok()?;
    let listed = || -> Result<Value, Trouble> { Ok(no.varde(&["alert", "list", "--json"])?.json(0)?[0].clone()) };
    let released = listed()?;
    assert_eq!((&released["without_approval"], &released["needs_review"]), (&"IMMEDIATE_DANGER".into(), &true.into()));
    assert_eq!(released["acts"][1]["act"], "released-without-approval");
    assert!(no.varde(&["status"])?.stdout.contains("1 alert released without a second person"));

    let own = no.varde(&["alert", "approve", &id, "--released"])?;
    assert_eq!((own.code, own.stderr.contains("four eyes")), (Some(3), true), "{}", own.stderr);
    let other = no.dir().join("operators/b.key");
    no.varde(&["alert", "approve", &id, "--released", "--as", &other.to_string_lossy()])?.ok()?;
    let looked = listed()?;
    assert_eq!((&looked["needs_review"], &looked["acts"][2]["act"]), (&false.into(), &"reviewed".into()), "{looked}");
    assert!(!no.varde(&["status"])?.stdout.contains("without a second person"));

    // Taking it back takes it off no list.
    let second = draft(&no, "MISSING_CHILD_POINTER", "")?;
    no.varde(&["alert", "release", &second, "--to", "EE", why, "SECOND_PERSON_UNREACHABLE"])?.ok()?;
    no.varde(&["alert", "withdraw", &second, "--reason", "WITHDRAWN"])?.ok()?;
    assert!(no.varde(&["status"])?.stdout.contains("1 alert released without a second person"));
    assert_eq!(no.varde(&["alert", "approve", &second, "--released"])?.code, Some(3));
    no.varde(&["alert", "approve", &second, "--released", "--as", &other.to_string_lossy()])?.ok()?;
    assert!(!no.varde(&["status"])?.stdout.contains("without a second person"));

    // Where two people stand for it already, nobody goes without one.
    let approved = draft(&no, "MISSING_CHILD_POINTER", "")?;
    no.varde(&["alert", "approve", &approved, "--as", &other.to_string_lossy()])?.ok()?;
    let needless = no.varde(&["alert", "release", &approved, "--to", "EE", why, "IMMEDIATE_DANGER"])?;
    assert_eq!((needless.code, needless.stderr.contains("leave --without-approval out")), (Some(2), true));
    drop(lt);
    Ok(())
}

async fn in_memory(country: &str, dir: &tempfile::TempDir) -> Node {
    Node::open(country, Arc::new(MemoryStore::default()), &dir.path().join(country)).await
}

/// A query that two people stand for, released to LT.
async fn asks(no: &Node) -> Result<AlertId, Refused> {
    let (origin, now) = (no.origin(), no.node.clock.now());
    let sign = |who: &str, verb, about| Some(act::sign(verb, about, origin, now, &staff("NO", who)));
    let text = template(AlertKind::FOUND_CHILD_QUERY, now).unwrap();
    let drafted = drafts::from_file(&no.node, &text, None)?;
    let about = Digest::of(text.as_bytes());
    let draft = drafts::keep(&no.node, drafted, &Signed { about, act: sign("a", Verb::Draft, about) }).await?;
    let (id, digest) = (draft.content.id, draft.digest());
    drafts::approve(&no.node, id, sign("b", Verb::Approve, digest)).await?;
    let about = act::about_release(digest, &[code("LT")]);
    release::release(&no.node, id, &[code("LT")], sign("a", Verb::Release, about)).await?;
    Ok(id)
}

fn asked(country: &Node) -> usize {
    queries::ledger(&country.node, 10).unwrap().iter().map(|day| day.queries.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_asks_another_about_so_many_found_children_a_day_and_both_ends_count() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let sides = connect(&no, &lt).await;
    let first = asks(&no).await.unwrap();
    for _ in 1..limits::QUERIES_A_DAY {
        asks(&no).await.unwrap();
    }
    let one_more = asks(&no).await;
    assert!(matches!(one_more, Err(Refused::TooManyQueries(country)) if country == code("LT")), "{one_more:?}");
    // Around our own count: what a node that does not count would send.
    let kept =
        varde_tests::pair::release(&no, content(&no, AlertKind::FOUND_CHILD_QUERY, AlertId(id(1))), &["LT"]).await;
    let refused = delivery::wait(&no.node.ledger, kept, SOON).await.unwrap().remove(0).state;
    assert!(
        matches!(refused, delivery::State::Rejected { ref reason, .. } if reason == "content:query-rate"),
        "{refused:?}"
    );
    say(&lt, first, None, Said::Answer(FoundAnswer::NO)).await.unwrap();
    assert_eq!((asked(&no), asked(&lt)), (limits::QUERIES_A_DAY, limits::QUERIES_A_DAY));
    for country in [&no, &lt] {
        let day = queries::ledger(&country.node, 10).unwrap().remove(0);
        assert_eq!((day.issuer, day.recipient), (code("NO"), code("LT")));
        let answers: Vec<_> = day.queries.iter().filter_map(|(id, answer)| Some((*id, (*answer)?))).collect();
        assert_eq!(answers, [(first, FoundAnswer::NO)], "{}", country.origin());
    }
    varde_tests::doomed::end(sides).await;
}
