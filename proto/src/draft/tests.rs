#![allow(clippy::unwrap_used, reason = "tests")]

use super::act::{BadAct, Verb, about_release, check, sign};
use super::*;
use crate::alert::{Alert, sample, show};
use crate::id::{AlertId, Digest, NodeId, Origin};
use crate::identity::SecretKey;
use crate::json::Out;
use crate::time::Timestamp;
use crate::vocabulary::AlertKind;
use crate::vocabulary::{PersonalDataLevel, Vocabulary};
use std::time::Duration;
use zeroize::Zeroizing;

fn fresh() -> Fresh {
    let mut n = 0xe0;
    Fresh::draw(sample::now(), |bytes| {
        bytes.iter_mut().for_each(|b| {
            n += 1;
            *b = n | 0x80;
        });
    })
}

fn file(content: &crate::alert::AlertContent) -> String {
    let mut fields = show::terms(content);
    fields.push(("content", show::content(content)));
    Out::Object(fields).to_string()
}

fn problems(text: &str) -> Vec<String> {
    read(text, None, fresh()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_template_drafts_as_it_is_and_can_be_issued() {
    for kind in AlertKind::all() {
        let text = template(kind, sample::now()).unwrap();
        let draft = read(&text, None, fresh()).unwrap();
        assert_eq!(draft.content.kind(), kind);
        sample::issue(draft.content).unwrap();
    }
}

#[test]
fn what_is_shown_reads_back_as_the_same_content() {
    for content in sample::all() {
        let fresh = Fresh { id: content.id, contact_token: content.contact_token, ..fresh() };
        assert_eq!(read(&file(&content), None, fresh).unwrap().content, content);
    }
}

#[test]
fn an_envelope_that_is_left_out_takes_the_kinds_defaults() {
    let text = r#"{"kind": "MISSING_CHILD_POINTER", "content": {"missing_type": "RUNAWAY",
        "elapsed_band": "UNDER_24_HOURS", "last_seen": {"country": "EE"}}}"#;
    let draft = read(text, None, fresh()).unwrap();
    let shown = show::show_content(&draft.content).to_string();
    assert!(shown.contains("\"tlp\": \"RED\"") && shown.contains("\"X4\"") && shown.contains("AGE_CHILD_NFS"));
    assert_eq!(draft.content.expires_at.to_string(), "2026-12-05T18:07:00Z");
    let text = r#"{"kind": "MODUS_OPERANDI", "observed_period": "2026-Q3", "support_count": "FROM_5_TO_9",
        "content": {"forms": ["FORCED_BEGGING"], "countries": [{"role": "EXPLOITATION", "country": "NO"}]}}"#;
    let draft = read(text, None, fresh()).unwrap();
    assert_eq!(draft.content.expires_at.to_string(), "2027-11-20T00:00:00Z");
    sample::issue(draft.content).unwrap();
}

#[test]
fn a_file_may_leave_its_kind_to_who_asks_but_not_name_another() {
    let text = template(AlertKind::MODUS_OPERANDI, sample::now()).unwrap();
    let silent = text.replace("  \"kind\": \"MODUS_OPERANDI\",\n", "");
    assert!(read(&silent, None, fresh()).is_err());
    assert!(read(&silent, Some(AlertKind::MODUS_OPERANDI), fresh()).is_ok());
    assert!(read(&text, Some(AlertKind::ROUTE_CORRIDOR), fresh()).is_err());
}

#[test]
fn every_problem_is_named_at_once_with_its_place_and_advice() {
    let text = r#"{
  "kind": "MODUS_OPERANDI",
  "observed_period": "2026-Q5",
  "tpl": "AMBER",
  "recipients": ["LT"],
  "content": {
    "forms": ["FORCED_BEGING", 7],
    "countries": [{"role": "EXPLOITATION", "country": "EL"}],
    "victim_name": "x"
  }
}"#;
    assert_eq!(
        problems(text),
        [
            "line 1, column 1: support_count: wanted how many distinct children stand behind it, not nothing; add it",
            "line 3, column 22: observed_period: wanted a quarter such as 2026-Q3, not \"2026-Q5\"; correct it",
            "line 4, column 3: tpl: wanted no such field; did you mean \"tlp\"? else take it out",
            "line 5, column 17: recipients: wanted nothing: `varde alert release ID --to CC,CC` names them, not a list; \
             take it out",
            "line 7, column 15: content.forms[0]: wanted a code of the list Form (one of 28 codes), not \
             \"FORCED_BEGING\"; did you mean \"FORCED_BEGGING\"?",
            "line 7, column 32: content.forms[1]: wanted a code of the list Form (one of 28 codes), not the number 7; \
             choose one of the list",
            "line 8, column 55: content.countries[0].country: wanted an ISO 3166-1 alpha-2 code such as NO (GR, not \
             EL; GB, not UK), OTHER or UNKNOWN, not \"EL\"; correct it",
            "line 9, column 5: content.victim_name: wanted no such field; take it out",
        ]
    );
}

#[test]
fn broken_rules_are_named_at_their_field() {
    let text = r#"{"kind": "MODUS_OPERANDI", "observed_period": "2026-07", "support_count": "TWO",
        "content": {"forms": ["FORCED_BEGGING"], "age_bands": ["AGE_9_13"], "countries": []}}"#;
    let found = problems(text);
    let starts = [
        "line 1, column 47: observed_period:",
        "line 1, column 75: support_count:",
        "line 2, column 63: content.age_bands:",
        "line 2, column 90: content.countries:",
    ];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    for (problem, start) in found.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

/// The template of a kind with another risk and other countries that must never get it.
fn at_risk(kind: AlertKind, harm: &str, never_to: &str) -> String {
    let base = template(kind, sample::now()).unwrap();
    let never = format!("\"harms\": [\"{harm}\"], \"never_to\": [{never_to}]");
    let changed = base.replace("\"harms\": [],\n    \"never_to\": []", &never);
    assert_ne!(changed, base);
    changed
}

#[test]
fn each_shield_asks_for_what_its_risk_needs_and_for_nothing_without_it() {
    let (pointer, pattern) = (AlertKind::MISSING_CHILD_POINTER, AlertKind::MODUS_OPERANDI);
    let referral = AlertKind::CROSS_BORDER_REFERRAL_REQUEST;
    let good = |text: &str| assert_eq!(read(text, None, fresh()).map(drop), Ok(()));
    let broken = |text: &str, says: &str| {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].contains(says), "{says}: {found:?}");
    };
    let asylum = at_risk(pointer, "ASYLUM_APPLICANT", "\"SY\"");
    good(&asylum);
    broken(&asylum.replace("\"X4\", ", ""), "X4");
    broken(&at_risk(pointer, "ASYLUM_APPLICANT", ""), "may fear");
    broken(&at_risk(pointer, "ASYLUM_APPLICANT", "\"UNKNOWN\""), "may fear");
    broken(&at_risk(pointer, "EXPLOITER_LINKED_TO_AUTHORITY", ""), "authority");
    good(&at_risk(pointer, "EXPLOITER_LINKED_TO_AUTHORITY", "\"RO\", \"MD\""));
    broken(&at_risk(pattern, "EXPLOITER_LINKED_TO_AUTHORITY", ""), "authority");
    let family = at_risk(pointer, "EXPLOITER_IN_FAMILY", "");
    broken(&family, "H3");
    let family = |kind| at_risk(kind, "EXPLOITER_IN_FAMILY", "").replace("\"H2\"", "\"H2\", \"H3\"");
    good(&family(pointer));
    good(&family(referral));
    let reasons = family(referral);
    let at = reasons.find("\"reasons\": [").unwrap() + "\"reasons\": [".len();
    broken(&format!("{}\"FAMILY_TRACING\", {}", &reasons[..at], &reasons[at..]), "FAMILY_TRACING");
    let objects = template(pointer, sample::now()).unwrap().replace("\"NOT_MISSING\"", "\"OBJECTS\"");
    broken(&objects, "objection is heard");
    good(&objects.replace("\"POINTER_NEEDED_TO_ACT\"", "\"IMMEDIATE_DANGER\""));
    let bad = at_risk(pointer, "WITNESS", "\"XX\"");
    assert!(problems(&bad)[0].contains("never_to"), "{:?}", problems(&bad));
}

#[test]
fn who_must_never_get_it_is_kept_and_committed_to() {
    let read = |never| read(&at_risk(AlertKind::MODUS_OPERANDI, "WITNESS", never), None, fresh()).unwrap().decision;
    let (one, none) = (read("\"RO\""), read(""));
    assert_eq!(Decision::from_wire(one.to_wire()), Some(one.clone()));
    assert_ne!(one.commitment(&[1; 32]), none.commitment(&[1; 32]));
}

#[test]
fn terms_alone_are_read_for_a_draft_from_records() {
    let kind = AlertKind::ROUTE_CORRIDOR;
    assert_eq!(read_terms("  ", kind).unwrap().0, Terms::default());
    let (terms, _) = read_terms(r#"{"tlp": "GREEN"}"#, kind).unwrap();
    assert_eq!(terms.tlp(kind), crate::vocabulary::Tlp::GREEN);
    assert!(read_terms(r#"{"content": {}}"#, kind).is_err());
    assert!(read_terms(r#"{"kind": "MODUS_OPERANDI"}"#, kind).is_err());
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([seed; 32]))
}

#[test]
fn an_act_is_by_a_listed_credential_about_this_here_and_now() {
    let origin = Origin::parse("varde.example/no/1").unwrap();
    let about = Digest::of(b"draft");
    let keys = [key(1).public(), key(2).public()];
    let now = sample::now();
    let act = sign(Verb::Approve, about, &origin, now, &key(2));
    assert_eq!(check(Some(&act), Verb::Approve, about, &origin, now, &keys).unwrap().who, 1);
    assert_eq!(act::signer(&act, &keys), Some(1));
    let refused = |act, verb, about, origin: &str, now: Timestamp| {
        check(act, verb, about, &Origin::parse(origin).unwrap(), now, &keys).unwrap_err()
    };
    let here = origin.as_str();
    assert_eq!(refused(None, Verb::Approve, about, here, now), BadAct::Missing);
    assert_eq!(refused(Some(&act), Verb::Release, about, here, now), BadAct::OtherAct);
    assert_eq!(refused(Some(&act), Verb::Approve, Digest::of(b"x"), here, now), BadAct::OtherAct);
    assert_eq!(refused(Some(&act), Verb::Approve, about, "varde.example/ee/1", now), BadAct::OtherAct);
    let later = now.after(Duration::from_secs(601));
    assert_eq!(refused(Some(&act), Verb::Approve, about, here, later), BadAct::NotNow);
    let stranger = sign(Verb::Approve, about, &origin, now, &key(3));
    assert_eq!(refused(Some(&stranger), Verb::Approve, about, here, now), BadAct::UnknownCredential);
}

#[test]
fn a_release_is_about_its_recipients_in_any_order() {
    let node = |code| NodeId::parse(code).unwrap();
    let of = |nodes: &[NodeId]| about_release(Digest::of(b"draft"), nodes);
    assert_eq!(of(&[node("LT"), node("EE")]), of(&[node("EE"), node("LT"), node("EE")]));
    assert_ne!(of(&[node("LT")]), of(&[node("EE")]));
}

fn draft() -> Draft {
    Draft {
        content: sample::missing_child_pointer(),
        decision: Decision::silent(false),
        salt: [3; 32],
        fields: vec![Explained {
            field: "age".into(),
            stays: "15".into(),
            leaves: "AGE_14_15".into(),
            how: "band".into(),
            cases: 1,
        }],
        drafted: sample::now(),
        sent: Vec::new(),
        reviews: Vec::new(),
    }
}

#[test]
fn a_draft_survives_its_row_and_signing_does_not_change_what_is_signed() {
    let mut draft = draft();
    let digest = draft.digest();
    draft.decision.approvals.push(sign(
        Verb::Approve,
        digest,
        &Origin::parse("varde.example/no/1").unwrap(),
        sample::now(),
        &key(1),
    ));
    assert_eq!(Draft::from_bytes(&draft.to_bytes()).unwrap(), draft);
    assert_eq!(draft.digest(), digest);
    draft.content.id = AlertId([0x91; 16]);
    assert_ne!(draft.digest(), digest);
    assert!(Draft::from_bytes(b"\xff").is_err());
}

#[test]
fn a_pointer_and_a_pattern_over_few_need_a_second_person() {
    assert!(draft().needs_approval());
    let mut pattern = Draft { content: sample::modus_operandi(), ..draft() };
    assert!(!pattern.needs_approval());
    pattern.content.tlp = crate::vocabulary::Tlp::RED;
    pattern.content.support = crate::vocabulary::SupportBand::TWO;
    assert!(pattern.needs_approval());
}

#[test]
fn the_commitment_hides_the_decision_behind_its_salt() {
    let decision = Decision::silent(false);
    assert_eq!(decision.commitment(&[1; 32]), decision.commitment(&[1; 32]));
    assert_ne!(decision.commitment(&[1; 32]), decision.commitment(&[2; 32]));
    assert_ne!(decision.commitment(&[1; 32]), Decision::silent(true).commitment(&[1; 32]));
}

#[test]
fn every_code_of_the_decision_has_a_label() {
    for (list, table) in lists() {
        assert!(table.strangers().is_empty(), "{list}");
        assert!(table.numbers().all(|n| table.cell(n, "en").is_some()), "{list}");
    }
}

#[test]
fn an_issued_alert_shows_its_recipients_and_its_issue() {
    let alert: Alert = sample::issue(sample::route_corridor()).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&show::show(&alert).to_string()).unwrap();
    assert_eq!(shown["recipients"][1], "varde.example/lt/1");
    assert_eq!((shown["mode"].as_str(), shown["kind"].as_str()), (Some("TEST"), Some("ROUTE_CORRIDOR")));
    assert_eq!(shown["content"]["stops"][1]["nuts1"], "EL3");
    assert_eq!(shown["alert_id"], "8f02d17710aabc3e9100fe445bc9d001");
}

#[test]
fn a_template_is_known_again_until_what_it_says_is_changed() {
    for kind in AlertKind::all() {
        let text = template(kind, sample::now()).unwrap();
        let drafted = |text: &str| {
            let FileDraft { content, decision } = read(text, None, fresh()).unwrap();
            Draft { content, decision, fields: Vec::new(), ..draft() }
        };
        assert_eq!(drafted(&text).cautions(), [Caution::AsTemplate], "{kind}");
        let terms = text.replace("\"source\": \"B\"", "\"source\": \"C\"");
        assert_ne!(terms, text);
        assert_eq!(drafted(&terms).cautions(), [Caution::AsTemplate], "{kind}: its terms are no content");
        let (said, edited) = match kind {
            AlertKind::MISSING_CHILD_POINTER => ("\"TRAIN\"", "\"COACH\""),
            AlertKind::ROUTE_CORRIDOR => ("\"LABOUR_EXPLOITATION\"", "\"FORCED_BEGGING\""),
            AlertKind::MODUS_OPERANDI => ("\"MINIBUS\"", "\"COACH\""),
            AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER => ("\"SEA_FERRY\"", "\"RAIL\""),
            AlertKind::FOUND_CHILD_QUERY => ("\"ENG\"", "\"FRA\""),
            AlertKind::CROSS_BORDER_REFERRAL_REQUEST => ("\"RELOCATION\"", "\"AFTERCARE\""),
            AlertKind::RECRUITMENT_PATTERN => ("\"MODEL\"", "\"SPORT\""),
            AlertKind::DOCUMENT_PATTERN => ("\"TRAVEL_CONSENT\"", "\"VISA\""),
            AlertKind::CENTRE_DISAPPEARANCE_PATTERN => ("\"EARLY_GUARDIAN\"", "\"TRAIN_FRONTLINE\""),
            AlertKind::SITUATIONAL_WARNING => ("\"DISPLACEMENT\"", "\"DISASTER\""),
            AlertKind::PREVENTION_PRACTICE => ("\"TEACHERS\"", "\"POLICE\""),
            _ => ("\"FLASH\"", "\"ANNUAL\""),
        };
        let edited = text.replace(said, edited);
        let decided = edited.replace("\"harms\": []", "\"harms\": [\"WITNESS\"]");
        assert!(drafted(&decided).cautions().is_empty(), "{kind}");
        let one_child = kind.level() == PersonalDataLevel::L1;
        let left = if one_child { vec![Caution::DecidedAsTemplate] } else { Vec::new() };
        assert_eq!(drafted(&edited).cautions(), left, "{kind}: its decision is the template's");
        assert!(
            Draft { fields: draft().fields, ..drafted(&text) }.cautions().is_empty(),
            "{kind}: it came from records"
        );
    }
}

#[test]
fn a_decision_that_says_nothing_of_the_one_child_is_pointed_out() {
    let mut pointer = draft();
    assert_eq!(pointer.cautions(), [Caution::NothingDecided]);
    pointer.decision.harms.insert(Harm::ASYLUM_APPLICANT);
    assert_eq!(pointer.cautions(), [Caution::NothingDecided], "a record names this risk by itself");
    pointer.decision.child_heard = ChildHeard::NOT_MISSING;
    assert!(pointer.cautions().is_empty());
    let pattern = Draft { content: sample::modus_operandi(), decision: Decision::silent(true), ..draft() };
    assert!(pattern.cautions().is_empty());
}
