//! What real nodes write for auditors: honest bundles verify and reconcile clean, and what was changed is named, also by the
//! command line.
#![allow(missing_docs, reason = "tests")]

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::bundle;
use varde_node::flow::delivery;
use varde_proto::audit::{Given, MemoryBundle, Scope, Trusted, reconcile, verify};
use varde_proto::id::{Digest, LogIndex, NodeId, TreeSize};
use varde_proto::identity::SecretKey;
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Checkpoint, Note, TlogProof, Vkey, merkle};
use varde_tests::harness::{Country as Process, Outcome, binaries, pin_all, run, until};
use varde_tests::pair::{Country, connect, release, route};

const SOON: Duration = Duration::from_secs(120);

fn id(n: u8) -> [u8; 16] {
    *Digest::of(&[n]).0.first_chunk().unwrap()
}

/// NO sent three alerts to EE and one to LT; EE sent one back.
async fn exchanged(dir: &Path) -> [Country; 3] {
    let open =
        |code: &'static str| Country::open(code, Arc::new(MemoryStore::default()), Box::leak(dir.join(code).into()));
    let (no, ee, lt) = (open("NO").await, open("EE").await, open("LT").await);
    let _links = (connect(&no, &ee).await, connect(&no, &lt).await);
    let mut kept = Vec::new();
    for n in 0..3 {
        kept.push((&no, release(&no, route(id(n)), &["EE"]).await));
    }
    kept.push((&no, release(&no, route(id(3)), &["EE", "LT"]).await));
    kept.push((&ee, release(&ee, route(id(4)), &["NO"]).await));
    for (country, kept) in kept {
        let deliveries = delivery::wait(&country.node.ledger, kept, SOON).await.unwrap();
        assert!(deliveries.iter().all(|d| matches!(d.state, delivery::State::Received { .. })), "{deliveries:?}");
    }
    [no, ee, lt]
}

fn national(country: &Country) -> MemoryBundle {
    bundle::write(&country.node, Scope::National, MemoryBundle::new()).unwrap().0
}

fn given(country: &Country) -> Given {
    let trusted =
        Trusted { origin: Some(country.origin().clone()), fingerprint: country.keys[0].public().fingerprint() };
    Given { trusted: vec![trusted], views: Vec::new() }
}

fn on_disk(bundle: &MemoryBundle, root: &Path) {
    for (path, bytes) in bundle {
        let full = root.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, bytes).unwrap();
    }
}

fn varde(args: &[&str]) -> Outcome {
    run(Command::new(&binaries().unwrap().varde).env_remove("VARDE_DIR").args(args)).unwrap()
}

fn codes(document: &Value) -> Vec<&str> {
    document.as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_of_honest_nodes_verify_and_reconcile_clean() {
    let dir = tempfile::tempdir().unwrap();
    let countries = exchanged(dir.path()).await;
    let [no, ee, lt] = &countries;
    let mut audits = Vec::new();
    for country in &countries {
        let audit = verify(&national(country), &given(country)).unwrap();
        assert!(audit.findings.is_empty(), "{:?}", audit.findings);
        audits.push(audit);
    }
    for (a, b) in [(0, 1), (0, 2), (1, 0)] {
        assert_eq!(reconcile(&audits[a], &audits[b]), []);
    }
    let counts = audits[0].log.as_ref().unwrap().counts;
    assert_eq!((counts.envelopes, counts.receipts), (5, 5));
    let for_lt = Scope::For(NodeId::parse("LT").unwrap());
    let (shown, _) = bundle::write(&no.node, for_lt, MemoryBundle::new()).unwrap();
    let audit = verify(&shown, &given(no)).unwrap();
    assert_eq!(audit.findings.iter().map(|f| f.code.name).collect::<Vec<_>>(), ["withheld"]);
    assert_eq!(audit.log.as_ref().unwrap().counts.envelopes, 1);
    assert_eq!(reconcile(&audit, &audits[2]), []);
    let contains = |name: &str| shown.values().any(|bytes| bytes.windows(name.len()).any(|w| w == name.as_bytes()));
    assert!(contains(lt.origin().as_str()));
    assert!(!shown.keys().any(|path| path.contains(&format!("/{}/", ee.origin().node().lower()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_that_cannot_be_compared_are_no_disagreement_and_excuse_no_finding() {
    let dir = tempfile::tempdir().unwrap();
    let [no, ee, lt] = &exchanged(dir.path()).await;
    let for_lt = Scope::For(NodeId::parse("LT").unwrap());
    let (shown, _) = bundle::write(&no.node, for_lt, MemoryBundle::new()).unwrap();
    let at = ["no", "ee", "lt", "no-for-lt"].map(|name| dir.path().join(name).with_extension("bundle"));
    for (bundle, root) in [national(no), national(ee), national(lt), shown].iter().zip(&at) {
        on_disk(bundle, root);
    }
    let [no, ee, lt, no_for_lt] = at.each_ref().map(|root| root.to_str().unwrap());
    for (a, b, why) in [
        (ee, lt, "have exchanged nothing, and did not both know each other"),
        (no, no, "both bundles are of varde.example/no/1"),
        (no_for_lt, ee, "leaves EE out"),
    ] {
        let outcome = varde(&["audit", "reconcile", a, b]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains("error: cannot be compared: ") && outcome.stderr.contains(why), "{outcome:?}");
        assert!(outcome.stderr.contains("what to do: ") && !outcome.stdout.contains("AGREE"), "{outcome:?}");
        let scripted = varde(&["audit", "reconcile", a, b, "--json"]);
        let error: Value = serde_json::from_str(&scripted.stderr).unwrap();
        assert_eq!(error["error"]["reason"].as_str(), Some("not-comparable"));
        let told: Value = serde_json::from_str(&scripted.stdout).unwrap();
        let told = codes(&told);
        assert_eq!((told.first(), told.last()), (Some(&"unpinned-identity"), Some(&"not-comparable")), "{told:?}");
    }
    // A reason not to compare never stands alone where something is wrong.
    let victim = at[3].join("openings/000");
    let mut bytes = std::fs::read(&victim).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let found = varde(&["audit", "reconcile", no_for_lt, ee, "--json"]).json(3).unwrap();
    let unpinned = "unpinned-identity";
    assert_eq!(codes(&found), [unpinned, "file-changed", unpinned, "not-comparable"], "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_clean_with_0_and_names_a_changed_byte_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let [no, ee, _] = &exchanged(dir.path()).await;
    let (at_no, at_ee) = (dir.path().join("no.bundle"), dir.path().join("ee.bundle"));
    on_disk(&national(no), &at_no);
    on_disk(&national(ee), &at_ee);
    let (no_path, ee_path) = (at_no.to_str().unwrap(), at_ee.to_str().unwrap());
    let trust = given(no).trusted[0].fingerprint.to_string();

    let clean = varde(&["audit", "verify", no_path, "--trust", &trust, "--json"]).json(0).unwrap();
    assert_eq!(codes(&clean), ["no-outside-view"]);
    let leaves = national(no)["checkpoint"].split(|byte| *byte == b'\n').nth(1).unwrap().to_vec();
    assert_eq!(clean[0]["index"].as_u64(), String::from_utf8(leaves).unwrap().parse().ok());
    let unpinned = varde(&["audit", "verify", no_path, "--json"]).json(0).unwrap();
    assert_eq!(codes(&unpinned), ["unpinned-identity", "no-outside-view"]);
    assert!(unpinned[0]["text"].as_str().unwrap().contains(&trust));
    assert_eq!(
        (unpinned[0]["severity"].as_str(), unpinned[0]["origin"].as_str()),
        (Some("note"), Some("varde.example/no/1"))
    );
    let both = varde(&["audit", "reconcile", no_path, ee_path, "--json"]).json(0).unwrap();
    assert_eq!(codes(&both), ["unpinned-identity", "unpinned-identity"]);

    let victim = at_no.join("openings/000");
    let mut bytes = std::fs::read(&victim).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let changed = varde(&["audit", "verify", no_path, "--trust", &trust, "--json"]).json(3).unwrap();
    assert_eq!(codes(&changed), ["file-changed", "no-outside-view"]);
    let text = varde(&["audit", "verify", no_path]);
    assert_eq!(text.code, Some(3));
    assert!(text.stdout.contains("openings/000") && text.stderr.contains("ask for the bundle again"), "{text:?}");
    assert_eq!(varde(&["audit", "verify", no_path, "--trust", "12"]).code, Some(2));

    // What a hostile bundle names its files is text in the page, which is written once.
    std::fs::write(at_no.join("<script>alert(1)<"), b"x").unwrap();
    let page = dir.path().join("no.html");
    let report = ["--report", page.to_str().unwrap()];
    for verb in [&["verify", no_path][..], &["reconcile", no_path, ee_path]] {
        assert_eq!(varde(&[&["audit"], verb, &report].concat()).code, Some(3));
        let written = std::fs::read_to_string(&page).unwrap();
        assert!(written.contains("&lt;script&gt;alert(1)&lt;") && !written.contains("<script"), "{written}");
        let again = varde(&[&["audit"], verb, &report, &["--json"]].concat());
        assert_eq!((again.code, std::fs::read_to_string(&page).unwrap() == written), (Some(2), true), "{again:?}");
        std::fs::remove_file(&page).unwrap();
    }
    let told = varde(&["audit", "explain", "file-changed", "--json"]).json(0).unwrap();
    assert_eq!((told["code"].as_str(), told["who"].as_str()), (Some("file-changed"), Some("you, the auditor")));
    let listed = varde(&["audit", "explain", "--list", "--json"]).json(0).unwrap();
    let known: Vec<&str> = varde_proto::audit::codes::ALL.iter().map(|code| code.name).collect();
    assert_eq!(codes(&listed), known);
    assert_eq!(varde(&["audit", "explain", "no-such-code"]).code, Some(2));
    assert_eq!(varde(&["audit", "verify", dir.path().to_str().unwrap()]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_in_a_bundle_is_a_proof_that_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [no, ee, _] = &exchanged(dir.path()).await;
    let bundle = national(no);
    let packed = &bundle["receipts/varde.example/ee/1/2/000"];
    let receipts = varde_proto::log::tiles::read_bundle(packed).unwrap();
    assert_eq!(receipts.len(), 4);
    let root = dir.path().join("no.bundle");
    on_disk(&bundle, &root);
    let take = ["audit", "receipt", root.to_str().unwrap(), "--from", "EE", "--class", "2", "--seq", "1"];
    let document = varde(&[&take[..], &["--json"]].concat()).json(0).unwrap();
    assert_eq!(document["proof"].as_str().map(str::as_bytes), Some(receipts[0]));
    assert_eq!((document["from"].as_str(), document["class"].as_u64()), (Some("EE"), Some(2)));
    assert_eq!(varde(&take).ok().unwrap().as_bytes(), receipts[0]);
    let (file, policy) = (dir.path().join("a.tlog-proof"), dir.path().join("policy"));
    std::fs::write(&file, receipts[0]).unwrap();
    let vkey = varde_proto::log::head::log_vkey(ee.origin(), &ee.keys[1].public()).unwrap();
    std::fs::write(&policy, format!("log {}\nquorum none\n", vkey.text())).unwrap();
    let paths = [file.to_str().unwrap(), policy.to_str().unwrap()];
    let proof = varde(&["audit", "proof", paths[0], "--policy", paths[1], "--json"]).json(0).unwrap();
    assert_eq!((proof["verified"].as_bool(), proof["event"]["kind"].as_str()), (Some(true), Some("received")));
    assert_eq!(proof["origin"].as_str(), Some(ee.origin().as_str()));

    // Without its opening it shows that the tree was signed and nothing else, which no reader should take for a receipt.
    let cut = TlogProof { extra: None, ..TlogProof::parse(receipts[0]).unwrap() };
    std::fs::write(&file, cut.write()).unwrap();
    let bare = varde(&["audit", "proof", paths[0], "--policy", paths[1], "--json"]).json(3).unwrap();
    assert_eq!(
        (bare["verified"].as_bool(), bare["findings"][0]["code"].as_str()),
        (Some(false), Some("entry-not-given"))
    );
    std::fs::write(&file, receipts[0]).unwrap();

    let other = varde_proto::log::head::log_vkey(no.origin(), &no.keys[1].public()).unwrap();
    std::fs::write(&policy, format!("log {}\nquorum none\n", other.text())).unwrap();
    let refused = varde(&["audit", "proof", paths[0], "--policy", paths[1], "--json"]).json(3).unwrap();
    assert_eq!(refused["findings"][0]["code"].as_str(), Some("proof-untrusted"));
}

/// Another system's proof need not say what it is of: the reader brings that, or is told what was not checked.
#[test]
fn a_proof_of_another_system_is_verified_as_far_as_its_reader_says_what_was_logged() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (entries, key) = ([&b"one"[..], b"two"], SecretKey::from_seed(&[7; 32].into()));
    let leaves = entries.map(merkle::leaf_hash);
    let checkpoint = Checkpoint::new("log.example", TreeSize(2), merkle::node_hash(&leaves[0], &leaves[1])).unwrap();
    let mut note = Note::new(&checkpoint.text()).unwrap();
    note.sign("log.example", &key).unwrap();
    let proof = TlogProof { extra: None, index: LogIndex(1), path: vec![leaves[0]], checkpoint: note };
    let vkey = Vkey::new("log.example", KeyMaterial::Ed25519(key.public())).unwrap();
    for (name, bytes) in [("entry", entries[1].to_vec()), ("other", entries[0].to_vec()), ("p", proof.write().into())] {
        std::fs::write(at(name), bytes).unwrap();
    }
    std::fs::write(at("policy"), format!("log {}\nquorum none\n", vkey.text())).unwrap();
    let check = |more: &[&str], code| {
        let told =
            varde(&[&["audit", "proof", &at("p"), "--policy", &at("policy"), "--json"], more].concat()).json(code);
        let told = told.unwrap();
        (told["verified"].as_bool().unwrap(), codes(&told["findings"]).join(" "))
    };
    assert_eq!(check(&["--entry", &at("entry")], 0), (true, "unwitnessed".into()));
    assert_eq!(check(&["--entry", &at("other")], 3), (false, "not-included".into()));
    assert_eq!(check(&[], 3), (false, "entry-not-checked unwitnessed".into()));
}

#[test]
fn a_running_node_shows_its_log_and_exports_what_an_auditor_verifies() {
    let home = tempfile::tempdir().unwrap();
    let mut no = Process::init(home.path(), "NO").unwrap();
    let mut ee = Process::init(home.path(), "EE").unwrap();
    pin_all(&[&no, &ee]).unwrap();
    no.start().unwrap();
    ee.start().unwrap();
    let kinds = |country: &Process| {
        let shown = country.varde(&["log", "show", "--json"]).unwrap().json(0).unwrap();
        let leaves = shown.as_array().unwrap().iter().filter(|line| line["journal"] == false);
        leaves.map(|line| line["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let met = ["genesis", "policy", "roster", "agreement", "policy", "agreement"];
    for country in [&no, &ee] {
        until("both to accept the agreement", SOON, || (kinds(country) == met).then_some(())).unwrap();
    }
    let standing = no.varde(&["log", "status", "--json"]).unwrap().json(0).unwrap();
    assert_eq!(standing["size"].as_u64(), Some(6));
    let head = no.varde(&["log", "status", "--head"]).unwrap().ok().unwrap();
    assert!(head.starts_with("varde.example/no/1\n6\n"), "{head}");
    let view = home.path().join("no.head");
    std::fs::write(&view, head).unwrap();

    let mut bundles = Vec::new();
    let mut trusted = Vec::new();
    for country in [&no, &ee] {
        let out = home.path().join(format!("{}.bundle", country.code()));
        let out = out.to_str().unwrap().to_owned();
        let written = country.varde(&["log", "export", "--out", &out, "--json"]).unwrap().json(0).unwrap();
        assert!(written["files"].as_u64() > Some(8));
        let again = country.varde(&["log", "export", "--out", &out]).unwrap();
        assert_eq!(again.code, Some(2), "an existing folder was written over");
        trusted.push(country.varde(&["peer", "fingerprint"]).unwrap().ok().unwrap().trim().to_owned());
        bundles.push(out);
    }
    let by = [&trusted[0], &trusted[1]];
    let verified =
        varde(&["audit", "verify", &bundles[0], "--trust", by[0], "--view", view.to_str().unwrap(), "--json"]);
    assert_eq!(codes(&verified.json(0).unwrap()), Vec::<&str>::new());
    let other = varde(&["audit", "verify", &bundles[1], "--view", view.to_str().unwrap(), "--json"]);
    assert!(other.code == Some(2) && other.stderr.contains("view-of-another-log"), "{}", other.stderr);
    assert!(["no.head", "varde.example/no/1", "varde.example/ee/1"].iter().all(|one| other.stderr.contains(one)));
    let reconciled =
        varde(&["audit", "reconcile", &bundles[0], &bundles[1], "--trust", by[0], "--trust", by[1], "--json"]);
    assert_eq!(codes(&reconciled.json(0).unwrap()), ["nothing-exchanged"]);
    no.stop().unwrap();
    ee.stop().unwrap();
}
