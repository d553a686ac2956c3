//! The names of the rows in the store: one tree, prefixed keys (docs/decisions, "One truth in the store"). Growing keys are
//! sequential numbers, big-endian, so that the newest is last; random ids stand only in small indexes.
//!
//! What is counted in a log of ours (leaves, sizes, numbers in channels, key statements) is stored under its number plus that of the
//! log's generation ([`first`]), so that the rows of an earlier generation stay where they are and nothing takes their place.
//!
//! Plain: what a copy of the store may show (hashes, sizes, positions). Sealed: everything else, through `vault`.

use varde_proto::id::Origin;

/// Leaf of the exchange log, by index: the 33 bytes the tree contains. Plain.
pub const LEAF: u8 = b'l';
/// Hashes of 256 leaves of the exchange log that stand side by side, by the index of the first: from them the tree is read when
/// the node starts. Plain.
pub const HASHES: u8 = b'L';
/// Opening (r and event) of a leaf, by index. Sealed.
pub const OPENING: u8 = b'o';
/// Envelope, by the index of the first leaf that concerns it. Sealed.
pub const ENVELOPE: u8 = b'e';
/// Signed head of our log, by size. Plain.
pub const HEAD: u8 = b'h';
/// Verified head of a peer's log, by country and size. Plain.
pub const PEER_HEAD: u8 = b'v';
/// Entries of a peer's log, by country, generation and the index of the first: the commitments of up to 256 entries. Plain.
pub const ESCROW: u8 = b'E';
/// How far a peer's entries are kept, by country and generation: the frontier of the tree that they make. Plain.
pub const ESCROW_END: u8 = b'K';
/// A peer's cosignature of a head of ours, by the peer's country, generation and the head's size: time (8 bytes, seconds) and
/// signature. Plain.
pub const COSIGNATURE: u8 = b'g';
/// The newest checkpoint of a foreign log that we cosigned, by SHA-256 of the log's origin: the note. Plain.
pub const FOREIGN_HEAD: u8 = b'F';
/// Proof that a log was forked, by the log's country and generation and the proof's digest. Plain.
pub const EVIDENCE: u8 = b'u';
/// The signed act of the first of two people who release a frozen log, by its country and generation and the proof's digest.
/// Sealed.
pub const VERDICT: u8 = b'z';
/// Text of an agreement, by its SHA-256. Plain.
pub const AGREEMENT: u8 = b'A';
/// What we or a peer signed of an agreement: country, generation, direction, SHA-256 of the agreement's text, and 0 for a yes or 1 for
/// its end: the signed document. Plain.
pub const WORD: u8 = b'P';
/// State of a channel: direction, country, class. Plain.
pub const CHANNEL: u8 = b'c';
/// Item owed to a peer: country, class, sequence number. Plain (log indexes only).
pub const OWED: u8 = b'q';
/// Item taken from a peer: country, class, sequence number. Plain (log index, E).
pub const TAKEN: u8 = b't';
/// The sender's proof of an item taken from a peer: country, class, sequence number. Sealed.
pub const SENT_PROOF: u8 = b'p';
/// Receipt held: country, class, sequence number. Sealed.
pub const RECEIPT: u8 = b'r';
/// Item that was owed and is receipted: country, class, sequence number. Plain (log indexes only).
pub const SETTLED: u8 = b'S';
/// Sealed item's wrapped key, by item number. Wrapped.
pub const ITEM_KEY: u8 = b'k';
/// Number of the key that wraps a bucket's item keys since an erasure in it, by bucket; without it, the bucket's own number. Plain.
pub const BUCKET: u8 = b'U';
/// Item under which an earlier version of a sealed row was stored: row name and item number. Kept for the rows whose every
/// version an erasure must find ([`keeps_trail`]). Plain.
pub const EARLIER: u8 = b'Y';
/// What remains of an erased item, or of one whose erasure is under way, by its issuer's country and E
/// (`flow::erase`). Plain.
pub const REMAINS: u8 = b'G';
/// Hold on an item, by E: the leaf with which it began. Plain.
pub const HOLD: u8 = b'H';
/// What a recipient of an alert of ours has to erase, by E and the recipient's country and generation. Plain.
pub const OUTSTANDING: u8 = b'O';
/// Erasure that is not finished, by the issuer's country and E. Plain.
pub const ERASING: u8 = b'Z';
/// When an item that came from a peer expires, and E: the index under which its envelope is kept. Plain.
pub const EXPIRY: u8 = b'X';
/// What was said about an alert, by its issuer's country, its id and the recipient's country: whether it was delivered, when an
/// answer is due, and the indexes of our leaves about each word. Plain.
pub const REPLIES: u8 = b'R';
/// Offer of an alert, by its issuer's country and the alert's id: the index under which its envelope is kept, and E. Plain.
pub const OFFER: u8 = b'Q';
/// Offer of ours that is not decided yet, by the alert's id. Plain.
pub const OFFERED: u8 = b'W';
/// What was taken from a peer and is no alert, by its country and E: the index of our `received` leaf. Plain.
pub const HEARD: u8 = b'V';
/// Queries about found children, by who asked, who was asked, and the day: their ids. Plain.
pub const QUERIES: u8 = b'J';
/// Answer that is due: when, the alert's issuer's country and id, the recipient's country. Plain.
pub const DUE: u8 = b'D';
/// Urgent alert or offer from a peer that nobody here has seen, by the peer's country and the index of its `received` leaf. Plain.
pub const UNSEEN: u8 = b'N';
/// Alert of ours that was released without a second person and that none has looked at since, by id: why, and the public key by which it was
/// released. Plain.
pub const UNREVIEWED: u8 = b'B';
/// Counters and one-row facts, by name. Plain.
pub const FACT: u8 = b'f';
/// Case record, by number. Sealed.
pub const RECORD: u8 = b'n';
/// Identity of an imported row: keyed hash. Plain.
pub const RECORD_IDENTITY: u8 = b'i';
/// Draft or alert of ours, by when it was made and its id, whatever became of it; or E, where no more is known. Plain.
pub const MADE: u8 = b'M';
/// Draft, by id. Sealed.
pub const DRAFT: u8 = b'd';
/// Alert held or released, by issuer's country and id: the index under which its envelope is kept. Plain.
pub const ALERT: u8 = b'a';
/// Version of an alert, by its issuer's country and E: its id, kind and number, when the first version was issued, and E of the version that
/// takes its place (`flow::versions`). Plain.
pub const VERSION: u8 = b'T';
/// Alert taken from a peer, by the index of its `received` leaf: the peer's country. Plain.
pub const INBOX: u8 = b'm';
/// Item from a peer that was refused here, by the index of our `rejected` leaf: the peer's country. Plain.
pub const REFUSED: u8 = b'I';
/// Entry of a privacy budget, by issuer's country and number: index and digest. Plain.
pub const BUDGET: u8 = b'b';
/// Release that a budget committed, by issuer's country, cohort and edition: index of the line and the release's digest.
/// Plain.
pub const COMMITTED: u8 = b'x';
/// Trend summary held, by issuer's country, cohort and edition: index and digest. Plain.
pub const SUMMARY: u8 = b's';
/// Key of the commitment to the signed acts of staff behind a trend summary or the release of a frozen log, and the acts, by the
/// index of the leaf that commits to them. Sealed.
pub const ACT: u8 = b'w';
/// Key statement of our own log, by its number: the index of its leaf, and the signed statement. Plain.
pub const KEY: u8 = b'y';
/// Journal of refused connections and unproven frames: 0 for strangers, or 1 and a pinned country; then the number; bounded. Sealed.
pub const JOURNAL: u8 = b'j';

/// Bits of what is counted in one generation of our log.
const COUNTED: u32 = 40;

/// The number under which leaf 0 of a log of ours is stored: 0 in its first generation.
pub fn first(log: &Origin) -> u64 {
    u64::from(log.generation() - 1) << COUNTED
}

/// How the name of a channel's row ends: with the generation of our log, unless that is the first.
pub fn channel_end(first: u64) -> Vec<u8> {
    if first == 0 { Vec::new() } else { first.to_be_bytes().to_vec() }
}

/// What a stored number counts, within its generation.
pub fn counted(number: u64) -> u64 {
    number & ((1 << COUNTED) - 1)
}

/// Whether the earlier versions of a row must be found again when it is erased: a draft is written anew by everyone who acts on it.
pub fn keeps_trail(row: &[u8]) -> bool {
    row.first() == Some(&DRAFT)
}

/// A row's name from its prefix and parts.
pub fn row(prefix: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut name = Vec::with_capacity(1 + parts.iter().map(|p| p.len()).sum::<usize>());
    name.push(prefix);
    for part in parts {
        name.extend_from_slice(part);
    }
    name
}

/// A row named by a number.
pub fn numbered(prefix: u8, number: u64) -> Vec<u8> {
    row(prefix, &[&number.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_sorts_of_rows_share_a_prefix() {
        let source = include_str!("rows.rs");
        let mut prefixes: Vec<&str> =
            source.lines().filter_map(|line| line.split_once(": u8 = b'")).map(|l| l.1).collect();
        let count = prefixes.len();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert!(count > 20 && prefixes.len() == count, "{prefixes:?}");
    }
}
