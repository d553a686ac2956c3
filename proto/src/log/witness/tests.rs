use super::*;
use crate::id::hex;
use crate::log::merkle::leaf_hash;
use crate::log::tree::Tree;
use crate::log::vkey::KeyMaterial;
use zeroize::Zeroizing;

const LOG: &str = "log.example";
const NOW: u64 = 1_795_291_200;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn vkey(seed: u8) -> Vkey {
    Vkey::new(LOG, KeyMaterial::Ed25519(key(seed).public())).unwrap()
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::default();
    for n in 0..size {
        tree.push(leaf_hash(&n.to_be_bytes()));
    }
    tree
}

fn at(size: u64) -> Latest {
    Latest { size: TreeSize(size), root: tree(size).root() }
}

fn note(latest: Latest, more: &str, signer: u8) -> Note {
    let text = Checkpoint::new(LOG, latest.size, latest.root).unwrap().text() + more;
    let mut note = Note::new(&text).unwrap();
    note.sign(LOG, &key(signer)).unwrap();
    note
}

fn path(old: u64, new: u64) -> Vec<Digest> {
    tree(new).consistency(TreeSize(old), TreeSize(new)).unwrap_or_default()
}

/// An honest request from `old` to `new` leaves.
fn request(old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint::new(TreeSize(old), path(old, new), note(at(new), "", 1)).unwrap()
}

fn verdict(request: &AddCheckpoint, latest: Latest) -> Result<Cosigned, Refused> {
    let (keys, key) = ([vkey(1), vkey(3)], key(9));
    let log = KnownLog { keys: &keys, extensions: false, latest };
    decide(request, Some(log), Witness { name: "wit.example", key: &key }, NOW)
}

fn status(request: &AddCheckpoint, latest: Latest) -> u16 {
    answer(&verdict(request, latest)).status
}

#[test]
fn every_honest_step_is_cosigned_and_moves_the_latest_checkpoint_on() {
    for old in 0..20 {
        for new in old..20 {
            let request = request(old, new);
            let cosigned = verdict(&request, at(old)).unwrap();
            assert_eq!(cosigned.latest, at(new));
            let known = [Vkey::new("wit.example", KeyMaterial::Cosignature(key(9).public())).unwrap(), vkey(1)];
            let lines = cosigned.note.verify(&known).unwrap();
            assert_eq!(lines.iter().map(|line| line.time).collect::<Vec<_>>(), [None, Some(NOW)]);
            let answer = answer(&Ok(cosigned.clone()));
            assert_eq!(cosigned.note.write(), request.note().write() + &answer.body);
            assert_eq!((answer.status, answer.content_type), (200, TEXT_TYPE));
        }
    }
}

#[test]
fn a_request_reads_back_and_has_one_spelling() {
    let bytes = request(5, 13).write();
    assert!(bytes.starts_with("old 5\n"), "{bytes}");
    assert_eq!(AddCheckpoint::parse(bytes.as_bytes()), Ok(request(5, 13)));
    assert_eq!(AddCheckpoint::parse(request(0, 0).write().as_bytes()), Ok(request(0, 0)));
    let (hash, rest) = (base64(&[7; 32]), bytes.split_once("\n\n").unwrap().1);
    let parsed = |start: &str| AddCheckpoint::parse(format!("{start}{rest}").as_bytes());
    for start in
        ["", "5\n\n", "old\n\n", "old  5\n\n", "old 05\n\n", "old +5\n\n", "old -1\n\n", "Old 5\n\n", "old 5\r\n\n"]
    {
        assert_eq!(parsed(start), Err(BadRequest::Old), "{start:?}");
    }
    assert_eq!(parsed("old 18446744073709551616\n\n"), Err(BadRequest::Old));
    assert!(parsed("old 18446744073709551615\n\n").is_ok());
    assert_eq!(parsed(&format!("old 5\n{hash}\n{}\n\n", &hash[..43])), Err(BadRequest::Hash(2)));
    assert_eq!(parsed(&format!("old 5\n{} \n\n", hash)), Err(BadRequest::Hash(1)));
    assert_eq!(parsed("old 5\n"), Err(BadRequest::Hash(1)), "the checkpoint itself is no hash");
    assert_eq!(AddCheckpoint::parse(b"old 5\n"), Err(BadRequest::End));
    assert_eq!(AddCheckpoint::parse(b"old 5\n\n"), Err(BadRequest::Note(BadNote::Form)));
    assert_eq!(parsed("old 5\n\nmore\n"), Err(BadRequest::Checkpoint(BadCheckpoint::Size)));
}

#[test]
fn sixty_three_hashes_are_read_and_one_more_is_not() {
    let hashes = |count| vec![Digest([7; 32]); count];
    let most = AddCheckpoint::new(TreeSize(5), hashes(63), note(at(9), "", 1)).unwrap();
    assert_eq!(AddCheckpoint::parse(most.write().as_bytes()).as_ref(), Ok(&most));
    assert_eq!(status(&most, at(5)), 422);
    assert_eq!(AddCheckpoint::new(TreeSize(5), hashes(64), note(at(9), "", 1)), Err(BadRequest::Oversized));
    let more = most.write().replacen("old 5\n", &format!("old 5\n{}\n", base64(&[7; 32])), 1);
    assert_eq!(AddCheckpoint::parse(more.as_bytes()), Err(BadRequest::Oversized));
    let long = vec![b'a'; limits::ADD_CHECKPOINT_BYTES + 1];
    assert_eq!(AddCheckpoint::parse(&long), Err(BadRequest::Oversized));
}

#[test]
fn an_unknown_log_is_not_found_whatever_else_is_wrong_with_the_request() {
    let key = key(9);
    let witness = Witness { name: "wit.example", key: &key };
    let unsigned = AddCheckpoint::new(TreeSize(9), vec![], note(at(5), "", 4)).unwrap();
    for request in [request(0, 5), unsigned] {
        assert_eq!(answer(&decide(&request, None, witness, NOW)).status, 404);
    }
}

#[test]
fn a_line_of_the_log_must_be_there_and_verify() {
    let unknown = AddCheckpoint::new(TreeSize(0), vec![], note(at(5), "", 4)).unwrap();
    assert_eq!(verdict(&unknown, at(0)), Err(Refused::Unsigned(BadNote::Unsigned)));
    let mut spoilt = note(at(5), "", 1);
    spoilt.add(SignatureLine::new(LOG, vkey(3).id(), &[0; 64]).unwrap()).unwrap();
    let spoilt = AddCheckpoint::new(TreeSize(0), vec![], spoilt).unwrap();
    assert_eq!(verdict(&spoilt, at(0)), Err(Refused::Unsigned(BadNote::Signature(LOG.into()))));
    assert_eq!(status(&spoilt, at(0)), 403);
    assert_eq!(status(&AddCheckpoint::new(TreeSize(9), vec![], note(at(5), "", 4)).unwrap(), at(3)), 403, "before 400");
}

#[test]
fn an_old_size_above_the_new_one_is_a_bad_request_even_where_it_is_the_latest() {
    let back = AddCheckpoint::new(TreeSize(9), vec![], note(at(5), "", 1)).unwrap();
    for latest in [at(9), at(5), at(0)] {
        assert_eq!(verdict(&back, latest), Err(Refused::OldAboveNew { old: 9, new: 5 }));
        assert_eq!(status(&back, latest), 400);
    }
}

#[test]
fn another_old_size_than_the_latest_is_told_the_latest() {
    for (old, new, latest) in [(0, 5, 3), (5, 9, 3), (3, 3, 5), (0, 0, 5), (5, 9, 0)] {
        let answer = answer(&verdict(&request(old, new), at(latest)));
        assert_eq!((answer.status, answer.content_type), (409, "text/x.tlog.size"));
        assert_eq!(answer.body, format!("{latest}\n"));
    }
    let wrong = AddCheckpoint::new(TreeSize(0), vec![Digest([7; 32])], note(at(5), "", 1)).unwrap();
    assert_eq!(status(&wrong, at(3)), 409, "a wrong proof is looked at only from the right size");
}

#[test]
fn what_contradicts_the_latest_checkpoint_is_unprocessable() {
    let other = |size, root: u8| note(Latest { size: TreeSize(size), root: Digest([root; 32]) }, "", 1);
    let new = |old, proof, note| AddCheckpoint::new(TreeSize(old), proof, note).unwrap();
    for (request, latest, why) in [
        (new(0, vec![], other(0, 7)), 0, Inconsistent::EmptyRoot),
        (new(0, vec![Digest([7; 32])], other(0, 7)), 0, Inconsistent::EmptyRoot),
        (new(0, vec![Digest([7; 32])], note(at(5), "", 1)), 0, Inconsistent::ProofFromEmpty),
        (new(0, vec![Digest([7; 32])], note(at(0), "", 1)), 0, Inconsistent::ProofFromEmpty),
        (new(5, vec![], other(5, 7)), 5, Inconsistent::OtherRoot),
        (new(5, vec![Digest([7; 32])], other(5, 7)), 5, Inconsistent::OtherRoot),
        (new(5, vec![Digest([7; 32])], note(at(5), "", 1)), 5, Inconsistent::Proof(BadProof::Length)),
        (new(5, vec![], note(at(9), "", 1)), 5, Inconsistent::Proof(BadProof::Length)),
        (new(5, path(5, 9), other(9, 7)), 5, Inconsistent::Proof(BadProof::Root)),
        (new(5, path(4, 9), note(at(9), "", 1)), 5, Inconsistent::Proof(BadProof::Length)),
    ] {
        assert_eq!(verdict(&request, at(latest)), Err(Refused::Inconsistent(why)), "{}", request.write());
        assert_eq!(status(&request, at(latest)), 422);
    }
}

#[test]
fn extension_lines_are_cosigned_whole_or_refused() {
    let extended = AddCheckpoint::new(TreeSize(0), vec![], note(at(5), "more\n", 1)).unwrap();
    assert_eq!(verdict(&extended, at(0)), Err(Refused::Extensions));
    let (keys, key) = ([vkey(1)], key(9));
    let foreign = KnownLog { keys: &keys, extensions: true, latest: Latest::NONE };
    let cosigned = decide(&extended, Some(foreign), Witness { name: "wit.example", key: &key }, NOW).unwrap();
    let whole = extended.note().text();
    assert_eq!(cosignature::verify(whole, cosigned.line.signature(), &key.public()), Some(NOW));
    assert_eq!(cosigned.note.text(), whole);
}

#[test]
fn lines_of_others_are_neither_believed_nor_kept() {
    let mut crowded = note(at(5), "", 1);
    crowded.sign("stranger.example", &key(4)).unwrap();
    crowded.add(SignatureLine::new("wit.example", 7, &[0; 72]).unwrap()).unwrap();
    let cosigned = verdict(&AddCheckpoint::new(TreeSize(0), vec![], crowded).unwrap(), at(0)).unwrap();
    let names: Vec<&str> = cosigned.note.signatures().iter().map(SignatureLine::name).collect();
    assert_eq!(names, [LOG, "wit.example"]);
}

#[test]
fn a_witness_without_a_name_or_a_time_signs_nothing() {
    let (keys, key) = ([vkey(1)], key(9));
    let log = KnownLog { keys: &keys, extensions: false, latest: Latest::NONE };
    for (name, seconds) in [("wit.example", 0), ("wit.example", u64::MAX), ("a witness", NOW)] {
        let verdict = decide(&request(0, 5), Some(log), Witness { name, key: &key }, seconds);
        assert_eq!(verdict, Err(Refused::Unable));
        assert_eq!(answer(&verdict).status, 500);
    }
}

#[test]
fn every_refusal_has_a_code_of_either_transport() {
    let codes = [
        (Refused::Malformed(BadRequest::Old), 400, 3),
        (Refused::Unsigned(BadNote::Unsigned), 403, 7),
        (Refused::UnknownLog, 404, 5),
        (Refused::Extensions, 400, 3),
        (Refused::OldAboveNew { old: 2, new: 1 }, 400, 3),
        (Refused::Conflict(TreeSize(1)), 409, 10),
        (Refused::Inconsistent(Inconsistent::OtherRoot), 422, 9),
        (Refused::Unable, 500, 13),
    ];
    for (refused, http, grpc) in codes {
        assert_eq!((refused.http(), refused.grpc()), (http, grpc), "{refused}");
    }
}

#[test]
fn the_empty_latest_checkpoint_has_the_root_of_nothing() {
    assert_eq!(Latest::NONE, at(0));
    assert_eq!(hex(&Latest::NONE.root.0[..4]), "e3b0c442");
}

#[test]
fn a_checkpoint_without_a_signature_that_can_be_read_is_judged_by_whose_log_it_is_about() {
    let whole = request(0, 5).write();
    let text = whole.split_once("\n\n").unwrap().1.split_once("\n\n").unwrap().0.to_owned();
    let line = whole.lines().last().unwrap().to_owned();
    let spare = line.strip_suffix('=').map(|line| line.replacen(' ', "  ", 1)).unwrap_or(line.clone() + "=");
    for after in ["", "\n", "\n\n", &format!("\n\n{spare}\n"), &format!("\n\n{line}\n{spare}\n")] {
        let bad = AddCheckpoint::parse(format!("old 0\n\n{text}{after}").as_bytes()).unwrap_err();
        if after.is_empty() {
            assert_eq!(bad.refused(|_| true).http(), 400, "it breaks off");
            continue;
        }
        assert_eq!(bad, BadRequest::Unsigned(LOG.into()), "{after:?}");
        assert_eq!(bad.clone().refused(|origin| origin == LOG).http(), 403);
        assert_eq!(bad.refused(|_| false).http(), 404);
    }
    let no_checkpoint = AddCheckpoint::parse(b"old 0\n\nlog.example\n\n").unwrap_err();
    assert_eq!(no_checkpoint.refused(|_| true).http(), 400);
}
