//! A witness against a model that compares the entries themselves: another implementation makes the roots and the proofs, and
//! what must be answered follows from who has which entries, not from any hash.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use tlog_tiles::tlog::{self, Hash, HashReader};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::SecretKey;
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::witness::{self, AddCheckpoint, KnownLog, Latest, Witness};
use varde_proto::log::{Checkpoint, Note, Vkey};

const LOG: &str = "log.example/two-faced";

/// A log with two faces: the entries before `fork` are common to both.
struct Face {
    entries: Vec<String>,
    stored: Vec<Hash>,
}

impl HashReader for Face {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.stored[*index as usize]).collect())
    }
}

impl Face {
    fn new(name: &str, fork: u64, size: u64) -> Self {
        let mut face = Self { entries: Vec::new(), stored: Vec::new() };
        for n in 0..size {
            let entry = if n < fork { format!("common {n}") } else { format!("{name} {n}") };
            let hashes = tlog::stored_hashes(n, entry.as_bytes(), &face).unwrap();
            face.stored.extend(hashes);
            face.entries.push(entry);
        }
        face
    }

    fn root(&self, size: u64) -> Digest {
        if size == 0 { Digest::of(b"") } else { Digest(tlog::tree_hash(size, self).unwrap().0) }
    }

    fn proof(&self, old: u64, new: u64) -> Vec<Digest> {
        if old == 0 || old > new {
            return Vec::new();
        }
        tlog::prove_tree(new, old, self).unwrap().iter().map(|hash| Digest(hash.0)).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Spoilt {
    No,
    Longer,
    Shorter(usize),
    Flipped(usize),
}

/// One request: which face, from where (the witness's own latest size where `None`), to where, spoilt how, signed by whom.
#[derive(Debug, Clone)]
struct Step {
    second: bool,
    old: Option<u64>,
    new: u64,
    spoilt: Spoilt,
    signed: bool,
}

const MOST: u64 = 40;

fn step() -> impl Strategy<Value = Step> {
    let spoilt = prop_oneof![
        6 => Just(Spoilt::No),
        1 => Just(Spoilt::Longer),
        1 => any::<usize>().prop_map(Spoilt::Shorter),
        1 => any::<usize>().prop_map(Spoilt::Flipped),
    ];
    let old = prop_oneof![3 => Just(None), 1 => (0..=MOST).prop_map(Some)];
    (any::<bool>(), old, 0..=MOST, spoilt, proptest::bool::weighted(0.9))
        .prop_map(|(second, old, new, spoilt, signed)| Step { second, old, new, spoilt, signed })
}

fn secret(seed: u8) -> SecretKey {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    SecretKey::from_pem(&SigningKey::from_bytes(&[seed; 32]).to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

/// Spoils a proof; says whether it did.
fn spoil(proof: &mut Vec<Digest>, how: Spoilt) -> bool {
    match how {
        Spoilt::No => return false,
        Spoilt::Longer => proof.push(Digest([7; 32])),
        Spoilt::Shorter(_) | Spoilt::Flipped(_) if proof.is_empty() => return false,
        Spoilt::Shorter(at) => drop(proof.remove(at % proof.len())),
        Spoilt::Flipped(at) => {
            let count = proof.len();
            proof[at % count].0[at % 32] ^= 1;
        }
    }
    true
}

/// What the specification says, in terms of entries.
fn expected(step: &Step, old: u64, held: &[String], face: &Face, spoilt: bool) -> u16 {
    let follows = face.entries[..old.min(step.new) as usize] == *held;
    match () {
        () if !step.signed => 403,
        () if old > step.new => 400,
        () if old != held.len() as u64 => 409,
        () if spoilt || !follows => 422,
        () => 200,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_witness_answers_as_one_that_compared_every_entry(fork in 0..=MOST, steps in proptest::collection::vec(step(), 1..40)) {
        let faces = [Face::new("first", fork, MOST), Face::new("second", fork, MOST)];
        let (log, stranger, wit) = (secret(1), secret(2), secret(9));
        let keys = [Vkey::new(LOG, KeyMaterial::Ed25519(log.public())).unwrap()];
        let (mut latest, mut held) = (Latest::NONE, Vec::new());
        for step in steps {
            let face = &faces[usize::from(step.second)];
            let old = step.old.unwrap_or(held.len() as u64);
            let mut proof = face.proof(old, step.new);
            let spoilt = spoil(&mut proof, step.spoilt);
            let mut note = Note::new(&Checkpoint::new(LOG, TreeSize(step.new), face.root(step.new)).unwrap().text()).unwrap();
            note.sign(LOG, if step.signed { &log } else { &stranger }).unwrap();
            let request = AddCheckpoint::new(TreeSize(old), proof, note).unwrap();
            let request = AddCheckpoint::parse(request.write().as_bytes()).unwrap();
            let known = KnownLog { keys: &keys, extensions: false, latest };
            let verdict = witness::decide(&request, Some(known), Witness { name: "wit.example", key: &wit }, 1);
            let answer = witness::answer(&verdict);
            prop_assert_eq!(answer.status, expected(&step, old, &held, face, spoilt), "{:?} from {}", step, held.len());
            if answer.status == 409 {
                prop_assert_eq!(answer.body, format!("{}\n", held.len()));
            }
            if let Ok(cosigned) = verdict {
                latest = cosigned.latest;
                held = face.entries[..step.new as usize].to_vec();
                prop_assert_eq!(latest.root, face.root(held.len() as u64));
            }
        }
    }
}
