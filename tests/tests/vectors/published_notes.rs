//! Signed notes, checkpoints and tile paths of golang/mod, sigsum, C2SP, torchwood and azul.

use super::{cases, published, text};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use varde_proto::id::{TreeSize, unhex};
use varde_proto::identity::SecretKey;
use varde_proto::limits;
use varde_proto::log::note::BadNote;
use varde_proto::log::tiles::{self, Tile, TileKind};
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Checkpoint, Note, Vkey, cosignature};

fn known(case: &serde_json::Value) -> Vec<Vkey> {
    vec![Vkey::parse(text(case, "vkey")).unwrap()]
}

#[test]
fn published_notes_verify_and_any_other_text_or_key_does_not() {
    let Some(vectors) = published("notes/signed_notes.json") else { return };
    let mut mutations = 0;
    for case in cases(&vectors["valid"]) {
        let (id, bytes, known) = (text(case, "id"), text(case, "note").as_bytes(), known(case));
        let note = Note::parse(bytes).unwrap();
        assert_eq!(note.write().as_bytes(), bytes, "{id}");
        assert_eq!(note.verify(&known).map(|lines| lines.len()), Ok(1), "{id}");
        for place in 0..note.text().len() {
            let mut changed = bytes.to_vec();
            changed[place] ^= 1;
            let verdict = Note::parse(&changed).and_then(|note| note.verify(&known).map(|_| ()));
            assert!(verdict.is_err(), "{id} with byte {place} changed");
            mutations += 1;
        }
        assert_eq!(Note::parse(&[b"\xff", bytes].concat()), Err(BadNote::Text));
        let doubled = [known.clone(), known].concat();
        assert!(matches!(note.verify(&doubled), Err(BadNote::Ambiguous(_))), "{id}");
    }
    let count = cases(&vectors["valid"]).len();
    println!("signed_notes.json: {count} notes verified, {mutations} changed texts refused");
}

#[test]
fn malformed_published_notes_are_refused() {
    let Some(vectors) = published("notes/signed_notes.json") else { return };
    let (mut refused, mut not_applicable) = (0, 0);
    for case in cases(&vectors["malformed_notes"]) {
        let note = Note::parse(text(case, "note").as_bytes());
        if text(case, "why").starts_with("101 signatures") {
            // A bound of that implementation. Ours is higher (docs/decisions, D2), so the note is one, and verifies once.
            let parsed = note.unwrap();
            assert!(parsed.signatures().len() <= limits::NOTE_SIGNATURES);
            not_applicable += 1;
            continue;
        }
        assert!(note.is_err(), "{}", text(case, "why"));
        refused += 1;
    }
    println!(
        "signed_notes.json: {refused} malformed notes refused, {not_applicable} not applicable (bound of 100 lines)"
    );
    assert!(refused > 0);
}

#[test]
fn notes_with_published_seeds_are_signed_to_the_same_bytes() {
    let Some(vectors) = published("notes/signed_notes.json") else { return };
    let mut signed = 0;
    for case in cases(&vectors["valid"]).iter().filter(|case| case.get("seed").is_some()) {
        let seed: [u8; 32] = unhex(text(case, "seed")).unwrap();
        let pem = ed25519_dalek::SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF).unwrap();
        let key = SecretKey::from_pem(&pem).unwrap();
        let published = Note::parse(text(case, "note").as_bytes()).unwrap();
        let vkey = &known(case)[0];
        let line = published.signatures().iter().find(|line| line.claims(vkey)).unwrap();
        let ours = match vkey.material() {
            KeyMaterial::Ed25519(_) => {
                let mut note = Note::new(published.text()).unwrap();
                note.sign(vkey.name(), &key).unwrap();
                note.signatures()[0].clone()
            }
            _ => {
                let (seconds, _) = cosignature::stated(line.signature()).unwrap();
                let checkpoint = Checkpoint::parse(published.text()).unwrap();
                cosignature::sign(&checkpoint, vkey.name(), seconds, &key).unwrap()
            }
        };
        assert_eq!(&ours, line, "{}", text(case, "id"));
        signed += 1;
    }
    println!("signed_notes.json: {signed} signature lines made byte for byte");
    assert!(signed > 0);
}

#[test]
fn published_checkpoint_bodies_are_read_or_refused_as_stated() {
    let Some(vectors) = published("notes/signed_notes.json") else { return };
    let (good, bad) = (cases(&vectors["checkpoint_bodies_good"]), cases(&vectors["checkpoint_bodies_bad"]));
    for body in good {
        let body = body.as_str().unwrap();
        assert_eq!(Checkpoint::parse(body).unwrap().text(), body);
    }
    for body in bad {
        assert!(Checkpoint::parse(body.as_str().unwrap()).is_err(), "{body}");
    }
    println!("signed_notes.json: {} checkpoint bodies read, {} refused", good.len(), bad.len());
}

#[test]
fn published_tile_paths_and_widths_are_ours() {
    let Some(vectors) = published("notes/tile_paths.json") else { return };
    let paths = cases(&vectors["encode"]);
    for pair in paths {
        let (index, wanted) = (pair[0].as_u64().unwrap(), pair[1].as_str().unwrap());
        let path = Tile::new(TileKind::Hashes(0), index, 256).unwrap().path();
        assert_eq!(path, format!("tile/0/{wanted}"));
        assert_eq!(Tile::parse(&path).unwrap().index(), index);
    }
    let mut widths = 0;
    for case in cases(&vectors["tile_widths"]) {
        let size = TreeSize(case["size"].as_u64().unwrap());
        for level in 0..3 {
            let (full, partial) = tiles::widths(size, level);
            for (field, value) in [(format!("full_l{level}"), full), (format!("partial_l{level}"), u64::from(partial))]
            {
                if let Some(wanted) = case.get(&field).and_then(serde_json::Value::as_u64) {
                    assert_eq!(value, wanted, "{field} of {size:?}");
                    widths += 1;
                }
            }
        }
    }
    println!("tile_paths.json: {} paths and {widths} widths as stated", paths.len());
}
