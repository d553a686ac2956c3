//! The federation in virtual time: a seed says everything, and a few seeds hold. Many are run by the program `simulate`.
#![allow(missing_docs, reason = "tests")]

use varde_tests::sim;

#[test]
fn the_same_seed_is_the_same_run_to_the_last_signature() {
    let (once, again) = (sim::run(11), sim::run(11));
    assert!(once.released > 0 && once.events > 100, "{once:?}");
    assert_eq!(once.trace, again.trace);
    assert_ne!(once.trace, sim::run(12).trace);
}

#[test]
fn whatever_crashes_breaks_or_is_restored_nothing_owed_is_lost_and_every_two_logs_reconcile() {
    let mut restored = 0;
    for seed in 1..=6 {
        let outcome = sim::run(seed);
        assert_eq!(outcome.failures, Vec::<String>::new(), "seed {seed}");
        restored += outcome.restored;
    }
    assert!(restored > 0);
}
