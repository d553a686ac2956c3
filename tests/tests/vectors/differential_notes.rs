//! Notes and checkpoints signed here and verified by `signed_note` and `tlog_tiles`, and the other way round; policies,
//! cosignatures and inclusion against `sigsum`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use signed_note::{Note as TheirNote, StandardSigner, StandardVerifier, VerifierList};
use std::fmt::Write as _;
use varde_proto::id::{Digest, LogIndex, TreeSize, hex};
use varde_proto::identity::SecretKey;
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Checkpoint, Note, Policy, Tree, Vkey, cosignature, merkle};

fn key(seed: [u8; 32]) -> SecretKey {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    SecretKey::from_pem(&ed25519_dalek::SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

fn vkey(name: &str, seed: [u8; 32]) -> Vkey {
    Vkey::new(name, KeyMaterial::Ed25519(key(seed).public())).unwrap()
}

/// The signer key of Go's notes.
fn signer_key(name: &str, seed: [u8; 32]) -> String {
    let id = hex(&vkey(name, seed).id().to_be_bytes());
    format!("PRIVATE+KEY+{name}+{id}+{}", STANDARD.encode([&[1], &seed[..]].concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn notes_signed_by_one_are_verified_by_the_other(
        text in "[ -~\u{e9}\u{2014}\n]{0,200}", name in "[a-z./\u{e9}]{1,40}", seed in any::<[u8; 32]>()
    ) {
        let text = format!("{text}\n");
        let verifiers = || VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey(&name, seed).text()).unwrap())]);
        let mut note = Note::new(&text).unwrap();
        note.sign(&name, &key(seed)).unwrap();
        let read = TheirNote::from_bytes(note.write().as_bytes()).unwrap();
        prop_assert_eq!(read.verify(&verifiers()).unwrap().0.len(), 1);

        let mut theirs = TheirNote::new(text.as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&StandardSigner::new(&signer_key(&name, seed)).unwrap()]).unwrap();
        let bytes = theirs.to_bytes();
        prop_assert_eq!(note.write().into_bytes(), bytes.clone());
        prop_assert_eq!(Note::parse(&bytes).unwrap().verify(&[vkey(&name, seed)]).map(|lines| lines.len()), Ok(1));
    }

    #[test]
    fn checkpoints_are_those_of_another_implementation(
        origin in "[a-z./ ]{1,60}", size in any::<u64>(), root in any::<[u8; 32]>()
    ) {
        let theirs = tlog_tiles::checkpoint::Checkpoint::new(&origin, size, tlog_tiles::tlog::Hash(root), "").unwrap();
        let ours = Checkpoint::new(&origin, TreeSize(size), Digest(root)).unwrap();
        prop_assert_eq!(theirs.to_bytes(), ours.text().into_bytes());
        prop_assert_eq!(Checkpoint::parse(&ours.text()), Ok(ours));
    }

    #[test]
    fn quorums_are_those_of_another_implementation(shape in shape(), cosigned in any::<u8>()) {
        let ours = Policy::parse(policy_file(&shape, |seed| {
            Vkey::new(&format!("w{}.example", seed[0]), KeyMaterial::Cosignature(key(seed).public())).unwrap().text()
        }).as_bytes()).unwrap();
        let theirs = sigsum::Policy::parse(&policy_file(&shape, |seed| hex(&key(seed).public().bytes()))).unwrap();
        let who: Vec<usize> = (0..WITNESSES).filter(|n| cosigned >> n & 1 == 1).collect();
        let hashes: Vec<sigsum::Hash> = who.iter().map(|n| sigsum::Hash::new(key(seed(*n)).public().bytes())).collect();
        prop_assert_eq!(ours.is_quorum(&who), theirs.check_quorum(&hashes));
    }

    #[test]
    fn what_we_log_and_cosign_another_implementation_verifies(
        size in 1u64..60, pick in any::<u64>(), message in any::<[u8; 32]>(), time in 0u64..(1 << 40), broken in any::<bool>()
    ) {
        let (text, policy, mut proof) = sigsum_proof(size, pick % size, message, time);
        if broken {
            // A changed time is another message to the witness: refused by both.
            proof = proof.replace(&format!(" {time} "), &format!(" {} ", time + 1));
        }
        let signature = sigsum::SigsumSignature::from_ascii(&proof).unwrap();
        let signers = [sigsum::PublicKey::from(key(SUBMITTER).public().bytes())];
        let verdict = sigsum::verify(&sigsum::Hash::from(message), &signature, &signers, &policy);
        prop_assert_eq!(verdict.is_ok(), !broken, "{:?} {}", verdict, text);
    }
}

const WITNESSES: usize = 6;
const LOG: [u8; 32] = [200; 32];
const SUBMITTER: [u8; 32] = [201; 32];
const WITNESS: [u8; 32] = [202; 32];

fn seed(n: usize) -> [u8; 32] {
    [n as u8; 32]
}

/// Two groups over six witnesses and a group over both, with thresholds.
fn shape() -> impl Strategy<Value = (usize, [usize; 3])> {
    (1..WITNESSES).prop_flat_map(|cut| (Just(cut), [1..=cut, 1..=WITNESSES - cut, 1..=2]))
}

fn policy_file(shape: &(usize, [usize; 3]), key: impl Fn([u8; 32]) -> String) -> String {
    let (cut, [first, second, both]) = shape;
    let mut file = String::new();
    for n in 0..WITNESSES {
        writeln!(file, "witness w{n} {}", key(seed(n))).unwrap();
    }
    let names = |range: std::ops::Range<usize>| range.map(|n| format!(" w{n}")).collect::<String>();
    writeln!(file, "group a {first}{}\ngroup b {second}{}", names(0..*cut), names(*cut..WITNESSES)).unwrap();
    writeln!(file, "group c {both} a b\nquorum c").unwrap();
    file
}

/// A leaf of the sigsum format in a tree of ours, under a checkpoint that we sign and cosign.
fn sigsum_proof(size: u64, index: u64, message: [u8; 32], time: u64) -> (String, sigsum::Policy, String) {
    let key_hash = |seed| Digest::of(&key(seed).public().bytes());
    let checksum = Digest::of(&message);
    let leaf_signature = key(SUBMITTER).sign(&[b"sigsum.org/v1/tree-leaf\0", &checksum.0[..]].concat());
    let leaf = [&checksum.0[..], &leaf_signature, &key_hash(SUBMITTER).0].concat();
    let mut tree = Tree::default();
    for n in 0..size {
        tree.push(merkle::leaf_hash(if n == index { &leaf } else { b"other" }));
    }
    let origin = format!("sigsum.org/v1/tree/{}", key_hash(LOG));
    let checkpoint = Checkpoint::new(&origin, TreeSize(size), tree.root()).unwrap();
    let mut note = Note::new(&checkpoint.text()).unwrap();
    note.sign(&origin, &key(LOG)).unwrap();
    let cosigned = cosignature::sign(&checkpoint, "w.example", time, &key(WITNESS)).unwrap();
    let (_, cosignature) = cosignature::stated(cosigned.signature()).unwrap();

    let mut proof =
        format!("version=2\nlog={}\nleaf={} {}\n\n", key_hash(LOG), key_hash(SUBMITTER), hex(&leaf_signature));
    writeln!(proof, "size={size}\nroot_hash={}\nsignature={}", tree.root(), hex(note.signatures()[0].signature()))
        .unwrap();
    writeln!(proof, "cosignature={} {time} {}", key_hash(WITNESS), hex(cosignature)).unwrap();
    writeln!(proof, "\nleaf_index={index}").unwrap();
    for hash in tree.inclusion(LogIndex(index), TreeSize(size)).unwrap() {
        writeln!(proof, "node_hash={hash}").unwrap();
    }
    let (log, witness) = (hex(&key(LOG).public().bytes()), hex(&key(WITNESS).public().bytes()));
    let policy = sigsum::Policy::parse(&format!("log {log}\nwitness w {witness}\nquorum w\n")).unwrap();
    (checkpoint.text(), policy, proof)
}
