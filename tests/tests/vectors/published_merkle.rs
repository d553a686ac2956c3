//! transparency-dev/merkle: inclusion, consistency, reference roots, and what of the subtree vectors our primitives express.

use super::{cases, hash, number, path, published, text};
use serde_json::Value;
use varde_proto::id::{LogIndex, TreeSize, unhex};
use varde_proto::log::{Frontier, Tree, merkle};

/// What a case says about our primitives.
enum Verdict {
    Accepted,
    Refused,
    /// It holds a value that our types cannot; reading the bytes already refuses it.
    Inexpressible,
}

fn run(file: &str, check: impl Fn(&Value) -> Verdict) {
    let Some(vectors) = published(file) else { return };
    let (mut accepted, mut refused, mut inexpressible, mut not_applicable) = (0, 0, 0, 0);
    for case in cases(&vectors) {
        let wanted = !case["wantErr"].as_bool().unwrap();
        match check(case) {
            Verdict::Inexpressible if wanted => not_applicable += 1,
            Verdict::Inexpressible => inexpressible += 1,
            Verdict::Accepted if wanted => accepted += 1,
            Verdict::Refused if !wanted => refused += 1,
            Verdict::Accepted | Verdict::Refused => panic!("{} has the other result", text(case, "file")),
        }
    }
    let all = cases(&vectors).len();
    println!(
        "{file}: {all} cases, {accepted} accepted, {refused} refused, {inexpressible} refused when read (not 32 bytes), \
         {not_applicable} not applicable (good in a tree of another hash length)"
    );
    assert!(not_applicable <= 1);
    assert!(accepted > 0 && refused > 0);
}

fn inclusion(case: &Value, index: u64, size: u64) -> Verdict {
    let (leaf, root) = (hash(text(case, "leafHash")), hash(text(case, "root")));
    let (Some(leaf), Some(root), Some(path)) = (leaf, root, path(&case["proof"])) else {
        return Verdict::Inexpressible;
    };
    match merkle::verify_inclusion(LogIndex(index), TreeSize(size), &leaf, &path, &root) {
        Ok(()) => Verdict::Accepted,
        Err(_) => Verdict::Refused,
    }
}

fn consistency(case: &Value, old: u64, new: u64) -> Verdict {
    let (old_root, new_root) = (hash(text(case, "root1")), hash(text(case, "root2")));
    let (Some(old_root), Some(new_root), Some(path)) = (old_root, new_root, path(&case["proof"])) else {
        return Verdict::Inexpressible;
    };
    match merkle::verify_consistency(TreeSize(old), TreeSize(new), &old_root, &new_root, &path) {
        Ok(()) => Verdict::Accepted,
        Err(_) => Verdict::Refused,
    }
}

#[test]
fn published_inclusion_proofs_have_the_stated_result() {
    run("merkle/inclusion.json", |case| inclusion(case, number(case, "leafIdx"), number(case, "treeSize")));
}

#[test]
fn published_consistency_proofs_have_the_stated_result() {
    run("merkle/consistency.json", |case| consistency(case, number(case, "size1"), number(case, "size2")));
}

/// A leaf of a subtree `[start, end)` is proven like a leaf of a tree of that size, if the subtree is one: its start is a
/// multiple of the least power of two that holds it.
#[test]
fn published_subtree_inclusion_proofs_have_the_stated_result() {
    run("merkle/subtreeinclusion.json", |case| {
        let (start, end, index) = (number(case, "start"), number(case, "end"), number(case, "leafIdx"));
        let aligned = end.checked_sub(start).and_then(u64::checked_next_power_of_two);
        match aligned.filter(|span| start.is_multiple_of(*span)).and(index.checked_sub(start)) {
            Some(position) => inclusion(case, position, end - start),
            None => Verdict::Refused,
        }
    });
}

/// A subtree that begins at 0 is an older tree. Others are signed only by ML-DSA cosigners, which this version passes over.
#[test]
fn published_subtree_consistency_proofs_from_the_start_have_the_stated_result() {
    let Some(vectors) = published("merkle/subtreeconsistency.json") else { return };
    let (mut ran, mut not_applicable) = (0, 0);
    for case in cases(&vectors) {
        let wanted = !case["wantErr"].as_bool().unwrap();
        let verdict = consistency(case, number(case, "end"), number(case, "size"));
        let from_nothing = number(case, "end") == 0;
        let inexpressible = from_nothing || matches!(verdict, Verdict::Inexpressible);
        if number(case, "start") != 0 || (wanted && inexpressible) {
            not_applicable += 1;
            continue;
        }
        assert_eq!(matches!(verdict, Verdict::Accepted), wanted, "{}", text(case, "file"));
        ran += 1;
    }
    println!(
        "merkle/subtreeconsistency.json: {ran} cases as stated, {not_applicable} not applicable (no subtrees are signed, growth from nothing \
         is refused)"
    );
    assert!(ran > 0);
}

#[test]
fn reference_roots_are_ours() {
    let Some(vectors) = published("merkle/reference_roots.json") else { return };
    let (mut tree, mut frontier) = (Tree::default(), Frontier::default());
    let roots = cases(&vectors["root_by_size"]);
    for (size, root) in roots.iter().enumerate() {
        let root = varde_proto::id::Digest(unhex(root.as_str().unwrap()).unwrap());
        assert_eq!((tree.root(), frontier.root()), (root, root), "size {size}");
        if let Some(leaf) = vectors["leaves_hex"].get(size) {
            let hex = leaf.as_str().unwrap();
            let bytes: Vec<u8> = (0..hex.len() / 2).map(|n| unhex::<1>(&hex[2 * n..2 * n + 2]).unwrap()[0]).collect();
            tree.push(merkle::leaf_hash(&bytes));
            frontier.push(merkle::leaf_hash(&bytes));
        }
    }
    assert_eq!(tree.size().0 as usize + 1, roots.len());
    println!("merkle/reference_roots.json: {} roots as stated", roots.len());
}
