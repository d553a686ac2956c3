//! Keys that changed: what is signed by a key where the log did not have it is told apart, and nothing else is.

use super::witnessed::{cosign, later, watched};
use super::world::{exchange, two};
use super::{found, names};
use crate::audit::layout;
use crate::identity::Role;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn keys_that_the_log_changed_are_walked_from_its_genesis() {
    let (mut no, mut ee) = two();
    no.rotate(Role::Log, 71);
    exchange(&mut no, &mut ee, 9);
    no.rotate(Role::Msg, 72);
    exchange(&mut no, &mut ee, 10);
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    let mut bundle = no.national();
    bundle.remove(layout::STATEMENTS).unwrap();
    let findings = found(&no, &no.reseal(bundle.clone()));
    assert_eq!(names(&findings), ["manifest-invalid"], "nobody knows the key that signed it");
    let cut = no.with(layout::STATEMENTS, |text| text.truncate(text.len() - 2));
    assert_eq!(names(&found(&no, &cut)), ["keys-invalid", "manifest-invalid"]);
}

#[test]
fn a_change_of_keys_that_the_bundle_or_the_log_leaves_out_is_found() {
    let (mut no, _) = two();
    let before = no.clone();
    no.rotate(Role::Wit, 71);
    let mut bundle = no.national();
    bundle.remove(layout::STATEMENTS).unwrap();
    let findings = found(&no, &no.reseal(bundle));
    assert_eq!(names(&findings), ["keys-differ"]);
    assert_eq!(findings[0].index.map(|index| index.0), Some(no.events.len() as u64 - 1));
    let mut told = before;
    told.history = no.history.clone();
    assert_eq!(names(&found(&told, &told.national())), ["keys-differ"]);
}

#[test]
fn a_head_by_a_key_that_was_replaced_is_out_of_time() {
    let (mut no, mut ee) = two();
    no.rotate(Role::Log, 71);
    exchange(&mut no, &mut ee, 9);
    let size = no.events.len() as u64;
    no.log_keys.extend([(size, 2), (size + 1, 71)]);
    exchange(&mut no, &mut ee, 10);
    let findings = found(&no, &no.national());
    assert_eq!(names(&findings), ["key-out-of-time"]);
    assert_eq!(findings[0].index.map(|index| index.0), Some(size));
}

#[test]
fn a_head_by_a_revoked_key_is_out_of_time_unless_a_quorum_had_seen_it_before() {
    let revoked = |witnesses: usize| {
        let mut no = watched();
        let before = no.events.len() as u64;
        later(&mut no, MINUTE);
        cosign(&mut no, witnesses);
        later(&mut no, MINUTE);
        no.rotate(Role::Log, 71);
        cosign(&mut no, 3);
        no.heads.retain(|size| *size <= before + 1 || *size >= no.events.len() as u64);
        no.revoke(Role::Log, 2, before);
        names(&found(&no, &no.national()))
    };
    assert_eq!(revoked(3), Vec::<&str>::new());
    assert_eq!(revoked(0), ["key-out-of-time"]);
}
