//! What another implementation signs: cosignatures that Python's `cryptography` makes on a proof that a node exported, and no
//! byte of such a proof may change. Without that library the first test says so; `.ci/run` provides it.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::bundle;
use varde_proto::audit::{MemoryBundle, Scope};
use varde_proto::id::Digest;
use varde_proto::identity::SecretKey;
use varde_proto::log::head::log_vkey;
use varde_proto::log::policy::Policy;
use varde_proto::log::proof::{Shown, verify};
use varde_proto::log::vkey::{KeyMaterial, Vkey};
use varde_proto::log::{Checkpoint, TlogProof, cosignature, tiles};
use varde_tests::harness::{binaries, run};
use varde_tests::pair::{Country, connect, release, route};
use zeroize::Zeroizing;

const SECONDS: u64 = 1_795_300_000;
const WITNESSES: [(&str, u8); 2] = [("witness.example/one", 91), ("witness.example/two", 92)];

/// A receipt as EE's log gave it and NO exported it, and what makes it believed.
struct Exported {
    proof: TlogProof,
    leaf: Digest,
    log: Vkey,
    dir: tempfile::TempDir,
}

async fn exported() -> Exported {
    let dir = tempfile::tempdir().unwrap();
    let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
    let ee = Country::open("EE", Arc::new(MemoryStore::default()), &dir.path().join("EE")).await;
    let _links = connect(&no, &ee).await;
    let kept = release(&no, route(Digest::of(b"cosigned").0[..16].try_into().unwrap()), &["EE"]).await;
    let soon = std::time::Duration::from_secs(120);
    varde_node::flow::delivery::wait(&no.node.ledger, kept, soon).await.unwrap();
    let bundle = bundle::write(&no.node, Scope::National, MemoryBundle::new()).unwrap().0;
    let receipts = tiles::read_bundle(&bundle["receipts/varde.example/ee/1/2/000"]).unwrap();
    let proof = TlogProof::parse(receipts[0]).unwrap();
    let leaf = proof.opening().unwrap().entry().leaf_hash();
    let log = log_vkey(ee.origin(), &ee.keys[1].public()).unwrap();
    Exported { proof, leaf, log, dir }
}

/// The proof without its opening and with our own cosignatures, and the policy that requires every line.
fn cosigned(exported: &Exported) -> (TlogProof, String) {
    let mut proof = TlogProof { extra: None, ..exported.proof.clone() };
    let checkpoint = Checkpoint::parse(proof.checkpoint.text()).unwrap();
    let mut policy = format!("log {}\n", exported.log.text());
    for (n, (name, seed)) in WITNESSES.into_iter().enumerate() {
        let key = SecretKey::from_seed(&Zeroizing::new([seed; 32]));
        proof.checkpoint.add(cosignature::sign(&checkpoint, name, SECONDS, &key).unwrap()).unwrap();
        let vkey = Vkey::new(name, KeyMaterial::Cosignature(key.public())).unwrap();
        policy += &format!("witness w{n} {}\n", vkey.text());
    }
    (proof, policy + "group every all w0 w1\nquorum every\n")
}

fn audit(dir: &Path, proof: &[u8], policy: &str, leaf: Digest) -> (Option<i32>, Value) {
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    std::fs::write(at("proof"), proof).unwrap();
    std::fs::write(at("policy"), policy).unwrap();
    let (proof, policy, leaf) = (at("proof"), at("policy"), leaf.to_string());
    let args = ["audit", "proof", &proof, "--policy", &policy, "--leaf", &leaf, "--json"];
    let outcome = run(Command::new(&binaries().unwrap().varde).env_remove("VARDE_DIR").args(args)).unwrap();
    (outcome.code, serde_json::from_str(&outcome.stdout).unwrap())
}

/// A Python with the library, or `None`, said aloud.
fn python() -> Option<String> {
    let python = std::env::var("VARDE_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = Command::new(&python).args(["-c", "import cryptography"]).output();
    if import.is_ok_and(|outcome| outcome.status.success()) {
        return Some(python);
    }
    println!("skipped: {python} has no `cryptography` (Debian: python3-cryptography, or name another in VARDE_PYTHON)");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn cosignatures_of_an_independent_implementation_are_accepted_and_are_ours_byte_for_byte() {
    let exported = exported().await;
    let (ours, policy) = cosigned(&exported);
    let file = exported.dir.path().join("bare");
    std::fs::write(&file, TlogProof { extra: None, ..exported.proof.clone() }.write()).unwrap();
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/cosign.py");
    let seed = |(name, seed): (&str, u8)| format!("{name}:04:{}", format!("{seed:02x}").repeat(32));
    let args = [script.to_str().unwrap(), file.to_str().unwrap(), &exported.log.text(), &SECONDS.to_string()];
    let made = run(Command::new(python).args(args).args(WITNESSES.map(seed))).unwrap().json(0).unwrap();
    let (proof, their_policy) = (made["proof"].as_str().unwrap(), made["policy"].as_str().unwrap());
    assert_eq!((proof, their_policy), (ours.write().as_str(), policy.as_str()));
    let (code, told) = audit(exported.dir.path(), proof.as_bytes(), their_policy, exported.leaf);
    assert_eq!((code, told["verified"].as_bool()), (Some(0), Some(true)), "{told}");
    let by: Vec<_> = told["witnesses"].as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap()).collect();
    assert_eq!(by, ["w0", "w1"]);
}

/// The library's own signatures are random, so it is its line that we verify, and ours whose key must be the same.
#[cfg(feature = "post-quantum")]
#[tokio::test(flavor = "multi_thread")]
async fn a_post_quantum_cosignature_of_an_independent_implementation_is_accepted() {
    use varde_proto::log::quantum::QuantumKey;
    let exported = exported().await;
    let file = exported.dir.path().join("bare");
    std::fs::write(&file, TlogProof { extra: None, ..exported.proof.clone() }.write()).unwrap();
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/cosign.py");
    let (name, seed) = ("witness.example/anchor", 93);
    let args = [script.to_str().unwrap(), file.to_str().unwrap(), &exported.log.text(), &SECONDS.to_string()];
    let cosigner = format!("{name}:06:{}", format!("{seed:02x}").repeat(32));
    let made = run(Command::new(python).args(args).arg(cosigner)).unwrap().json(0).unwrap();
    let policy = made["policy"].as_str().unwrap();
    let vkey = Vkey::new(name, QuantumKey::from_seed(&Zeroizing::new([seed; 32])).public()).unwrap();
    assert!(policy.contains(&vkey.text()), "another key of the same seed");
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let good = made["proof"].as_str().unwrap().as_bytes().to_vec();
    let accepted = |bytes: &[u8]| {
        TlogProof::parse(bytes).is_ok_and(|proof| verify(&proof, &policy, Shown::Leaf(exported.leaf)).is_ok())
    };
    assert!(accepted(&good));
    for place in (0..good.len()).step_by(7) {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(!accepted(&changed), "byte {place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_single_byte_of_a_proof_whose_every_line_is_required_can_be_changed() {
    let exported = exported().await;
    let (proof, text) = cosigned(&exported);
    let (good, policy) = (proof.write().into_bytes(), Policy::parse(text.as_bytes()).unwrap());
    let accepted = |bytes: &[u8]| {
        TlogProof::parse(bytes).is_ok_and(|proof| verify(&proof, &policy, Shown::Leaf(exported.leaf)).is_ok())
    };
    assert!(accepted(&good));
    let mut tried = 0;
    let mut refuse = |changed: &[u8], place: usize| {
        tried += 1;
        assert!(!accepted(changed), "byte {place}: {:?}", String::from_utf8_lossy(changed));
    };
    for place in 0..good.len() {
        let every = place % 24 == 0;
        let bits = (0..8).map(|bit| good[place] ^ (1 << bit));
        let likely = *b"\0\t\n\r +-=/09AZaz\x80\xff";
        let values: Vec<u8> = if every { (0..=255).collect() } else { bits.chain(likely).collect() };
        for value in values.into_iter().filter(|value| *value != good[place]) {
            let mut changed = good.clone();
            changed[place] = value;
            refuse(&changed, place);
        }
        refuse(&[&good[..place], &good[place + 1..]].concat(), place);
        refuse(&[&good[..=place], &good[place..]].concat(), place);
        refuse(&good[..place], place);
    }
    assert!(tried > 20 * good.len(), "only {tried} changes were tried");
    // The command line says the same, of a change in the middle of each line.
    let mut start = 0;
    for line in good.split_inclusive(|byte| *byte == b'\n') {
        let mut changed = good.clone();
        changed[start + line.len() / 2] ^= 1;
        start += line.len();
        let (code, told) = audit(exported.dir.path(), &changed, &text, exported.leaf);
        assert_eq!((code, told["verified"].as_bool()), (Some(3), Some(false)), "{told}");
    }
    assert_eq!(audit(exported.dir.path(), &good, &text, exported.leaf).0, Some(0));
}
