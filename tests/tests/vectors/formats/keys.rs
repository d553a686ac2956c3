//! Keys: fingerprints, key ids, verifier keys, TLS pins, and the proof that a role's key is held.

use super::{Format, bytes, secret, seed, text};
use serde_json::{Value, json};
use varde_proto::id::{Digest, Origin, hex};
use varde_proto::identity::{PublicKey, Role, RoleKeys};
use varde_proto::log::Vkey;
use varde_proto::log::vkey::KeyMaterial;

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "key",
            about: "An Ed25519 seed and a key name (in); public key, fingerprint, SubjectPublicKeyInfo and its pin, and the \
                    verifier keys of type 0x01 and 0x04 with their key ids (out). Refused: keys that must not be enrolled.",
            inputs,
            encode,
            decode: Some(decode),
            refused,
        },
        Format {
            name: "possession",
            about: "An origin, a role, the node's id key and the seed of the role's key (in); the text that the role's key \
                    signs, and the signature (out).",
            inputs: possession_inputs,
            encode: possession,
            decode: Some(possession_verified),
            refused: super::none,
        },
    ]
}

fn inputs() -> Vec<Value> {
    let case = |byte: u8, name: &str| json!({"seed": seed(byte), "name": name});
    vec![case(1, "varde.example/no/1"), case(2, "varde.example/witness/ee"), case(0xff, "n\u{e6}ringsliv.example")]
}

fn encode(case: &Value) -> Value {
    let key = secret(case, "seed").public();
    let vkey = |material| Vkey::new(text(case, "name"), material).unwrap();
    let (signer, cosigner) = (vkey(KeyMaterial::Ed25519(key)), vkey(KeyMaterial::Cosignature(key)));
    json!({
        "public_key": hex(&key.bytes()),
        "fingerprint": key.fingerprint().to_string(),
        "spki": hex(&key.spki()),
        "tls_pin": Digest::of(&key.spki()).to_string(),
        "key_id": hex(&signer.id().to_be_bytes()),
        "vkey": signer.text(),
        "cosigner_key_id": hex(&cosigner.id().to_be_bytes()),
        "cosigner_vkey": cosigner.text(),
    })
}

fn decode(out: &Value, _: &Value) -> Option<Value> {
    if let Some(key) = out["public_key"].as_str() {
        PublicKey::enrol(&super::unhexed(key)).ok()?;
    }
    let vkey = Vkey::parse(text(out, "vkey")).ok()?;
    if let Some(cosigner) = out["cosigner_vkey"].as_str() {
        assert_eq!(Vkey::parse(cosigner).ok()?.name(), vkey.name());
    }
    Some(json!({"name": vkey.name()}))
}

fn refused() -> Vec<Value> {
    let good = encode(&inputs()[0])["vkey"].clone();
    let key = |key: &str, why: &str| json!({"public_key": key, "vkey": good, "why": why});
    let vkey = |vkey: &str, why: &str| json!({"vkey": vkey, "why": why});
    vec![
        key(&"00".repeat(32), "a point of order 4"),
        key(&format!("01{}", "00".repeat(31)), "the neutral element"),
        key("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "a point of order 8"),
        key("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d", "a point with a component of torsion"),
        key(&format!("ee{}7f", "ff".repeat(30)), "not the canonical encoding"),
        key(&"02".repeat(31), "31 bytes"),
        vkey("varde.example/no/1+00000000+AYqI49dPgZ7oKSFgWpNQUSYXtLMbq/u0drj8TtN0nMXl", "another key id"),
        vkey("varde.example no+00000000+AQ==", "a space in the name"),
        vkey("varde.example/no/1", "no key"),
    ]
}

fn possession_inputs() -> Vec<Value> {
    let roles = Role::ALL.iter().zip(1u8..);
    let id = hex(&varde_proto::identity::SecretKey::from_seed(&[1; 32].into()).public().bytes());
    let case = |role: &Role, byte| json!({"origin": "varde.example/no/1", "role": role.name(), "id_key": id, "id_seed": seed(1), "seed": seed(byte)});
    roles.map(|(role, byte)| case(role, byte)).collect()
}

/// The text is written here from its description; that the signature our code makes verifies over it shows that it is the same.
fn possession(case: &Value) -> Value {
    let origin = Origin::parse(text(case, "origin")).unwrap();
    let (id, key) = (secret(case, "id_seed"), secret(case, "seed"));
    let role = Role::ALL.into_iter().find(|role| role.name() == text(case, "role")).unwrap();
    let keys = if role == Role::Id { vec![(Role::Id, &id)] } else { vec![(Role::Id, &id), (role, &key)] };
    let made = RoleKeys::prove(&origin, &keys).unwrap().to_wire().pop().unwrap();
    let signed = format!("varde/possession/v1\n{origin}\n{}\n{}\n", text(case, "role"), text(case, "id_key"));
    json!({"text": signed, "public_key": hex(&made.public_key), "signature": hex(&made.possession)})
}

fn possession_verified(out: &Value, case: &Value) -> Option<Value> {
    let key = PublicKey::enrol(&bytes(out, "public_key")).ok()?;
    key.verify(text(out, "text").as_bytes(), &bytes(out, "signature")).ok()?;
    let lines: Vec<&str> = text(out, "text").lines().collect();
    assert_eq!(key, secret(case, "seed").public());
    Some(json!({"origin": lines[1], "role": lines[2], "id_key": lines[3]}))
}
