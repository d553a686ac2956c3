//! Proofs that another implementation made: its tree, its signature, its file; and bytes that nobody made.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use signed_note::{Note as TheirNote, Signature};
use tlog_tiles::checkpoint::Checkpoint as TheirCheckpoint;
use tlog_tiles::tlog::{self, Hash, HashReader};
use varde_proto::id::Digest;
use varde_proto::identity::PublicKey;
use varde_proto::log::event::Event;
use varde_proto::log::merkle::BadProof;
use varde_proto::log::policy::{Policy, Unsatisfied};
use varde_proto::log::proof::{Leaf, Refused, Shown, TlogProof, verify};
use varde_proto::log::tiles::{Tile, read_bundle};
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Note, Opening, Vkey};

#[derive(Default)]
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

/// A name with a key; with a time, a witness.
struct Key {
    name: &'static str,
    key: SigningKey,
    time: Option<u64>,
}

impl Key {
    fn vkey(&self) -> Vkey {
        let public = PublicKey::enrol(self.key.verifying_key().as_bytes()).unwrap();
        let material =
            if self.time.is_some() { KeyMaterial::Cosignature(public) } else { KeyMaterial::Ed25519(public) };
        Vkey::new(self.name, material).unwrap()
    }

    /// A line over a note's text, made by hand.
    fn line(&self, text: &[u8]) -> Signature {
        let bytes = match self.time {
            None => self.key.sign(text).to_bytes().to_vec(),
            Some(time) => {
                let signed = [format!("cosignature/v1\ntime {time}\n").as_bytes(), text].concat();
                [&time.to_be_bytes()[..], &self.key.sign(&signed).to_bytes()].concat()
            }
        };
        Signature::new(self.name.to_owned(), self.vkey().id(), bytes).unwrap()
    }
}

fn key(name: &'static str, seed: u8, time: Option<u64>) -> Key {
    Key { name, key: SigningKey::from_bytes(&[seed; 32]), time }
}

/// A proof of entry `index` among `size`, as a log of another make would hand it out.
fn foreign(size: u64, index: u64, extra: Option<&[u8]>) -> Vec<u8> {
    let mut stored = Stored::default();
    for n in 0..size {
        let hashes = tlog::stored_hashes(n, format!("entry {n}").as_bytes(), &stored).unwrap();
        stored.0.extend(hashes);
    }
    let root = tlog::tree_hash(size, &stored).unwrap();
    let checkpoint = TheirCheckpoint::new("log.example/other", size, root, "an extension line\n").unwrap();
    let text = checkpoint.to_bytes();
    let signers = [key("log.example/other", 1, None), key("w.example/one", 2, Some(1_795_291_200))];
    let note = TheirNote::new(&text, &signers.map(|signer| signer.line(&text))).unwrap();
    let mut proof = String::from("c2sp.org/tlog-proof@v1\n");
    if let Some(extra) = extra {
        proof += &format!("extra {}\n", STANDARD.encode(extra));
    }
    proof += &format!("index {index}\n");
    for hash in tlog::prove_record(size, index, &stored).unwrap() {
        proof += &format!("{}\n", STANDARD.encode(hash.0));
    }
    [format!("{proof}\n").as_bytes(), &note.to_bytes()].concat()
}

fn policy(quorum: &str) -> Policy {
    let (log, one, two) =
        (key("log.example/other", 1, None), key("w.example/one", 2, Some(0)), key("w.example/two", 3, Some(0)));
    let file = format!(
        "log {}\nwitness one {}\nwitness two {}\ngroup both all one two\nquorum {quorum}\n",
        log.vkey().text(),
        one.vkey().text(),
        two.vkey().text()
    );
    Policy::parse(file.as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_proof_that_another_implementation_made_is_verified(size in 1u64..200, pick in any::<u64>(), broken in any::<Option<(u16, u8)>>()) {
        let index = pick % size;
        let entry = format!("entry {index}").into_bytes();
        let mut bytes = foreign(size, index, None);
        if let Some((place, bit)) = broken {
            let place = usize::from(place) % bytes.len();
            bytes[place] ^= 1 << (bit % 8);
        }
        let verdict = TlogProof::parse(&bytes).ok().and_then(|proof| verify(&proof, &policy("one"), Shown::Entry(&entry)).ok());
        prop_assert_eq!(verdict.is_some(), broken.is_none());
    }

    #[test]
    fn bytes_that_nobody_made_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = (Note::parse(&bytes), TlogProof::parse(&bytes), Policy::parse(&bytes), read_bundle(&bytes));
        prop_assert!(Event::decode(&bytes).is_err() && Opening::parse(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Tile::parse(&text), Vkey::parse(&text), varde_proto::log::Checkpoint::parse(&text));
    }
}

#[test]
fn what_a_foreign_proof_shows_depends_on_who_brings_the_entry() {
    let check = |extra: Option<&[u8]>, shown, quorum| {
        let proof = TlogProof::parse(&foreign(11, 4, extra)).unwrap();
        verify(&proof, &policy(quorum), shown).map(|verified| verified.leaf)
    };
    let leaf = Digest(tlog::record_hash(b"entry 4").0);
    assert_eq!(check(None, Shown::Leaf(leaf), "one"), Ok(Leaf::Given));
    assert_eq!(check(Some(b"entry 4"), Shown::ByItself, "one"), Ok(Leaf::Extra));
    assert_eq!(check(Some(b"a comment"), Shown::ByItself, "one"), Ok(Leaf::Unknown));
    assert_eq!(check(None, Shown::ByItself, "none"), Ok(Leaf::Unknown));
    assert_eq!(check(None, Shown::Entry(b"entry 5"), "one"), Err(Refused::Inclusion(BadProof::Root)));
    let short = Err(Refused::Policy(Unsatisfied::Quorum(vec!["one".into()])));
    assert_eq!(check(None, Shown::Leaf(leaf), "both"), short);
}
