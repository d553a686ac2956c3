//! How many witnesses make a quorum, and how far one has come.

/// Of `others` enrolled nodes besides the log's own, so many make a quorum: floor(2n/3) + 1, all of up to three. Any two quorums
/// share more nodes than may be faulty (docs/protocol.md, "Witnesses"); nobody is a quorum of nobody.
pub fn needed(others: usize) -> usize {
    (2 * others / 3 + 1).min(others)
}

/// Of so many nodes at least one is honest, as long as no more than f = floor((n - 1) / 3) of all `others` are not.
pub fn one_honest(others: usize) -> usize {
    others.saturating_sub(1) / 3 + 1
}

/// The largest size that `needed` witnesses have cosigned, each having cosigned up to one of `sizes`: who vouches for a tree
/// vouches for what it extends.
pub fn covered(sizes: impl Iterator<Item = u64>, needed: usize) -> u64 {
    let mut sizes: Vec<u64> = sizes.collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    needed.checked_sub(1).and_then(|place| sizes.get(place).copied()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of protocol.md.
    #[test]
    fn a_quorum_is_more_than_two_thirds_of_the_others() {
        let of = [0, 1, 2, 3, 4, 9, 10, 26].map(needed);
        assert_eq!(of, [0, 1, 2, 3, 3, 7, 7, 18]);
    }

    #[test]
    fn one_more_than_may_be_faulty_has_an_honest_one_among_it() {
        assert_eq!([1, 2, 3, 4, 7, 10].map(one_honest), [1, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn a_tree_is_witnessed_as_far_as_the_last_that_is_needed_has_come() {
        let covered = |sizes: &[u64], needed| covered(sizes.iter().copied(), needed);
        assert_eq!(covered(&[5, 9, 0, 7], 3), 5);
        assert_eq!(covered(&[5, 9, 0, 7], 1), 9);
        assert_eq!((covered(&[5], 2), covered(&[], 0)), (0, 0), "too few, or nobody");
    }
}
