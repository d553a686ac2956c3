//! A copy of a bundle that was changed by someone who cannot sign for the node.

use super::world::two;
use super::{found, names};
use crate::audit::{MemoryBundle, verify};

fn only(bundle: &MemoryBundle, wanted: &str, path: &str) {
    let (no, _) = two();
    let findings = found(&no, bundle);
    assert_eq!(names(&findings), [wanted], "{path}: {findings:?}");
    assert!(findings[0].text.contains(path) || matches!(path, "keys/genesis" | "FILES"), "{}", findings[0].text);
}

/// What a change of this file is called.
fn changed(path: &str) -> &'static str {
    match path {
        "MANIFEST" => "manifest-invalid",
        "FILES" => "list-changed",
        "keys/genesis" => "genesis-invalid",
        _ => "file-changed",
    }
}

#[test]
fn a_flipped_bit_in_any_file_is_that_files_finding() {
    let (no, _) = two();
    let honest = no.national();
    for (path, bytes) in &honest {
        for part in 0..6 {
            let mut bundle = honest.clone();
            let place = (bytes.len() - 1) * part / 5;
            bundle.get_mut(path).unwrap()[place] ^= 1 << (part % 3);
            let findings = found(&no, &bundle);
            assert_eq!(names(&findings), [changed(path)], "{path} byte {place}: {findings:?}");
        }
    }
}

#[test]
fn a_file_that_is_dropped_cut_or_added_is_named() {
    let (no, _) = two();
    let honest = no.national();
    for path in honest.keys() {
        let mut dropped = honest.clone();
        dropped.remove(path);
        let wanted = if changed(path) == "file-changed" { "file-missing" } else { changed(path) };
        only(&dropped, wanted, path);
        let mut cut = honest.clone();
        cut.get_mut(path).unwrap().pop();
        only(&cut, changed(path), path);
    }
    let mut added = honest.clone();
    added.insert("openings/001".into(), b"\0\0".to_vec());
    only(&added, "file-unlisted", "openings/001");
}

#[test]
fn a_signed_file_that_lies_where_the_tree_has_nothing_is_named() {
    let (no, _) = two();
    let size = no.events.len();
    for path in
        ["tile/0/000.p/1", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000.p/1", "openings/001", "decisions/001"]
    {
        let mut bundle = no.national();
        assert!(size > 1 && bundle.insert(path.into(), vec![1; 32]).is_none());
        only(&no.reseal(bundle), "file-malformed", path);
    }
    let mut later = no.national();
    later.insert("of-a-later-version/000".into(), vec![1; 32]);
    assert_eq!(names(&found(&no, &no.reseal(later))), Vec::<&str>::new());
}

#[test]
fn two_files_that_changed_places_are_both_named() {
    let (no, _) = two();
    let mut bundle = no.national();
    let (a, b) = (bundle["openings/000"].clone(), bundle["envelopes/000"].clone());
    bundle.insert("openings/000".into(), b);
    bundle.insert("envelopes/000".into(), a);
    assert_eq!(names(&found(&no, &bundle)), ["file-changed", "file-changed"]);
}

#[test]
fn an_empty_folder_and_garbage_are_no_bundle() {
    let (no, _) = two();
    let audit = verify(&MemoryBundle::new(), &no.given()).unwrap();
    assert_eq!(names(&audit.findings), ["genesis-invalid"]);
    assert!(!audit.is_clean() && audit.log.is_none());
    let mut garbage = no.national();
    for bytes in garbage.values_mut() {
        bytes.iter_mut().for_each(|b| *b = b.wrapping_mul(31).wrapping_add(7));
    }
    assert!(!verify(&garbage, &no.given()).unwrap().is_clean());
}

#[test]
fn the_manifest_of_another_node_does_not_fit() {
    let (no, ee) = two();
    let mut bundle = no.national();
    bundle.insert("MANIFEST".into(), ee.national()["MANIFEST"].clone());
    only(&bundle, "manifest-invalid", "MANIFEST");
}
