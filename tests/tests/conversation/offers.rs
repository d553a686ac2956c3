//! An alert that is offered goes to those who accept its conditions, and to nobody else.

use super::processes::{draft as draft_at, world};
use super::{code, content, id, in_memory, received, rule, say};
use std::time::Duration;
use varde_node::flow::alert::drafts::{self, Refused, Signed};
use varde_node::flow::alert::{held, release};
use varde_node::flow::conversation::offers;
use varde_node::flow::conversation::{self, Fate, State, Told};
use varde_node::flow::delivery;
use varde_node::rows;
use varde_proto::agreement::default_agreement;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::audit::{Scope, reconcile};
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::template;
use varde_proto::envelope::{self, Envelope, Header, Payload};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::offer::{Conditions, Offer};
use varde_proto::reply::Said;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::Mode;
use varde_tests::doomed::{SOON, against, audited, end};
use varde_tests::harness::{Country, Trouble, until};
use varde_tests::pair::{Country as Node, admit, connect, origin, staff};
use varde_tests::rogue::{Answer, Rogue};

fn signed(node: &Node, who: &str, verb: Verb, about: Digest) -> Option<Envelope> {
    let key = staff(node.origin().node().as_str(), who);
    Some(act::sign(verb, about, node.origin(), node.node.clock.now(), &key))
}

/// The template of a kind, drafted by a and approved by b.
async fn draft(no: &Node, kind: AlertKind) -> AlertId {
    let id = drafted(no, kind).await;
    let about = drafts::find(&no.node.ledger, id).unwrap().digest();
    drafts::approve(&no.node, id, signed(no, "b", Verb::Approve, about)).await.unwrap();
    id
}

async fn drafted(no: &Node, kind: AlertKind) -> AlertId {
    let text = template(kind, no.node.clock.now()).unwrap();
    let drafted = drafts::from_file(&no.node, &text, Some(kind)).unwrap();
    let about = Digest::of(text.as_bytes());
    let act = signed(no, "a", Verb::Draft, about);
    drafts::keep(&no.node, drafted, &Signed { about, act }).await.unwrap().content.id
}

fn countries(to: &[&str]) -> Vec<NodeId> {
    to.iter().map(|country| code(country)).collect()
}

async fn offer(no: &Node, id: AlertId, to: &[&str]) -> Result<(), Refused> {
    let about = act::about_release(drafts::find(&no.node.ledger, id)?.digest(), &countries(to));
    let kept = offers::offer(&no.node, id, &countries(to), None, signed(no, "a", Verb::Release, about)).await?;
    delivery::wait(&no.node.ledger, kept, SOON).await?;
    Ok(())
}

async fn releases(no: &Node, id: AlertId, to: &[&str]) -> Result<u64, Refused> {
    let about = act::about_release(drafts::find(&no.node.ledger, id)?.digest(), &countries(to));
    release::release(&no.node, id, &countries(to), signed(no, "a", Verb::Release, about)).await
}

fn inbox(country: &Node) -> usize {
    held::inbox(&country.node.ledger, 0, 10).unwrap().len()
}

/// How far each recipient of an offer is.
fn offered(no: &Node, id: AlertId) -> Vec<(String, State)> {
    let own = no.origin().node();
    let filed = offers::find(&no.node.ledger, own, id).unwrap().unwrap();
    let standings = offers::standings(&no.node, &filed, own).unwrap();
    standings.into_iter().map(|one| (one.country.to_string(), one.state)).collect()
}

fn states(all: &[(&str, State)]) -> Vec<(String, State)> {
    all.iter().map(|(country, state)| ((*country).to_owned(), *state)).collect()
}

fn cannot() -> Said {
    Said::CannotComply([Handling::H2].into(), [].into())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offered_alert_goes_to_those_who_accept_once_all_have_answered_and_to_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let sides = [connect(&no, &lt).await, connect(&no, &ee).await];
    let id = draft(&no, AlertKind::CROSS_BORDER_REFERRAL_REQUEST).await;
    offer(&no, id, &["LT", "EE"]).await.unwrap();
    assert_eq!(offered(&no, id), states(&[("EE", State::Offered), ("LT", State::Offered)]));
    let unseen = |country: &Node| country.node.ledger.scan(&[rows::UNSEEN], &[rows::UNSEEN + 1], false).count();
    assert_eq!((inbox(&lt), unseen(&lt), unseen(&ee)), (0, 1, 1), "somebody is woken for an offer, too");
    let early = releases(&no, id, &["LT"]).await;
    assert!(matches!(early, Err(Refused::NotAccepted(country)) if country == code("LT")), "{early:?}");
    let again = offer(&no, id, &["LT"]).await;
    assert!(matches!(again, Err(Refused::NotAccepted(_) | Refused::Offered)), "{again:?}");

    let taken = received();
    taken(say(&lt, id, None, Said::Seen).await);
    taken(say(&lt, id, None, Said::Accept).await);
    assert_eq!(rule(say(&lt, id, None, cannot()).await), "reply-decided");
    let now = no.node.clock.now();
    offers::look(&no.node, now, &mut offers::Failed::default()).await.unwrap();
    assert_eq!((inbox(&lt), offered(&no, id)[1].1), (0, State::Accepted), "EE has not answered");
    taken(say(&ee, id, None, cannot()).await);
    offers::look(&no.node, now, &mut offers::Failed::default()).await.unwrap();
    let (kept, object) = conversation::ours(&no.node, id).unwrap().expect("delivered");
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    assert_eq!((inbox(&lt), inbox(&ee)), (1, 0));
    let (_, alert) = held::released(&no.node.ledger, kept).unwrap();
    assert_eq!(alert.header().recipients, ["varde.example/lt/1"], "who declined is not even named");
    assert_eq!(offered(&no, id)[0], ("EE".to_owned(), State::Refused));

    // The alert has a life of its own: it is to be seen and answered as any other.
    let standing = |of: &Node| conversation::of_ours(&of.node, (id, kept, object), None).unwrap().remove(0);
    assert_eq!((standing(&no).state, unseen(&lt)), (State::Stored, 1));
    taken(say(&lt, id, None, Said::Seen).await);
    taken(say(&lt, id, None, Said::Referral(ReferralState::ACCEPTED)).await);
    assert_eq!((standing(&no).state, unseen(&lt)), (State::Acted, 0));
    offers::look(&no.node, now, &mut offers::Failed::default()).await.unwrap();
    for side in sides {
        end(side).await;
    }
    let audits = [&no, &lt, &ee].map(|country| audited(country, Scope::National));
    audits.iter().for_each(|audit| assert_eq!(against(audit), Vec::<&str>::new()));
    assert_eq!((reconcile(&audits[0], &audits[1]), reconcile(&audits[0], &audits[2])), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_silent_when_the_time_is_over_holds_up_nobody_and_what_nobody_accepts_goes_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let sides = [connect(&no, &lt).await, connect(&no, &ee).await];
    let (first, second) = (draft(&no, AlertKind::MODUS_OPERANDI).await, draft(&no, AlertKind::ROUTE_CORRIDOR).await);
    offer(&no, first, &["LT", "EE"]).await.unwrap();
    offer(&no, second, &["EE"]).await.unwrap();
    received()(say(&lt, first, None, Said::Accept).await);
    let now = no.node.clock.now();
    let later = now.after(Duration::from_secs(73 * 3600));
    let late = || conversation::overdue(&no.node, later, 10).unwrap().len();
    assert_eq!(late(), 2, "EE owes two answers");
    offers::look(&no.node, now.after(Duration::from_secs(71 * 3600)), &mut offers::Failed::default()).await.unwrap();
    assert!(conversation::ours(&no.node, first).unwrap().is_none());
    offers::look(&no.node, later, &mut offers::Failed::default()).await.unwrap();
    let kept = conversation::ours(&no.node, first).unwrap().expect("delivered").0;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    assert_eq!((inbox(&lt), inbox(&ee)), (1, 0));
    assert!(conversation::ours(&no.node, second).unwrap().is_none());
    let open = no.node.ledger.scan(&[rows::OFFERED], &[rows::OFFERED + 1], false).count();
    assert_eq!(open, 0, "nothing is left to decide");
    for side in sides {
        end(side).await;
    }
}

/// How far a recipient is with an offer, by its own store.
fn here(country: &Node, id: AlertId) -> State {
    let filed = offers::find(&country.node.ledger, code("NO"), id).unwrap().unwrap();
    offers::standings(&country.node, &filed, code("NO")).unwrap().remove(0).state
}

async fn until_here(country: &Node, id: AlertId, wanted: State) {
    let reached = async {
        while here(country, id) != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_silence_nor_a_channel_that_ended_keeps_an_alert_about_a_child_from_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let dk = in_memory("DK", &dir).await;
    let sides = [connect(&no, &lt).await, connect(&no, &ee).await, connect(&no, &dk).await];
    let id = draft(&no, AlertKind::MISSING_CHILD_POINTER).await;
    offer(&no, id, &["LT", "EE", "DK"]).await.unwrap();
    let taken = received();
    taken(say(&lt, id, None, Said::Accept).await);
    taken(say(&dk, id, None, Said::Accept).await);
    // DK accepted, and is no peer any more when it counts; EE says nothing.
    let mut pins = (**no.node.peers.borrow()).clone();
    pins.remove(&code("DK"));
    no.pin_all(std::sync::Arc::new(pins)).await.unwrap();
    let over = offers::find(&no.node.ledger, code("NO"), id).unwrap().unwrap().offer.answer_by;
    let asked = no.node.clock.now().after(Duration::from_secs(72 * 3600));
    assert!(over < asked, "an hour is left for the answer that the alert itself asks for");
    offers::look(&no.node, over, &mut offers::Failed::default()).await.unwrap();
    let kept = conversation::ours(&no.node, id).unwrap().expect("delivered").0;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    assert_eq!([inbox(&lt), inbox(&ee), inbox(&dk)], [1, 0, 0]);
    // Whoever was silent is told that it is off, and rings no more.
    until_here(&ee, id, State::Withdrawn).await;
    let unseen = ee.node.ledger.scan(&[rows::UNSEEN], &[rows::UNSEEN + 1], false).count();
    let late = conversation::overdue(&ee.node, over.after(Duration::from_secs(3600)), 10).unwrap();
    assert_eq!((unseen, late), (0, vec![]));
    assert_eq!(rule(say(&ee, id, None, Said::Accept).await), "reply-decided");
    for side in sides {
        end(side).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_declined_never_gets_it_and_whoever_has_seen_the_alert_hears_no_bell_for_its_offer() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let sides = [connect(&no, &lt).await, connect(&no, &ee).await];
    let id = draft(&no, AlertKind::MISSING_CHILD_POINTER).await;
    offer(&no, id, &["LT", "EE"]).await.unwrap();
    received()(say(&lt, id, None, cannot()).await);
    let over = offers::find(&no.node.ledger, code("NO"), id).unwrap().unwrap().offer.answer_by;
    offers::look(&no.node, over, &mut offers::Failed::default()).await.unwrap();
    until_here(&ee, id, State::Withdrawn).await;
    let declined = releases(&no, id, &["LT"]).await;
    assert!(matches!(declined, Err(Refused::NotAccepted(country)) if country == code("LT")), "{declined:?}");
    let twice = offer(&no, id, &["EE"]).await;
    assert!(matches!(twice, Err(Refused::Offered)), "{twice:?}");
    // The offer is over, so EE may get it all the same.
    let kept = releases(&no, id, &["EE"]).await.unwrap();
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    let unseen = || ee.node.ledger.scan(&[rows::UNSEEN], &[rows::UNSEEN + 1], false).count();
    assert_eq!((inbox(&ee), unseen()), (1, 1), "one bell, for the alert");
    let late =
        |country: &Node| conversation::overdue(&country.node, over.after(Duration::from_secs(7200)), 10).unwrap().len();
    assert_eq!((late(&no), late(&ee)), (1, 1), "the alert's own answer is awaited");
    received()(say(&ee, id, None, Said::Seen).await);
    assert_eq!(unseen(), 0);
    for side in sides {
        end(side).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_needs_two_people_can_be_taken_back_and_is_released_early_only_to_those_who_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let sides = [connect(&no, &lt).await, connect(&no, &ee).await];
    let alone = drafted(&no, AlertKind::MISSING_CHILD_POINTER).await;
    let refused = offer(&no, alone, &["LT"]).await;
    assert!(matches!(refused, Err(Refused::Unapproved)), "{refused:?}");

    let recalled = draft(&no, AlertKind::MISSING_CHILD_POINTER).await;
    offer(&no, recalled, &["LT"]).await.unwrap();
    let taken = received();
    taken(say(&no, recalled, Some("LT"), Said::Recall).await);
    assert_eq!(rule(say(&lt, recalled, None, Said::Accept).await), "reply-decided");
    let now = no.node.clock.now();
    offers::look(&no.node, now, &mut offers::Failed::default()).await.unwrap();
    assert_eq!((inbox(&lt), offered(&no, recalled)), (0, states(&[("LT", State::Withdrawn)])));

    let early = draft(&no, AlertKind::MODUS_OPERANDI).await;
    offer(&no, early, &["LT", "EE"]).await.unwrap();
    taken(say(&ee, early, None, Said::Accept).await);
    let both = releases(&no, early, &["LT", "EE"]).await;
    assert!(matches!(both, Err(Refused::NotAccepted(country)) if country == code("LT")), "{both:?}");
    let kept = releases(&no, early, &["EE"]).await.unwrap();
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    offers::look(&no.node, now.after(Duration::from_secs(80 * 3600)), &mut offers::Failed::default()).await.unwrap();
    assert_eq!((inbox(&lt), inbox(&ee)), (0, 1));
    for side in sides {
        end(side).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_crosses_the_recall_is_shown_as_said_in_vain() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let sides = connect(&no, &lt).await;
    let id = draft(&no, AlertKind::MODUS_OPERANDI).await;
    offer(&no, id, &["LT"]).await.unwrap();
    end(sides).await;
    varde_tests::words::tell(&no, id, Some("LT"), Said::Recall).await.unwrap();
    let Told::Owed(kept) = varde_tests::words::tell(&lt, id, None, Said::Accept).await.unwrap() else { panic!() };
    let sides = connect(&no, &lt).await;
    let answer = delivery::wait(&lt.node.ledger, kept, SOON).await.unwrap().remove(0).state;
    assert!(matches!(answer, delivery::State::Rejected { ref reason, .. } if reason == "content:reply-decided"));
    let recalled = async {
        loop {
            let filed = offers::find(&lt.node.ledger, code("NO"), id).unwrap().unwrap();
            let here = offers::standings(&lt.node, &filed, code("NO")).unwrap().remove(0);
            if here.said.len() == 2 {
                return here;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let here = tokio::time::timeout(SOON, recalled).await.unwrap();
    assert_eq!(here.state, State::Withdrawn);
    let accept = here.said.iter().find(|word| word.said == Said::Accept).unwrap();
    assert_eq!(accept.fate, Fate::Refused("content:reply-decided".into()));
    end(sides).await;
}

fn header(rogue: &Rogue, salt: u8) -> Header {
    Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: rogue.origin.to_string(),
        recipients: vec![rogue.target.to_string()],
        agreement: default_agreement().0.to_vec().into(),
        salt: vec![salt; 32].into(),
    }
}

fn an_offer(rogue: &Rogue, content: &AlertContent, answer_by: Timestamp) -> Envelope {
    let offer = Offer { header: header(rogue, 1), id: content.id, conditions: Conditions::of(content), answer_by };
    envelope::sign(Offer::TYPE, &offer.to_wire(), &rogue.message)
}

fn an_alert(rogue: &Rogue, content: &AlertContent, now: Timestamp) -> Envelope {
    let alert = Alert::issue(content.clone(), header(rogue, 2), now, Digest::of(b"decision")).unwrap();
    envelope::sign(Alert::TYPE, &alert.to_wire(), &rogue.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_not_as_offered_or_was_declined_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (lt, no) = (in_memory("LT", &dir).await, in_memory("NO", &dir).await);
    let pinned = lt.pin(&no).await;
    let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
    let (mut wire, _ended) = admit(&lt, &pinned);
    wire.greet(&mut rogue).await;
    let now = lt.node.clock.now();
    let soon = now.after(Duration::from_secs(3600));
    let kind = AlertKind::MODUS_OPERANDI;
    let [differs, declined, over] = [1, 2, 3].map(|n| content(&lt, kind, AlertId(id(n))));
    let refused = |rule: &str| Answer::Rejected(format!("content:{rule}"));
    let frame = rogue.item(an_offer(&rogue, &over, now), 2);
    assert_eq!(wire.ask(frame).await, refused("offer-over"));
    for one in [&differs, &declined] {
        let frame = rogue.item(an_offer(&rogue, one, soon), 2);
        assert_eq!(wire.ask(frame).await, Answer::Received);
    }
    let frame = rogue.item(an_offer(&rogue, &differs, now.after(Duration::from_secs(7200))), 2);
    assert_eq!(wire.ask(frame).await, refused("alert-id-reused"), "an id is offered once");
    let wider = AlertContent { prohibitions: Prohibition::all().collect(), ..differs.clone() };
    let frame = rogue.item(an_alert(&rogue, &wider, now), 2);
    assert_eq!(wire.ask(frame).await, refused("offer-differs"));
    let declines = Said::CannotComply([].into(), [Prohibition::X1].into());
    varde_tests::words::tell(&lt, declined.id, None, declines).await.unwrap();
    let frame = rogue.item(an_alert(&rogue, &declined, now), 2);
    assert_eq!(wire.ask(frame).await, refused("offer-declined"));
    assert_eq!(inbox(&lt), 0);
}

#[test]
fn staff_offer_accept_and_decline_over_the_command_line() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, lt] = world(home.path())?;
    let (wanted, unwanted) = (draft_at(&no, "CROSS_BORDER_REFERRAL_REQUEST")?, draft_at(&no, "MODUS_OPERANDI")?);
    for id in [&wanted, &unwanted] {
        no.varde(&["alert", "offer", id, "--to", "LT", "--answer-by", "8h", "--wait", "30s"])?.ok()?;
    }
    let listed = lt.varde(&["alert", "offers", "--json"])?.json(0)?;
    let kinds: Vec<_> = listed.as_array().into_iter().flatten().map(|one| one["conditions"]["kind"].clone()).collect();
    assert_eq!(kinds, ["MODUS_OPERANDI", "CROSS_BORDER_REFERRAL_REQUEST"], "the newest first");
    assert!(no.varde(&["alert", "list"])?.ok()?.contains("offered"));
    lt.varde(&["alert", "reply", &wanted, "--accept", "--wait", "30s"])?.ok()?;
    lt.varde(&["alert", "reply", &unwanted, "--cannot-comply", "H2,X1", "--wait", "30s"])?.ok()?;
    let state = |country: &Country, id: &str| {
        let now = country.varde(&["alert", "status", id, "--json"]).ok()?.json(0).ok()?;
        now["recipients"][0]["state"].as_str().map(str::to_owned)
    };
    until("the alert that was accepted", Duration::from_secs(60), || {
        state(&no, &wanted).filter(|state| state == "stored")
    })?;
    assert_eq!(state(&no, &unwanted).as_deref(), Some("refused"));
    let said = no.varde(&["alert", "status", &unwanted])?.ok()?;
    assert!(said.contains("cannot comply with H2, X1"), "{said}");
    let inbox = lt.varde(&["alert", "inbox", "--json"])?.json(0)?;
    assert_eq!(inbox.as_array().map(Vec::len), Some(1));
    let nothing = no.varde(&["alert", "offer", &unwanted, "--recall"])?;
    assert!(nothing.stderr.contains("no offer of this alert that can be taken back"), "{}", nothing.stderr);
    Ok(())
}
