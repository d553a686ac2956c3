#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::testing::{descriptor, genesis, genesis_of, key, now, origin};
use super::*;
use crate::envelope::Rejection;
use crate::identity::{BadKey, BadRoles};

const SALT: [u8; 32] = [4; 32];

/// NO's keys have the seeds 1 to 6, in the order of the roles.
fn founded() -> History {
    found(&genesis("no", 1))
}

fn found(genesis: &Genesis) -> History {
    History::found(genesis, &genesis.sign(&key(1)).unwrap())
}

/// A new key of the seed replaces one of another.
fn replaced(history: &History, role: Role, old: u8, new: u8) -> Result<peer::Envelope, BadHistory> {
    history.rotate(&key(1), role, (Some(&key(old)), &key(new)), now(), SALT)
}

fn added(history: &History, role: Role, new: u8) -> Result<peer::Envelope, BadHistory> {
    history.rotate(&key(1), role, (None, &key(new)), now(), SALT)
}

fn revoked(history: &History, role: Role, seed: u8, above: u64) -> Result<peer::Envelope, BadHistory> {
    history.revoke(&key(1), (role, key(seed).public().fingerprint()), TreeSize(above), now(), SALT)
}

fn seeds(keys: &[PublicKey]) -> Vec<u8> {
    (1..=255).filter(|seed| keys.contains(&key(*seed).public())).collect()
}

fn at(history: &History, role: Role, size: u64) -> Vec<u8> {
    seeds(&history.at(role, TreeSize(size)))
}

/// Log key 2 replaced by 12 at leaf 10, 12 by 22 at leaf 20, then 12 revoked above size 15.
fn rotated() -> History {
    let mut history = founded();
    history.take(&replaced(&history, Role::Log, 2, 12).unwrap(), LogIndex(10)).unwrap();
    history.take(&replaced(&history, Role::Log, 12, 22).unwrap(), LogIndex(20)).unwrap();
    history.take(&revoked(&history, Role::Log, 12, 15).unwrap(), LogIndex(21)).unwrap();
    history
}

#[test]
fn a_key_is_valid_from_the_leaf_that_names_it_to_the_leaf_that_replaces_it() {
    let history = rotated();
    assert_eq!((at(&history, Role::Log, 0), at(&history, Role::Log, 10)), (vec![2], vec![2]));
    assert_eq!((at(&history, Role::Log, 11), at(&history, Role::Log, 15)), (vec![12], vec![12]));
    assert_eq!(at(&history, Role::Log, 16), [] as [u8; 0], "what a revoked key signed above its size counts");
    assert_eq!((at(&history, Role::Log, 20), at(&history, Role::Log, 21)), (vec![], vec![22]));
    assert_eq!(at(&history, Role::Msg, 30), [4], "another role's key changed");
    assert_eq!(history.revoked_above(Role::Log, &key(12).public()), Some(TreeSize(15)));
    assert_eq!(history.revoked_above(Role::Log, &key(2).public()), None, "replaced is not revoked");
    assert_eq!(history.keys().get(Role::Log), Some(&key(22).public()));
}

#[test]
fn a_replaced_tls_key_is_shown_for_a_week_and_accepted_for_two_unless_it_is_revoked() {
    let mut history = founded();
    history.take(&replaced(&history, Role::Tls, 5, 15).unwrap(), LogIndex(10)).unwrap();
    let day = |days: u32| now().after(DAY * days);
    let accepted =
        |history: &History, days| seeds(&history.tls(day(days)).into_iter().map(|t| t.0).collect::<Vec<_>>());
    let shown = |history: &History, days| history.tls_shown(day(days)).map(|key| seeds(&[key]));
    assert_eq!((shown(&history, 6), shown(&history, 7)), (Some(vec![5]), Some(vec![15])));
    assert_eq!((accepted(&history, 13), accepted(&history, 14)), (vec![5, 15], vec![15]));
    history.take(&revoked(&history, Role::Tls, 5, 10).unwrap(), LogIndex(11)).unwrap();
    assert_eq!((shown(&history, 0), accepted(&history, 0)), (Some(vec![15]), vec![15]));
}

#[test]
fn a_history_survives_its_text_and_any_other_text_is_refused() {
    let (history, mut read) = (rotated(), founded());
    let text = history.write();
    read.read(&text).unwrap();
    assert_eq!(read, history);
    for changed in [text.replace("leaf 10\n", "leaf 010\n"), format!("{text}\n"), text[1..].to_owned()] {
        assert!(founded().read(&changed).is_err());
    }
    let second = text.find("\nleaf 20").unwrap() + 1;
    assert!(founded().read(&text[second..]).is_err(), "the first statement was left out");
}

#[test]
fn keys_that_are_added_serve_beside_the_others_until_each_is_revoked() {
    let mut history = founded();
    history.take(&added(&history, Role::Msg, 14).unwrap(), LogIndex(3)).unwrap();
    assert_eq!(at(&history, Role::Msg, 4), [4, 14]);
    assert_eq!(history.keys().get(Role::Msg), Some(&key(4).public()));
    history.take(&revoked(&history, Role::Msg, 4, 5).unwrap(), LogIndex(7)).unwrap();
    assert_eq!((at(&history, Role::Msg, 5), at(&history, Role::Msg, 6)), (vec![4, 14], vec![14]));
    assert_eq!(history.keys().get(Role::Msg), Some(&key(14).public()), "a descriptor shows a revoked key");
    assert!(matches!(replaced(&history, Role::Msg, 4, 24), Err(BadHistory::Entry(_))), "a revoked key named its heir");
    let again = revoked(&history, Role::Msg, 4, 6);
    assert!(matches!(again, Err(BadHistory::Entry(_))), "a key was revoked twice");
    history.take(&revoked(&history, Role::Msg, 14, 7).unwrap(), LogIndex(8)).unwrap();
    assert_eq!(history.current(Role::Msg), []);
    history.take(&added(&history, Role::Msg, 34).unwrap(), LogIndex(9)).unwrap();
    assert_eq!(history.keys().get(Role::Msg), Some(&key(34).public()), "a key after a revocation is not shown");
}

#[test]
fn each_signature_of_a_rotation_is_needed_in_its_place() {
    let history = founded();
    let good = replaced(&history, Role::Log, 2, 12).unwrap();
    let refused = |change: fn(&mut peer::Envelope)| {
        let mut envelope = good.clone();
        change(&mut envelope);
        founded().take(&envelope, LogIndex(5)).unwrap_err()
    };
    let unsigned = BadHistory::Document(Rejection::BadSignature.into());
    for place in 0..3 {
        let mut envelope = good.clone();
        envelope.signatures.remove(place);
        assert_eq!(founded().take(&envelope, LogIndex(5)), Err(unsigned.clone()), "signature {place} is not needed");
    }
    assert_eq!(refused(|e| e.signatures.swap(0, 1)), unsigned);
    assert_eq!(refused(|e| e.signatures.push(e.signatures[0].clone())), unsigned);
    assert_eq!(refused(|e| e.signatures[0].key_id = "00000000".into()), unsigned, "a hint has two spellings");
    let by_another = history.rotate(&key(99), Role::Log, (Some(&key(2)), &key(12)), now(), SALT);
    assert_eq!(by_another, Err(unsigned), "another identity key's word was taken");
    let heir_of_another = history.rotate(&key(1), Role::Log, (Some(&key(3)), &key(12)), now(), SALT);
    assert_eq!(heir_of_another, Err(BadDocument::Field("old_key_id").into()), "the witness key named a log key's heir");
}

#[test]
fn a_statement_is_of_one_log_one_network_and_one_mode() {
    let change = |origin: &str, mode| {
        let other = found(&genesis_of(Origin::parse(origin).unwrap(), mode, 1));
        founded().take(&replaced(&other, Role::Log, 2, 12).unwrap(), LogIndex(5)).unwrap_err()
    };
    for elsewhere in ["other.example/no/1", "varde.example/ee/1", "varde.example/no/2"] {
        // Already the proof of possession was made for another log.
        let wanted = BadHistory::Other(Origin::parse(elsewhere).unwrap());
        assert_eq!(change(elsewhere, Mode::Test), wanted);
    }
    assert_eq!(change("varde.example/no/1", Mode::Exercise), BadHistory::Other(origin("no")));
}

#[test]
fn statements_are_taken_once_and_in_their_order() {
    let mut history = founded();
    let first = replaced(&history, Role::Log, 2, 12).unwrap();
    history.take(&first, LogIndex(5)).unwrap();
    let before = history.clone();
    assert_eq!(history.take(&first, LogIndex(6)), Err(BadHistory::Order { given: 1, known: 1 }), "a replay");
    let second = replaced(&history, Role::Msg, 4, 14).unwrap();
    assert_eq!(founded().take(&second, LogIndex(6)), Err(BadHistory::Order { given: 2, known: 0 }), "one was left out");
    let mut other = founded();
    other.take(&replaced(&founded(), Role::Tls, 5, 15).unwrap(), LogIndex(5)).unwrap();
    let beside = replaced(&other, Role::Msg, 4, 14).unwrap();
    assert_eq!(history.take(&beside, LogIndex(6)), Err(BadHistory::Order { given: 2, known: 1 }), "it follows another");
    assert_eq!(history.take(&second, LogIndex(5)), Err(BadHistory::Place(5)), "two at one leaf");
    assert_eq!(founded().take(&first, LogIndex(0)), Err(BadHistory::Place(0)), "in the place of the genesis");
    assert_eq!(history, before, "what was refused changed something");
}

#[test]
fn the_identity_key_and_keys_that_were_held_before_are_refused() {
    let mut history = founded();
    assert_eq!(replaced(&history, Role::Id, 1, 12), Err(BadHistory::Identity));
    assert_eq!(added(&history, Role::Id, 12), Err(BadHistory::Identity));
    assert_eq!(revoked(&history, Role::Id, 1, 0), Err(BadHistory::Identity));
    assert!(matches!(added(&history, Role::Log, 3), Err(BadHistory::Entry(BadEntry::Taken { .. }))));
    history.take(&replaced(&history, Role::Log, 2, 12).unwrap(), LogIndex(5)).unwrap();
    assert_eq!(replaced(&history, Role::Log, 12, 2), Err(BadHistory::Reused(Role::Log)), "an old key came back");
    assert!(matches!(replaced(&history, Role::Log, 2, 22), Err(BadHistory::Entry(_))), "a replaced key named an heir");
    let ahead = revoked(&history, Role::Log, 12, 9).unwrap();
    assert_eq!(history.take(&ahead, LogIndex(8)), Err(BadHistory::Place(8)), "a revocation began after itself");
}

#[test]
fn weak_torsioned_and_unproven_new_keys_are_refused() {
    let history = founded();
    let good = peer::KeyRotate::decode(added(&history, Role::Log, 12).unwrap().payload).unwrap();
    let refused = |public_key: [u8; 32], possession: Option<Vec<u8>>| {
        let mut wire = good.clone();
        let new = wire.new_key.as_mut().unwrap();
        new.public_key = public_key.to_vec().into();
        new.possession = possession.map_or(new.possession.clone(), Into::into);
        let envelope = envelope::sign_all(super::super::statement::ROTATE, &wire, &[&key(1), &key(12)]);
        founded().take(&envelope, LogIndex(5)).unwrap_err()
    };
    let role = |bad| BadHistory::Document(BadRoles::Key(Role::Log, bad).into());
    assert_eq!(refused([0; 32], None), role(BadKey::Weak));
    let torsion = curve25519_dalek::constants::EIGHT_TORSION[1];
    let mixed = (curve25519_dalek::constants::ED25519_BASEPOINT_POINT + torsion).compress().to_bytes();
    assert_eq!(refused(mixed, None), role(BadKey::Torsion));
    let mut negative_zero = [0; 32];
    (negative_zero[0], negative_zero[31]) = (1, 0x80);
    assert_eq!(refused(negative_zero, None), role(BadKey::Encoding));
    let unproven = BadHistory::Document(BadRoles::Possession(Role::Log).into());
    assert_eq!(refused(key(13).public().bytes(), None), unproven);
    assert_eq!(refused(key(12).public().bytes(), Some(vec![0; 64])), unproven);
}

#[test]
fn a_statement_has_one_encoding_and_a_bound() {
    let good = added(&founded(), Role::Log, 12).unwrap();
    let mut wire = peer::KeyRotate::decode(good.payload.clone()).unwrap();
    let mut padded = good.clone();
    padded.payload = [&good.payload[..], &[0x58, 1]].concat().into();
    padded.signatures.clear();
    for seed in [1, 12] {
        let text = envelope::pae(&padded.payload_type, &padded.payload);
        padded.signatures.push(peer::EnvelopeSignature {
            key_id: key(seed).public().hint(),
            signature: key(seed).sign(&text).to_vec().into(),
        });
    }
    assert_eq!(founded().take(&padded, LogIndex(5)), Err(BadHistory::Document(Rejection::NonCanonical.into())));
    wire.network = "x".repeat(limits::KEY_STATEMENT_BYTES);
    let long = envelope::sign_all(super::super::statement::ROTATE, &wire, &[&key(1), &key(12)]);
    assert_eq!(founded().take(&long, LogIndex(5)), Err(BadHistory::Bound));
}

#[test]
fn a_history_continues_what_was_known_or_contradicts_it() {
    let (history, mut earlier) = (rotated(), founded());
    assert!(history.continues(&earlier) && history.continues(&history));
    earlier.take(&history.statements()[0].envelope, LogIndex(10)).unwrap();
    assert!(history.continues(&earlier) && !earlier.continues(&history), "a revocation may be left out");
    let pinned = History::pinned(&descriptor("no", 1));
    assert!(history.continues(&pinned));
    let newer = History::pinned(&descriptor("no", 1).with_keys(&history));
    assert!(history.continues(&newer) && !earlier.continues(&newer), "a descriptor's keys may be left out");
    assert!(!found(&genesis("ee", 1)).continues(&pinned));
    assert!(!History::pinned(&descriptor("no", 50)).continues(&pinned));
    let mut elsewhere = founded();
    elsewhere.take(&history.statements()[0].envelope, LogIndex(11)).unwrap();
    assert!(!history.continues(&elsewhere), "a statement moved to another leaf");
    assert!(replaced(&pinned, Role::Log, 2, 12).is_err(), "something followed a descriptor");
}
