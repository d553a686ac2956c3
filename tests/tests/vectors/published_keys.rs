//! C2SP/CCTV Ed25519 edge cases, verifier keys, and the pre-authentication encoding of DSSE.

use super::{cases, published, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use varde_proto::envelope;
use varde_proto::id::unhex;
use varde_proto::identity::PublicKey;
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Vkey, cosignature};

#[test]
fn strict_verification_accepts_43_of_the_914_edge_cases_and_enrolled_keys_no_other() {
    let Some(vectors) = published("cctv-ed25519/ed25519vectors.json") else { return };
    let (mut strict, mut lenient, mut enrolled) = (0, 0, 0);
    for case in cases(&vectors) {
        let key: [u8; 32] = unhex(text(case, "key")).unwrap();
        let signature: [u8; 64] = unhex(text(case, "sig")).unwrap();
        let message = text(case, "msg").as_bytes();
        let parsed = Signature::from_bytes(&signature);
        let by = VerifyingKey::from_bytes(&key).ok();
        let accepted = by.is_some_and(|key| key.verify_strict(message, &parsed).is_ok());
        strict += usize::from(accepted);
        lenient += usize::from(by.is_some_and(|key| ed25519_dalek::Verifier::verify(&key, message, &parsed).is_ok()));
        let ours = PublicKey::enrol(&key).is_ok_and(|key| key.verify(message, &signature).is_ok());
        assert!(accepted || !ours, "case {} is accepted by us alone", case["number"]);
        enrolled += usize::from(ours);
    }
    let all = cases(&vectors).len();
    println!("cctv-ed25519: {all} cases, verify_strict accepts {strict}, verify {lenient}, enrolled keys {enrolled}");
    assert_eq!((all, strict, lenient, enrolled), (914, 43, 208, 1));
}

#[test]
fn published_verifier_keys_are_read_or_refused_as_stated() {
    let (Some(keys), Some(notes)) = (published("notes/vkeys.json"), published("notes/signed_notes.json")) else {
        return;
    };
    let refused = |text: &str| Vkey::parse(text).is_err();
    let bad = cases(&keys["bad"]).iter().chain(cases(&notes["bad_vkeys"]));
    let bad: Vec<&str> = bad.map(|key| key.as_str().unwrap()).collect();
    assert!(bad.iter().all(|key| refused(key)));

    let signed = cases(&notes["valid"]).iter().map(|case| text(case, "vkey"));
    let good: Vec<&str> = cases(&keys["good"]).iter().map(|key| key.as_str().unwrap()).chain(signed).collect();
    let mut mutations = 0;
    for key in &good {
        let read = Vkey::parse(key).unwrap();
        if matches!(read.material(), KeyMaterial::MlDsa44(_)) {
            // Of the published one the id in the text is not the one that is computed.
            assert_eq!(key.rsplit_once('+').unwrap().1, read.text().rsplit_once('+').unwrap().1);
            continue;
        }
        assert_eq!(read.text(), *key);
        // Every proper substring, every single-byte increment.
        for from in 0..key.len() {
            for to in from..=key.len() {
                assert!((from, to) == (0, key.len()) || refused(&key[from..to]), "{}", &key[from..to]);
                mutations += 1;
            }
            let mut changed = key.as_bytes().to_vec();
            changed[from] = changed[from].wrapping_add(1);
            assert!(String::from_utf8(changed).map_or(true, |changed| refused(&changed)));
            mutations += 1;
        }
    }
    println!("vkeys: {} read, {} refused, {mutations} mutations refused", good.len(), bad.len());
}

#[test]
fn a_published_cosignature_states_its_time() {
    let Some(keys) = published("notes/vkeys.json") else { return };
    let line = STANDARD.decode(text(&keys["cosig_timestamp"], "sig")).unwrap();
    let (seconds, signature) = cosignature::stated(&line[4..]).unwrap();
    assert_eq!((seconds, signature.len()), (keys["cosig_timestamp"]["unix"].as_u64().unwrap(), 64));
    println!("notes/vkeys.json: 1 cosignature time as stated");
}

#[test]
fn the_published_pre_authentication_encoding_is_ours() {
    let Some(dsse) = published("dsse/dsse.json") else { return };
    let encoded = envelope::pae(text(&dsse, "payloadType"), text(&dsse, "payload").as_bytes());
    assert_eq!(encoded, text(&dsse, "pae").as_bytes());
    println!("dsse: 1 encoding as stated; the P-256 envelope is not applicable (Ed25519 alone is used)");
}
