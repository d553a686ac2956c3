//! What a reader is told who has a clock, and perhaps nobody else's head.

use super::names;
use super::witnessed::{cosign, later, watched};
use crate::audit::{Given, STALE, age, verify};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_bundle_that_nobody_else_was_asked_about_or_that_is_old_says_how_far_it_reaches() {
    let mut no = watched();
    later(&mut no, MINUTE);
    cosign(&mut no, 3);
    let audit = verify(&no.national(), &no.given()).unwrap();
    let log = audit.log.unwrap();
    let seen = log.counts.quorum.unwrap();
    let alone = no.given();
    let asked = Given { views: vec![no.newest().write().into_bytes()], ..no.given() };
    let told = |given: &Given, after: Duration| age(&log, given, seen.after(after));
    assert_eq!(names(&told(&asked, STALE)), Vec::<&str>::new());
    assert_eq!(names(&told(&alone, STALE)), ["no-outside-view"]);
    assert_eq!(names(&told(&asked, STALE + MINUTE)), ["stale"]);
    let both = told(&alone, 3 * STALE);
    assert_eq!(names(&both), ["no-outside-view", "stale"]);
    assert!(both[1].text.contains("3 days ago"), "{}", both[1].text);
    for note in both {
        assert_eq!((note.origin, note.index.map(|at| at.0)), (Some(no.origin()), Some(log.size().0)));
        assert_eq!(note.not_before, Some(seen));
    }
    // Without witnesses the newest leaf's own time is all there is.
    let (no, _) = super::two();
    let log = verify(&no.national(), &no.given()).unwrap().log.unwrap();
    let newest = log.counts.until.unwrap();
    assert_eq!(log.counts.quorum, None);
    assert_eq!(names(&age(&log, &asked, newest.after(STALE))), Vec::<&str>::new());
    assert_eq!(names(&age(&log, &asked, newest.after(STALE + MINUTE))), ["stale"]);
}
