//! The catalogue of findings. A code never changes its meaning; a new meaning is a new code.

use super::finding::{Code, Severity};

macro_rules! codes {
    ($(#[doc = $means:literal] $name:ident = $severity:ident $code:literal $promise:literal $next:literal;)*) => {
        $(#[doc = $means] pub const $name: Code = Code {
            name: $code,
            severity: Severity::$severity,
            promise: $promise,
            means: $means.trim_ascii(),
            next: $next,
        };)*

        /// Every code, in the order of this page.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// No `--trust` was given: the bundle vouches for itself only.
    UNPINNED_IDENTITY = Note "unpinned-identity" ""
        "compare the fingerprint with the node's coordinator over another channel, then repeat with --trust";
    /// No head of the log that somebody else holds was given: what is cut off at an old head is not missed.
    NO_OUTSIDE_VIEW = Note "no-outside-view" "L1"
        "ask another country for the newest head that it holds of this log, and repeat with --view; or `varde audit reconcile` with its bundle";
    /// The newest head that a quorum cosigned is older than a day.
    STALE = Note "stale" "L1"
        "ask for a new bundle; a log that nobody exchanged anything with since is as old as that, and any of its peers can say so";
    /// The bundle is of another identity than the one trusted.
    WRONG_IDENTITY = Finding "wrong-identity" "L6"
        "give the `--trust` of the node that made the bundle; if you did, do not use it: ask the coordinator over another channel which \
         key is theirs";
    /// No genesis, or one that does not verify.
    GENESIS_INVALID = Finding "genesis-invalid" "L1" "ask for the bundle again; without a genesis nothing in it can be believed";
    /// Leaf 0 is not this genesis.
    GENESIS_DIFFERS = Finding "genesis-differs" "L1" "the log was not begun by this genesis; ask its coordinator to explain";
    /// No manifest, or one that is not signed by the node.
    MANIFEST_INVALID = Finding "manifest-invalid" "" "ask for the bundle again";
    /// The list of files is not the one that was signed.
    LIST_CHANGED = Finding "list-changed" "" "the list of files was changed after it was signed; ask for the bundle again";
    /// A file is not the one that was listed.
    FILE_CHANGED = Finding "file-changed" ""
        "the file was changed after the bundle was signed; ask for the bundle again, and where this copy has been";
    /// A listed or required file is not there.
    FILE_MISSING = Finding "file-missing" "" "ask for the bundle again";
    /// A file that the list does not know.
    FILE_UNLISTED = Finding "file-unlisted" "" "the file was added after the bundle was signed; do not use it";
    /// A file as it was listed, but not of its format.
    FILE_MALFORMED = Finding "file-malformed" "" "the node wrote a file that nobody can read; ask its operator";

    /// Changes of the log's keys that cannot be walked from its genesis.
    KEYS_INVALID = Finding "keys-invalid" "L6" "ask the coordinator which keys the log has, and for its key statements";
    /// The bundle shows other changes of keys than its leaves.
    KEYS_DIFFER = Finding "keys-differ" "L6" "ask the coordinator which keys the log has, and compare with what its peers were shown";
    /// A head by a key of the log that had not begun, was replaced, or was revoked.
    KEY_OUT_OF_TIME = Finding "key-out-of-time" "L6"
        "treat what this head alone shows as forged; ask a peer which head it holds of that size";

    /// A checkpoint that is not a signed head of this log.
    CHECKPOINT_INVALID = Finding "checkpoint-invalid" "L1" "ask the node's operator for its signed heads";
    /// The newest head is not of the size that the manifest says.
    SIZE_DIFFERS = Finding "size-differs" "L1" "ask for the bundle again; this one contradicts itself";
    /// The leaves do not have the root that was signed.
    ROOT_DIFFERS = Finding "root-differs" "L1"
        "the log was changed after it was signed: keep this bundle as evidence and compare heads with a peer";
    /// An entry is not the one whose hash the tree holds.
    ENTRY_ALTERED = Finding "entry-altered" "L1" "keep this bundle as evidence; ask a peer of that time for its proofs";
    /// A tile is not the one that the leaves give.
    TILE_ALTERED = Finding "tile-altered" "L1" "the leaves are right and the tile is wrong: ask for the bundle again";
    /// The policy is not the one that the log names, or cannot be read.
    POLICY_DIFFERS = Finding "policy-differs" "L1" "ask the node's operator which policy is in force";
    /// Leaves that the witnesses of the log's own policy had not cosigned after a day.
    NOT_WITNESSED = Finding "not-witnessed" "L1" "ask the witnesses whether they saw this head";
    /// Leaves that the witnesses of the log's own policy had not cosigned after ten minutes.
    WITNESS_LATE = Note "witness-late" "L1"
        "a partition explains it, and so does a log that was not shown to anybody: ask a witness for its newest head of it";
    /// Witnesses were shown fewer leaves than before, or new leaves took the place of lost ones, and the log does not say so.
    ROLLED_BACK = Finding "rolled-back" "L1"
        "keep the two heads as evidence; ask every peer for the proofs and receipts of that time";
    /// The log says that the node was restored from a backup, and what came back.
    RESTORED = Note "restored" "L1"
        "ask the operator what happened; compare the size that came back with the newest head that a peer holds of that time";
    /// The log follows another one of its node, which ended: the leaf names its newest head that peers had, and why it ended.
    GENERATION_BUMPED = Note "generation-bumped" "L1"
        "ask for the bundle of the log before, and every peer for its newest head of it: what that log showed beyond what the statement \
         names is in nobody's bundle";
    /// The log is of a later generation, and does not say who decided that, and why, as K_id signed it.
    GENERATION_UNEXPLAINED = Finding "generation-unexplained" "L1"
        "ask the coordinator for the incident statement, and peers for the descriptor that they accepted; believe neither log without it";
    /// Two countries were told differently why one log began, or one was told otherwise than that log says.
    GENERATION_DIFFERS = Finding "generation-differs" "L1"
        "lay both statements before the country that signed them, and tell every peer: believe neither until one is explained";
    /// More padding than hides a size.
    PADS_OVER_POLICY = Note "pads-over-policy" "" "ask the operator why: padding reserves places, and says nothing itself";
    /// Two different roots of one size, both signed by the log.
    SPLIT_VIEW = Finding "split-view" "L1"
        "two signatures of one key prove it: keep both notes, tell every peer, stop exchanging with this log";
    /// The log accuses another one of a fork, and what it shows does not prove it.
    EVIDENCE_INVALID = Finding "evidence-invalid" "L1"
        "ask the coordinator why this was kept; the log that is accused did not sign it";
    /// Something was taken from a log that this one knew to be forked, before people decided.
    FROZEN_IGNORED = Finding "frozen-ignored" "L1" "ask the coordinator why the node went on with that log";
    /// A head that a peer holds is not in this log's past.
    REWRITTEN = Finding "rewritten" "L1" "keep the peer's note and this bundle as evidence, tell every peer";
    /// A peer holds a head of a later size.
    TRUNCATED = Finding "truncated" "L1" "ask for a bundle that reaches that size; if none comes, leaves are being withheld";
    /// A note given as a view is not a signed head of this log.
    VIEW_INVALID = Finding "view-invalid" "" "ask the peer for the note again";

    /// A leaf without its opening, and no reason in the log.
    OPENING_MISSING = Finding "opening-missing" "L1" "ask the counterparties of that time what it was; they hold their own half";
    /// An opening that is not what the leaf commits to.
    OPENING_ALTERED = Finding "opening-altered" "L1" "keep this bundle as evidence; ask the counterparties of that time";
    /// Leaves that are not for this reader.
    WITHHELD = Note "withheld" ""
        "this is normal in a bundle made with `--for CC`: the numbers of CC's channels show that nothing which concerns CC was \
         left out up to the newest number that is shown; reconcile with CC's bundle for what came after. To see the rest, ask the coordinator for the whole bundle (`varde log export` without `--for`)";
    /// A leaf whose fields contradict its kind.
    LEAF_MALFORMED = Finding "leaf-malformed" "L1" "ask the node's operator; an honest node does not write such a leaf";
    /// A kind that this version does not know.
    UNKNOWN_KIND = Note "unknown-kind" "" "verify again with a newer version of this program";
    /// A number of a channel is left out.
    SEQUENCE_GAP = Finding "sequence-gap" "L2" "ask both ends for the item with that number";
    /// A number of a channel occurs twice.
    SEQUENCE_REPEATED = Finding "sequence-repeated" "L3" "ask both ends which of the two was exchanged";
    /// The accumulator does not follow from the item before.
    CHAIN_MISMATCH = Finding "chain-mismatch" "L2" "compare with the other end's bundle: `varde audit reconcile`";
    /// One item was admitted under two numbers.
    ADMITTED_TWICE = Finding "admitted-twice" "L3" "ask the operator why a repetition was not refused";
    /// An erasure that the item's issuer did not ask for, and before its time was over.
    ERASURE_UNREQUESTED = Finding "erasure-unrequested" "L7" "ask the operator who asked for it; what is gone is not explained by it";
    /// An erasure that the item's issuer asked for, it is said, by a request that was lost with a backup.
    ERASURE_REQUEST_LOST = Note "erasure-request-lost" "L7"
        "compare with the bundle of the country that asked, which shows whether it did: `varde audit reconcile`";
    /// A leaf is older than the one before it.
    TIME_DECREASING = Finding "time-decreasing" "L1" "ask the operator what happened to the clock";
    /// A leaf says that it is older than something of another log that was woven into its log by then.
    BACKDATED = Finding "backdated" "L1"
        "compare the clocks of both nodes; if they agree, ask the operator who wrote the leaf, and when it really was";
    /// A leaf says that it is younger than cosignatures of a head that covers it.
    FORWARD_DATED = Finding "forward-dated" "L1" "compare the node's clock with its witnesses'; ask the operator what happened to it";
    /// The clock was set back with approval.
    CLOCK_STEP = Note "clock-step" "" "ask who approved it, if that matters";

    /// A pin that is not a valid descriptor of that peer.
    ROSTER_INVALID = Finding "roster-invalid" "L6" "ask the coordinator how this peer was pinned";
    /// A peer was pinned under another identity key than before.
    IDENTITY_CHANGED = Finding "identity-changed" "L6" "ask both coordinators whether they compared the new fingerprint";
    /// An item was exchanged with a log that was not pinned then.
    NOT_IN_ROSTER = Finding "not-in-roster" "L6" "ask the coordinator why this was admitted";
    /// An acceptance that is not one.
    AGREEMENT_INVALID = Finding "agreement-invalid" "L6" "ask both coordinators for the signed acceptance";
    /// An agreement whose text is not there, or cannot be read.
    AGREEMENT_UNREAD = Finding "agreement-unread" "L6" "ask either coordinator for the text, and compare its SHA-256";
    /// An item that the agreement in force does not permit.
    AGAINST_AGREEMENT = Finding "against-agreement" "L4" "ask both coordinators why this was exchanged";
    /// An item under an agreement that the two had not both accepted.
    AGREEMENT_MISSING = Finding "agreement-missing" "L4" "ask both coordinators under which agreement this was sent";

    /// The envelope of an item is not there, and was not erased.
    ENVELOPE_MISSING = Finding "envelope-missing" "L2" "ask the other end for its copy; the digest E tells whether it is the same";
    /// An envelope is not the one that the leaf names.
    ENVELOPE_ALTERED = Finding "envelope-altered" "L2" "ask the other end for its copy; the digest E tells whether it is the same";
    /// An envelope that no leaf names.
    ENVELOPE_UNLOGGED = Finding "envelope-unlogged" "L2" "ask the operator where it comes from";
    /// The signature of an envelope is not by its issuer.
    ENVELOPE_UNSIGNED = Finding "envelope-unsigned" "L6" "do not rely on its content; ask the issuer whether it is theirs";
    /// The payload breaks a rule that both ends check.
    AGAINST_RULES = Finding "against-rules" "L4" "both ends should have refused it; tell both coordinators";
    /// A sharing decision that is not the one that the leaf names.
    DECISION_ALTERED = Finding "decision-altered" "L4" "ask the coordinator for the decision as it was signed";
    /// A payload of a type that this version does not read.
    UNKNOWN_PAYLOAD = Note "unknown-payload" "" "its signature is good; verify again with a newer version of this program";
    /// A line of the privacy budget does not follow from those before it.
    BUDGET_FAULT = Finding "budget-fault" "L4" "stop releasing trends until the node's budget is explained";

    /// The log says that a receipt is held, and it is not there or is another.
    RECEIPT_MISSING = Finding "receipt-missing" "L5" "ask the node's operator for it; the log claims a receipt that nobody shows";
    /// A receipt that does not verify.
    RECEIPT_INVALID = Finding "receipt-invalid" "L5" "ask the peer for the proof again";
    /// A receipt of another item than the one sent.
    RECEIPT_DIFFERS = Finding "receipt-differs" "L5" "compare with the peer's bundle: `varde audit reconcile`";
    /// The sender's proof of an item taken is not there.
    SENT_PROOF_MISSING = Finding "sent-proof-missing" "L2" "ask the node's operator for it; nothing is taken without the sender's proof";
    /// A sender's proof that does not verify.
    SENT_PROOF_INVALID = Finding "sent-proof-invalid" "L2" "ask the node's operator for the proof with which the item came";
    /// A sender's proof of another item than the one taken.
    SENT_PROOF_DIFFERS = Finding "sent-proof-differs" "L2" "compare with the sender's bundle: `varde audit reconcile`";
    /// The receiver gave up an item that the sender did not.
    ABANDONED_BY_RECEIVER = Finding "abandoned-by-the-receiver" "L5" "only a sender may abandon an item; ask the receiver why it did";
    /// A head of another log that does not verify.
    WITNESS_INVALID = Finding "witness-invalid" "L1" "ask the operator where the note comes from";
    /// Sent, and no receipt yet.
    UNDELIVERED = Note "undelivered" "L5" "the item is still owed; see `varde status` whether the peer is reached";
    /// Queries were sent, and after a day nothing answers them.
    QUERY_UNANSWERED = Note "query-unanswered" "L5" "ask the country that was asked; for each purpose there is one line";
    /// The peer refused an item, and said why.
    REJECTED = Note "rejected" "L4" "read the reason; what was refused was not admitted";

    /// The items of the two bundles cannot be compared.
    NOT_COMPARABLE = Finding "not-comparable" ""
        "nothing was compared item by item: put right what else is found, and give bundles that belong together";
    /// One side proves items of the other at leaves that the other's bundle does not show: what is in them was not compared.
    PARTLY_COMPARED = Finding "partly-compared" "L2"
        "take what is missing from the bundle that is named, and give it to the operator of the other log; if that one says that a \
         backup was restored, ask when and why, and ask every peer what it gave back then";
    /// One side holds a head of the other that its bundle does not reach.
    BUNDLE_BEHIND = Finding "bundle-behind" "L1" "ask for a newer bundle of that log; if it does not reach that size, leaves are withheld";
    /// A head that one side holds is not in the other's log.
    FORKED = Finding "forked" "L1" "the note is signed by that log's own key: keep it and both bundles, tell every peer";
    /// Sent, not received, and the receiver's bundle is not to blame.
    IN_FLIGHT = Note "in-flight" "L5" "nobody has lied: the sender still owes it";
    /// Sent, not received, and for longer than delivery may take; nobody has lied.
    OVERDUE = Note "overdue" "L5" "the sender owes it again, or must log that it is abandoned; ask both what stands between them";
    /// One side asked the other to erase an item, and the other's log says neither that it did nor that it may not.
    ERASURE_OVERDUE = Finding "erasure-overdue" "L7"
        "ask the recipient whether the item is erased, and for the proof of its `erase-done` leaf";
    /// One side took an item back and never asked the other, which had it: it was not pinned.
    ERASURE_NOT_ASKED = Finding "erasure-not-asked" "L7" "pin the recipient again: the issuer's node asks it by itself";
    /// One side logged a head of the other that is not in the other's log; neither shows a signature under it.
    ENTANGLED_OTHERWISE = Finding "entangled-otherwise" "L1"
        "ask the side that logged it for the signed head: if it has one, the other log was rewritten; ask third countries for theirs";
    /// One side shows the other's receipt, and the other's log does not have the item.
    RECEIPT_DENIED = Finding "receipt-denied" "L2" "the receipt is signed by that log's own key: keep it and both bundles";
    /// One side received what the other never sent.
    NEVER_SENT = Finding "never-sent" "L2" "ask the receiving side for the proof with which it came";
    /// One side shows the other's proof that it sent an item, and the other's log does not have it.
    SENT_DENIED = Finding "sent-denied" "L2" "the proof is signed by that log's own key: keep it and both bundles";
    /// One side shows the other's proof of an item, and the other's log has another one under its number.
    EQUIVOCATED = Finding "equivocated" "L3" "the proof is signed by that log's own key: keep it and both bundles, tell every peer";
    /// One side pinned the other under another identity or log key than its genesis has.
    PEER_MISIDENTIFIED = Finding "peer-misidentified" "L6"
        "ask the coordinator whose fingerprint was compared; nothing that it shows of that peer's signatures counts";
    /// The bundle is of another log of a country than the one that the other side exchanged with.
    ANOTHER_LOG = Finding "another-log" "L6"
        "ask the country for the bundle of the log that its peer names, and why there are two";
    /// The two ends name different items under one number.
    ITEM_DIFFERS = Finding "item-differs" "L3" "ask the receiving side for the proof with which it came";
    /// A file that is not a tlog-proof.
    PROOF_MALFORMED = Finding "proof-malformed" "" "ask whoever gave you the proof for it again";
    /// A proof whose checkpoint does not satisfy the policy.
    PROOF_UNTRUSTED = Finding "proof-untrusted" "L1" "do not rely on it; see whether the policy names the right log and witnesses";
    /// A proof whose leaf is not in the tree.
    NOT_INCLUDED = Finding "not-included" "L1" "do not rely on it: the tree that was signed does not hold this entry in this place";
    /// A proof of one of our logs without its opening, which whoever handed it over has taken off.
    ENTRY_NOT_GIVEN = Finding "entry-not-given" ""
        "give what was logged with --entry FILE, or its leaf hash with --leaf HASH; or ask for the proof as the node wrote it";
    /// A proof of another system's log, which need not say what was logged, and a reader who did not either.
    ENTRY_NOT_CHECKED = Finding "entry-not-checked" ""
        "give what was logged with --entry FILE, or its leaf hash with --leaf HASH";
    /// A witness of the policy whose kind of key this version cannot verify.
    WITNESS_UNVERIFIABLE = Note "witness-unverifiable" "" "verify again with a program that verifies ML-DSA-44 cosignatures";
    /// A policy that asks for no witness.
    UNWITNESSED = Note "unwitnessed" "L1" "compare the head with one that somebody else holds of this log";

    /// Two logs that know each other agree that there was nothing between them.
    NOTHING_EXCHANGED = Note "nothing-exchanged" ""
        "if the two countries say otherwise, ask both for newer bundles";
    /// The receiver's time is far before the sender's.
    CLOCK_SKEW = Note "clock-skew" "" "compare the two nodes' clocks";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_name_of_plain_letters_and_advice() {
        for (place, code) in ALL.iter().enumerate() {
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", code.name);
            assert!(!code.next.is_empty() && !ALL[..place].iter().any(|other| other.name == code.name));
        }
    }
}
