//! `varde alert` with the real binaries: drafted from records, seen field by field, approved by a second person, released
//! to one peer and to nobody else.
#![allow(missing_docs, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use varde_proto::vocabulary::{AlertKind, Vocabulary};
use varde_tests::harness::{Country, Outcome, Trouble, pin_all};

fn sample(country: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample").join(format!("{country}.csv"))
}

/// NO with its sample records, LT beside it, EE pinned and not running.
fn countries(home: &Path) -> Result<[Country; 3], Trouble> {
    let mut no = Country::init(home, "NO")?;
    let mut lt = Country::init(home, "LT")?;
    let ee = Country::init(home, "EE")?;
    no.start()?;
    lt.start()?;
    pin_all(&[&no, &lt, &ee])?;
    no.varde(&["record", "import", &sample("no").to_string_lossy(), "--format", "varde"])?.ok()?;
    Ok([no, lt, ee])
}

fn id(outcome: Outcome) -> Result<String, Trouble> {
    let text = outcome.ok()?;
    let id = text.trim_end().to_owned();
    assert!(text == format!("{id}\n") && id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{text:?}");
    Ok(id)
}

fn names(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// A hold is seen in the list that has the alert, and ended once.
fn holds(country: &Country, id: &str, list: &str) -> Result<(), Trouble> {
    let seen = || -> Result<_, Trouble> {
        let document = country.varde(&["alert", list, "--json"])?.json(0)?;
        let one = document.as_array().into_iter().flatten().find(|one| one["alert_id"] == id).cloned();
        let text = country.varde(&["alert", list])?.ok()?;
        Ok((one.unwrap_or_default()["on_hold"].clone(), text.contains(", on hold")))
    };
    let hold = |more: &[&str]| country.varde(&[&["alert", "hold", id][..], more].concat());
    assert_eq!(seen()?, (false.into(), false));
    hold(&[])?.ok()?;
    assert_eq!(seen()?, (true.into(), true));
    assert!(hold(&[])?.stderr.contains("on hold already"));
    assert!(hold(&["--lift"])?.stderr.contains("The hold is lifted"));
    let again = hold(&["--lift"])?;
    assert!(again.code == Some(0) && again.stderr.contains("nothing changed"), "{}", again.stderr);
    assert_eq!(seen()?, (false.into(), false));
    let leaves = country.varde(&["log", "show", "--json"])?.json(0)?;
    let holds = leaves.as_array().into_iter().flatten().filter(|leaf| leaf["what"] == "hold");
    let reasons: Vec<_> = holds.map(|leaf| leaf["reason"].clone()).collect();
    assert_eq!(reasons, [Value::Null, "lifted".into()]);
    Ok(())
}

#[test]
fn every_template_drafts_and_a_pattern_is_drawn_from_records_and_released() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, lt, ee] = countries(home.path())?;
    for kind in AlertKind::all().filter_map(Vocabulary::name) {
        let file = home.path().join(kind);
        std::fs::write(&file, no.varde(&["alert", "draft", "--kind", kind, "--template"])?.ok()?)?;
        id(no.varde(&["alert", "draft", "--kind", kind, "--from", &file.to_string_lossy()])?)?;
    }
    let query = ["--period", "2026-Q3", "--country", "EXPLOITATION=NO", "--country", "RECRUITMENT=LT"];
    let draft = id(no.varde(&[&["alert", "draft", "--kind", "ROUTE_CORRIDOR"], &query[..]].concat())?)?;
    let seen = no.varde(&["alert", "preview", &draft, "--json"])?.json(0)?;
    assert_eq!((seen["state"].as_str(), seen["needs_approval"].as_bool()), (Some("draft"), Some(false)));
    assert!(names(&seen["fields"], "field").contains(&"stops".to_owned()), "{seen}");
    assert!(names(&seen["leaves"]["content"]["stops"], "country").contains(&"LT".to_owned()), "{seen}");
    let text = no.varde(&["alert", "preview", &draft])?.ok()?;
    assert!(text.lines().all(|l| l.chars().count() <= 140 || l.contains("source_type")), "{text}");

    let to_both = ["alert", "release", &draft, "--to", "LT,EE", "--wait", "5s", "--json"];
    let released = no.varde(&to_both)?.json(75)?;
    assert_eq!(names(&released["deliveries"], "country"), ["EE", "LT"]);
    assert_eq!(names(&released["deliveries"], "state"), ["owed", "receipted"]);
    let inbox = lt.varde(&["alert", "inbox", "--json"])?.json(0)?;
    assert_eq!(names(&inbox, "alert_id"), [draft.as_str()]);
    assert_eq!((names(&inbox, "from"), names(&inbox, "kind")), (vec!["NO".into()], vec!["ROUTE_CORRIDOR".into()]));
    assert_eq!(names(&inbox, "state"), ["in-force"]);
    let shown = lt.varde(&["alert", "show", &draft, "--json"])?.json(0)?;
    for field in ["tlp", "expires_at"] {
        assert!(shown["alert"][field].is_string() && inbox[0][field] == shown["alert"][field], "{field}: {inbox}");
    }
    assert_eq!(shown["alert"]["content"], seen["leaves"]["content"]);
    holds(&lt, &draft, "inbox")?;
    holds(&no, &draft, "list")?;
    let second = id(no.varde(&[&["alert", "draft", "--kind", "ROUTE_CORRIDOR"], &query[..]].concat())?)?;
    let said = no.varde(&["alert", "release", &second, "--to", "EE"])?;
    assert_eq!((said.code, said.stderr.contains("warning")), (Some(0), false), "{}", said.stderr);
    for words in ["Released:", "no receipt yet from EE", "by itself", &format!("varde alert show {second}")] {
        assert!(said.stderr.contains(words), "{words:?} is missing in {}", said.stderr);
    }
    let again = no.varde(&["alert", "release", &draft, "--to", "LT", "--json"])?;
    assert_eq!((again.code, again.stderr.contains("already-released")), (Some(3), true));
    drop(ee);
    Ok(())
}

#[test]
fn a_pointer_to_a_child_leaves_only_after_a_second_person_approved_it() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, lt, _ee] = countries(home.path())?;
    let of = ["--missing", "RUNAWAY", "--elapsed", "UNDER_24_HOURS", "--risk", "high"];
    let draft = id(
        no.varde(&[&["alert", "draft", "--kind", "MISSING_CHILD_POINTER", "--record", "NO-00001"], &of[..]].concat())?
    )?;
    let release = ["alert", "release", &draft, "--to", "LT", "--wait", "30s", "--json"];
    let refused = no.varde(&release)?;
    assert_eq!((refused.code, refused.stderr.contains("needs-approval")), (Some(3), true), "{}", refused.stderr);
    let guessed = no.varde(&["alert", "approve", &draft, "--as", "a"])?;
    assert_eq!((guessed.code, guessed.stderr.contains("operators/b.key")), (Some(2), true), "{}", guessed.stderr);
    let own = no.varde(&["alert", "approve", &draft, "--json"])?;
    assert_eq!((own.code, own.stderr.contains("own-draft")), (Some(3), true), "{}", own.stderr);
    let second = no.dir().join("operators").join("b.key").to_string_lossy().into_owned();
    let approved = no.varde(&["alert", "approve", &draft, "--as", &second, "--json"])?.json(0)?;
    assert_eq!((approved["drafted_by"].as_str(), approved["approved_by"].as_str()), (Some("a"), Some("b")));
    let released = no.varde(&release)?.json(0)?;
    assert_eq!(names(&released["deliveries"], "state"), ["receipted"]);
    let shown = lt.varde(&["alert", "show", &draft, "--json"])?.json(0)?;
    assert_eq!(shown["alert"]["tlp"], "RED");
    let text = shown.to_string();
    assert!(!text.contains("NO-00001") && !text.contains("RO\""), "the record shows through: {text}");
    Ok(())
}

#[test]
fn what_is_refused_says_why_and_what_to_do() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, lt, _ee] = countries(home.path())?;
    let reason = |outcome: Outcome| {
        let error: Value = serde_json::from_str(&outcome.stderr).unwrap_or_default();
        assert!(error["error"]["next"].is_string(), "no advice: {}", outcome.stderr);
        (outcome.code, error["error"]["reason"].as_str().unwrap_or_default().to_owned())
    };
    let said = |args: &[&str]| -> Result<_, Trouble> { Ok(reason(no.varde(&[&["--json"], args].concat())?)) };
    let bad = home.path().join("bad.json");
    std::fs::write(&bad, "{\"kind\": \"MODUS_OPERANDI\", \"content\": {\"victim\": \"x\"}}")?;
    let from = ["alert", "draft", "--kind", "MODUS_OPERANDI", "--from", &bad.to_string_lossy()];
    assert_eq!(said(&from)?, (Some(2), "draft-file".into()));
    let thin = ["alert", "draft", "--kind", "MODUS_OPERANDI", "--period", "2026-Q3", "--form", "ORGAN_REMOVAL"];
    assert_eq!(said(&thin)?, (Some(3), "too-little".into()));
    let nothing = ["alert", "draft", "--kind", "MODUS_OPERANDI"];
    assert_eq!(said(&nothing)?, (Some(2), "nothing-to-draft".into()));
    assert_eq!(said(&["alert", "show", &"0".repeat(32)])?, (Some(2), "no-such-alert".into()));
    let file = home.path().join("mo.json");
    std::fs::write(&file, no.varde(&["alert", "draft", "--kind", "MODUS_OPERANDI", "--template"])?.ok()?)?;
    let draft = ["alert", "draft", "--kind", "MODUS_OPERANDI", "--from", &file.to_string_lossy()];
    let kept = id(no.varde(&draft)?)?;
    assert_eq!(said(&["alert", "release", &kept, "--to", "DK"])?, (Some(2), "unknown-peer".into()));
    assert_eq!(said(&["alert", "release", &kept, "--to", "LT,NO"])?, (Some(2), "own-country".into()));
    let own = no.varde(&["alert", "release", &kept, "--to", "LT,NO"])?;
    assert!(own.stderr.contains("leave NO out of --to"), "{}", own.stderr);
    let stranger = lt.dir().join("operators").join("a.key").to_string_lossy().into_owned();
    assert_eq!(said(&["alert", "approve", &kept, "--as", &stranger])?, (Some(3), "not-staff".into()));
    assert_eq!(lt.varde(&["alert", "inbox", "--json"])?.json(0)?, Value::Array(Vec::new()));
    Ok(())
}

#[test]
fn what_is_advised_for_a_pattern_over_too_few_children_works() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, ..] = countries(home.path())?;
    let query = ["alert", "draft", "--kind", "MODUS_OPERANDI", "--period", "2026-Q3", "--form"];
    let draft = |forms: &str, more: &[&str]| no.varde(&[&query[..], &[forms], more].concat());
    let few = "DOMESTIC_SERVITUDE";
    let refused = draft(few, &[])?;
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for advice in ["more forms or no --form", "fewer --country", "AMBER_STRICT", "RED", "do not share it"] {
        assert!(refused.stderr.contains(advice), "{advice:?} is missing in {}", refused.stderr);
    }
    id(draft(&format!("{few},FORCED_BEGGING"), &[])?)?;
    for (tlp, approval) in [("AMBER_STRICT", false), ("RED", true)] {
        let terms = home.path().join(tlp);
        std::fs::write(&terms, format!("{{\"tlp\": \"{tlp}\"}}"))?;
        let draft = id(draft(few, &["--terms", &terms.to_string_lossy()])?)?;
        assert_eq!(no.varde(&["alert", "preview", &draft, "--json"])?.json(0)?["needs_approval"], approval);
    }
    Ok(())
}

/// The codes of the warnings of a document.
fn warned(document: &Value) -> Vec<String> {
    names(&document["warnings"], "code")
}

#[test]
fn whoever_approves_sees_what_was_decided_and_hears_what_is_invented_or_missing() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, lt, _ee] = countries(home.path())?;
    let file = home.path().join("pointer.json");
    let template = no.varde(&["alert", "draft", "--kind", "MISSING_CHILD_POINTER", "--template"])?.ok()?;
    std::fs::write(&file, &template)?;
    let from = ["alert", "draft", "--kind", "MISSING_CHILD_POINTER", "--from", &file.to_string_lossy()];
    let shipped = "this is the template as it was shipped; edit it first";
    let drafted = no.varde(&from)?;
    assert!(drafted.stderr.contains(shipped), "{}", drafted.stderr);
    let draft = id(drafted)?;

    let seen = no.varde(&["alert", "preview", &draft])?;
    assert!(seen.stderr.contains(shipped), "{}", seen.stderr);
    let decided = [
        ("necessity", "POINTER_NEEDED_TO_ACT", "nobody can act without knowing that there is a case"),
        ("best_interests_by", "FOCAL_POINT", "national focal point"),
        ("child_heard", "NOT_MISSING", "not heard: missing"),
        ("guardian_informed", "INFORMED", "whether the guardian was informed"),
    ];
    let json = no.varde(&["alert", "preview", &draft, "--json"])?.json(0)?;
    for (field, code, words) in decided {
        assert_eq!(json["decision"][field], code);
        assert!(seen.stdout.contains(words), "{words:?} is missing in\n{}", seen.stdout);
    }
    assert_eq!((warned(&json), &json["decision"]["harms"]), (vec!["as-template".into()], &Value::Array(vec![])));

    let second = no.dir().join("operators/b.key").to_string_lossy().into_owned();
    let approved = no.varde(&["alert", "approve", &draft, "--as", &second])?;
    assert!(approved.code == Some(0) && approved.stderr.contains(shipped), "{}", approved.stderr);
    let released = no.varde(&["alert", "release", &draft, "--to", "LT", "--wait", "60s"])?;
    assert!(released.code == Some(0) && released.stderr.contains(shipped), "{}", released.stderr);

    let shown = no.varde(&["alert", "show", &draft])?;
    let json = no.varde(&["alert", "show", &draft, "--json"])?.json(0)?;
    let acts = &json["own"]["acts"];
    assert_eq!((names(acts, "act"), names(acts, "by")), (words("drafted approved released"), words("a b a")));
    assert!(acts.as_array().is_some_and(|acts| acts.iter().all(|act| act["at"].is_string() && act["key"].is_string())));
    assert!(shown.stdout.contains("approved") && shown.stdout.contains("not heard: missing"), "{}", shown.stdout);
    assert!(!shown.stderr.contains("alert show"), "it points to itself: {}", shown.stderr);
    assert_eq!(json["decision"]["child_heard"], "NOT_MISSING");
    let there = lt.varde(&["alert", "show", &draft, "--json"])?.json(0)?;
    assert!(there["decision"].is_null() && !there.to_string().contains("NOT_MISSING"), "the decision left: {there}");

    let edited = template.replace("\"AGE_14_15\"", "\"AGE_16_17\"");
    let before = edited.find(",\n  \"decision\"").ok_or_else(|| Trouble::new("the template has no decision"))?;
    std::fs::write(&file, format!("{}\n}}\n", &edited[..before]))?;
    let drafted = no.varde(&from)?;
    let empty = "the sharing decision of this draft is empty";
    assert!(drafted.stderr.contains(empty) && !drafted.stderr.contains(shipped), "{}", drafted.stderr);
    let draft = id(drafted)?;
    for args in [["alert", "preview", &draft, "--as", &second], ["alert", "approve", &draft, "--as", &second]] {
        let args = if args[1] == "preview" { &args[..3] } else { &args[..] };
        let said = no.varde(args)?;
        assert!(said.code == Some(0) && said.stderr.contains(empty), "{args:?}: {}", said.stderr);
    }
    Ok(())
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
