//! The tree and how it lies in files: roots and proofs, tile paths, entry bundles and packed files.

use super::{Format, bytes, digests, list, none, number, shown, small, text, unhexed};
use serde_json::{Value, json};
use varde_proto::id::{LogIndex, TreeSize, hex};
use varde_proto::log::tiles::{self, Tile, TileKind, read_bundle, write_bundle};
use varde_proto::log::{Tree, merkle};

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "tree",
            about: "Entries (in); leaf hashes, the root at every size from 0, the inclusion path of every leaf in the whole \
                    tree, and the consistency path from every size from 1 to the whole tree (out).",
            inputs: || {
                let entries = |count: u8| (0..count).map(|n| hex(&vec![n; usize::from(n)])).collect::<Vec<_>>();
                [0, 1, 2, 7, 8, 11].map(|count| json!({"entries": entries(count)})).to_vec()
            },
            encode: tree_encode,
            decode: Some(tree_verify),
            refused: none,
        },
        Format {
            name: "tile",
            about: "Level (255 for entries), number and width of a tile (in), and its path (out).",
            inputs: || {
                let case =
                    |level: u8, number: &str, width: u16| json!({"level": level, "number": number, "width": width});
                let (far, last) = ("1234067", "18446744073709551615");
                vec![
                    case(0, "0", 256),
                    case(0, "273", 112),
                    case(63, far, 1),
                    case(255, far, 255),
                    case(1, "999", 256),
                    case(2, last, 256),
                ]
            },
            encode: |case| json!({"path": tile(case).path()}),
            decode: Some(|out, _| {
                let tile = Tile::parse(text(out, "path"))?;
                let level = match tile.kind() {
                    TileKind::Hashes(level) => level,
                    TileKind::Entries => ENTRIES,
                };
                Some(json!({"level": level, "number": tile.index().to_string(), "width": tile.width()}))
            }),
            refused: tile_refused,
        },
    ]
}

/// What lies in files.
pub(super) fn files() -> Vec<Format> {
    vec![
        Format {
            name: "layout",
            about: "A tree's size (in), and the path of every file in which it lies (out). One way.",
            inputs: || ["0", "1", "255", "256", "257", "70000"].map(|size| json!({"size": size})).to_vec(),
            encode: |case| {
                let paths: Vec<String> = tiles::tiles(TreeSize(number(case, "size"))).map(Tile::path).collect();
                // Thousands of full tiles say nothing that the first and the last few do not.
                let count = paths.len();
                let ends: Vec<&String> =
                    paths.iter().enumerate().filter(|(n, _)| *n < 4 || n + 8 > count).map(|(_, p)| p).collect();
                json!({"count": count, "first_four_and_last_eight": ends})
            },
            decode: None,
            refused: none,
        },
        Format {
            name: "bundle",
            about: "Things in hex (in), and an entry bundle or packed file that holds them: each after its length in two bytes (out).",
            inputs: || {
                vec![
                    json!({"things": []}),
                    json!({"things": [hex(&[1; 33]), hex(&[2; 33])]}),
                    json!({"things": ["", hex(&[3; 300]), "", "04"]}),
                ]
            },
            encode: |case| {
                let things: Vec<Vec<u8>> = list(&case["things"]).iter().map(|t| unhexed(t.as_str().unwrap())).collect();
                json!({"file": hex(&write_bundle(things.iter().map(Vec::as_slice)).unwrap())})
            },
            decode: Some(|out, _| {
                let file = bytes(out, "file");
                Some(json!({"things": read_bundle(&file)?.into_iter().map(hex).collect::<Vec<_>>()}))
            }),
            refused: || {
                let no = |file: &str, why: &str| json!({"file": file, "why": why});
                vec![
                    no("0002aa", "a byte short"),
                    no("00", "half a length"),
                    no("0001aa00", "half a length after a thing"),
                ]
            },
        },
    ]
}

const ENTRIES: u8 = 255;

fn tree(case: &Value) -> Tree {
    let mut tree = Tree::default();
    for entry in list(&case["entries"]) {
        tree.push(merkle::leaf_hash(&unhexed(entry.as_str().unwrap())));
    }
    tree
}

fn tree_encode(case: &Value) -> Value {
    let (tree, count) = (tree(case), list(&case["entries"]).len() as u64);
    let whole = tree.size();
    let leaves: Vec<_> = (0..count).map(|n| tree.leaf(LogIndex(n)).unwrap()).collect();
    let roots: Vec<_> = (0..=count).map(|n| tree.root_at(TreeSize(n)).unwrap()).collect();
    let inclusion: Vec<_> = (0..count).map(|n| shown(&tree.inclusion(LogIndex(n), whole).unwrap())).collect();
    let consistency: Vec<_> = (1..=count).map(|n| shown(&tree.consistency(TreeSize(n), whole).unwrap())).collect();
    json!({"leaf_hashes": shown(&leaves), "roots": shown(&roots), "inclusion": inclusion, "consistency": consistency})
}

/// Verifies every proof; the entries themselves are hashed.
fn tree_verify(out: &Value, case: &Value) -> Option<Value> {
    let (leaves, roots) = (digests(&out["leaf_hashes"]), digests(&out["roots"]));
    let whole = TreeSize(leaves.len() as u64);
    let root = roots.last()?;
    for (n, path) in list(&out["inclusion"]).into_iter().enumerate() {
        merkle::verify_inclusion(LogIndex(n as u64), whole, &leaves[n], &digests(path), root).ok()?;
    }
    for (n, path) in list(&out["consistency"]).into_iter().enumerate() {
        let old = TreeSize(n as u64 + 1);
        merkle::verify_consistency(old, whole, &roots[n + 1], root, &digests(path)).ok()?;
    }
    Some(json!({"entries": case["entries"]}))
}

fn tile(case: &Value) -> Tile {
    let kind = match small(case, "level") as u8 {
        ENTRIES => TileKind::Entries,
        level => TileKind::Hashes(level),
    };
    Tile::new(kind, number(case, "number"), small(case, "width") as u16).unwrap()
}

fn tile_refused() -> Vec<Value> {
    let no = |path: &str, why: &str| json!({"path": path, "why": why});
    vec![
        no("tile/0/000.p/0", "a width of 0"),
        no("tile/0/000.p/256", "a full tile has no width"),
        no("tile/0/000.p/01", "a leading zero"),
        no("tile/64/000", "no such level"),
        no("tile/00/000", "a leading zero"),
        no("tile/0/0", "three digits"),
        no("tile/0/001/234", "no x before all but the last"),
        no("tile/0/x000/001", "a leading group of zeros"),
        no("tile/0/x018/x446/x744/x073/x709/x551/616", "2^64"),
        no("tile/0/000/", "nothing follows"),
        no("tile/entries", "no number"),
    ]
}
