use super::*;
use crate::id::{Digest, TreeSize};
use crate::identity::SecretKey;
use crate::log::cosignature;
use crate::log::note::SignatureLine;
use zeroize::Zeroizing;

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn log(seed: u8) -> String {
    Vkey::new("log.example", KeyMaterial::Ed25519(key(seed).public())).unwrap().text()
}

fn wit(seed: u8) -> String {
    Vkey::new(&format!("wit{seed}.example"), KeyMaterial::Cosignature(key(seed).public())).unwrap().text()
}

fn policy(lines: &str) -> Result<Policy, BadPolicy> {
    Policy::parse(lines.replace("L1", &log(1)).replace("W2", &wit(2)).replace("W3", &wit(3)).as_bytes())
}

/// A checkpoint signed by the log and cosigned by witnesses 2.. as asked.
fn checkpoint(witnesses: &[u8]) -> Note {
    let checkpoint = Checkpoint::new("log.example", TreeSize(1), Digest([1; 32])).unwrap();
    let mut note = Note::new(&checkpoint.text()).unwrap();
    note.sign("log.example", &key(1)).unwrap();
    for seed in witnesses {
        let name = format!("wit{seed}.example");
        note.add(cosignature::sign(&checkpoint, &name, 1000 + u64::from(*seed), &key(*seed)).unwrap()).unwrap();
    }
    note
}

#[test]
fn a_quorum_is_met_or_named_as_missing() {
    let two = policy("# ours\nlog L1\nwitness a W2 https://a.example\n\twitness b W3\ngroup g all a b\nquorum g\n");
    let two = two.unwrap();
    assert_eq!(two.check(&checkpoint(&[2, 3])).unwrap().witnesses, [("a".into(), 1002), ("b".into(), 1003)]);
    assert_eq!(two.check(&checkpoint(&[3])), Err(Unsatisfied::Quorum(vec!["b".into()])));
    let none = policy("log L1\nquorum none\n").unwrap();
    assert!(!none.check(&checkpoint(&[])).unwrap().witnessed);
}

#[test]
fn an_unknown_log_and_a_forged_cosignature_are_refused() {
    let known = policy("log L1\nwitness a W2\nquorum none\n").unwrap();
    let mut other = Note::new(&checkpoint(&[]).text().replace("log.", "gol.")).unwrap();
    other.sign("gol.example", &key(1)).unwrap();
    assert_eq!(known.check(&other), Err(Unsatisfied::UnknownLog("gol.example".into())));
    let forged = checkpoint(&[2]).write().replace("log.example\n1\n", "log.example\n2\n");
    let mut forged = Note::parse(forged.as_bytes()).unwrap();
    assert!(matches!(known.check(&forged), Err(Unsatisfied::Note(BadNote::Signature(_)))));
    forged.sign("log.example", &key(4)).unwrap();
    assert!(known.check(&forged).is_err());
    // Another log that the policy knows signs for itself alone, and what claims to be by it must verify.
    let gol = Vkey::new("gol.example", KeyMaterial::Ed25519(key(6).public())).unwrap();
    let both = policy(&format!("log L1\nlog {}\nquorum none\n", gol.text())).unwrap();
    let mut beside = checkpoint(&[]);
    beside.sign("gol.example", &key(6)).unwrap();
    assert!(both.check(&beside).is_ok());
    let line = SignatureLine::new("gol.example", gol.id(), &[0; 64]).unwrap();
    beside.add(line).unwrap();
    assert_eq!(both.check(&beside), Err(Unsatisfied::Note(BadNote::Signature("gol.example".into()))));
    let mut alone = Note::new(checkpoint(&[]).text()).unwrap();
    alone.sign("gol.example", &key(6)).unwrap();
    assert_eq!(both.check(&alone), Err(Unsatisfied::Unsigned("log.example".into())));
}

#[test]
fn each_broken_rule_of_a_policy_file_is_named_with_its_line() {
    for (lines, wrong) in [
        ("log L1\n", BadPolicy::Quorum),
        ("quorum none\nquorum none\n", BadPolicy::Quorum),
        ("log L1\nlog L1\nquorum none\n", BadPolicy::RepeatedKey(2)),
        ("witness a L1\nquorum none\n", BadPolicy::KeyUse(1)),
        ("witness none W2\nquorum none\n", BadPolicy::Taken(1)),
        ("witness a W2\nwitness a W3\nquorum a\n", BadPolicy::Taken(2)),
        ("quorum a\nwitness a W2\n", BadPolicy::Undefined(1)),
        ("witness a W2\ngroup g 2 a\nquorum g\n", BadPolicy::Threshold(2)),
        ("witness a W2\ngroup g 0 a\nquorum g\n", BadPolicy::Threshold(2)),
        ("witness a W2\ngroup g all a a\nquorum g\n", BadPolicy::Shared(2)),
        ("witness a W2\ngroup g any a\ngroup h any a\nquorum h\n", BadPolicy::Shared(3)),
        ("group g any none\nquorum g\n", BadPolicy::Undefined(1)),
        ("witness a W2\ngroup g 01 a\nquorum g\n", BadPolicy::Line(2)),
        ("log\u{b}L1\nquorum none\n", BadPolicy::Control(1)),
        ("log x+y\nquorum none\n", BadPolicy::Key(1, BadVkey::Form)),
        ("logs L1\nquorum none\n", BadPolicy::Line(1)),
    ] {
        assert_eq!(policy(lines), Err(wrong), "{lines}");
    }
}
