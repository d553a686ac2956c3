//! What a finding proves, and who is to act: one line for each code of the catalogue, so that `varde audit explain` and reports
//! say the same. What it means stands at the code itself, and what to do next in [`Code::next`].

use super::codes;
use super::finding::Code;

/// On what a finding rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Two things that the log itself signed and that cannot both be true.
    OwnSignatures,
    /// What the node signed when it handed out the bundle.
    Bundle,
    /// The other log's signature, which the holder shows.
    OthersSignature,
    /// Cosignatures with the times that witnesses state.
    Witnesses,
    /// One log's word against the other's.
    Word,
    /// That this copy is not what was signed.
    Copy,
    /// What the reader brought or asked.
    Reader,
}

impl Proof {
    /// A sentence for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::OwnSignatures => {
                "two things that the log's own key signed and that cannot both be true; whoever is shown both needs nothing \
                 else, and the node cannot take it back"
            }
            Self::Bundle => {
                "the bundle as its node signed it: MANIFEST and FILES bind every file, so the node itself handed this out"
            }
            Self::OthersSignature => {
                "a head, receipt or proof signed by the other log's key, which its holder keeps and shows"
            }
            Self::Witnesses => {
                "the cosignatures of the log's heads: each witness states when it saw which size, so this does not rest on the \
                 node's clock"
            }
            Self::Word => {
                "one log's word against the other's: neither shows a signature of the other, so nobody is convicted"
            }
            Self::Copy => {
                "that this copy is not what the node signed; it does not say who changed it, and it may have been on the way"
            }
            Self::Reader => "nothing about a node: it is about what was given to this command",
        }
    }
}

/// Who is to act first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever audits.
    Auditor,
    /// Who operates the node that the log belongs to.
    Operator,
    /// The coordinators of both countries.
    Coordinators,
    /// Every country of the network.
    Everyone,
}

impl Who {
    /// A word for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Auditor => "you, the auditor",
            Self::Operator => "the operator of that log's node",
            Self::Coordinators => "the coordinators of both countries",
            Self::Everyone => "every country of the network: stop exchanging with that log until it is explained",
        }
    }
}

/// What a code rests on and who acts; `None` for a code that is not in the catalogue.
pub fn explain(code: Code) -> Option<(Proof, Who)> {
    GROUPS.iter().find(|(_, _, group)| group.contains(&code)).map(|(proof, who, _)| (*proof, *who))
}

/// A code by its name.
pub fn find(name: &str) -> Option<Code> {
    codes::ALL.iter().find(|code| code.name == name).copied()
}

const GROUPS: &[(Proof, Who, &[Code])] = &[
    (
        Proof::OwnSignatures,
        Who::Everyone,
        &[
            codes::SPLIT_VIEW,
            codes::REWRITTEN,
            codes::FORKED,
            codes::RECEIPT_DENIED,
            codes::SENT_DENIED,
            codes::EQUIVOCATED,
        ],
    ),
    (
        Proof::OwnSignatures,
        Who::Auditor,
        &[
            codes::ROOT_DIFFERS,
            codes::ENTRY_ALTERED,
            codes::OPENING_ALTERED,
            codes::SIZE_DIFFERS,
            codes::GENESIS_DIFFERS,
        ],
    ),
    (
        Proof::Bundle,
        Who::Operator,
        &[
            codes::FILE_MALFORMED,
            codes::KEYS_INVALID,
            codes::KEYS_DIFFER,
            codes::KEY_OUT_OF_TIME,
            codes::CHECKPOINT_INVALID,
            codes::TILE_ALTERED,
            codes::POLICY_DIFFERS,
            codes::RESTORED,
            codes::GENERATION_BUMPED,
            codes::GENERATION_UNEXPLAINED,
            codes::PADS_OVER_POLICY,
            codes::LEAF_MALFORMED,
            codes::ADMITTED_TWICE,
            codes::ERASURE_UNREQUESTED,
            codes::ERASURE_REQUEST_LOST,
            codes::TIME_DECREASING,
            codes::CLOCK_STEP,
            codes::ENVELOPE_UNLOGGED,
            codes::DECISION_ALTERED,
            codes::BUDGET_FAULT,
            codes::RECEIPT_MISSING,
            codes::SENT_PROOF_MISSING,
            codes::SENT_PROOF_INVALID,
            codes::WITNESS_INVALID,
            codes::UNDELIVERED,
            codes::QUERY_UNANSWERED,
            codes::ROSTER_INVALID,
            codes::NOT_IN_ROSTER,
            codes::EVIDENCE_INVALID,
            codes::FROZEN_IGNORED,
        ],
    ),
    (
        Proof::Bundle,
        Who::Coordinators,
        &[
            codes::OPENING_MISSING,
            codes::SEQUENCE_GAP,
            codes::SEQUENCE_REPEATED,
            codes::CHAIN_MISMATCH,
            codes::IDENTITY_CHANGED,
            codes::AGREEMENT_INVALID,
            codes::AGREEMENT_MISSING,
            codes::AGREEMENT_UNREAD,
            codes::AGAINST_AGREEMENT,
            codes::ENVELOPE_MISSING,
            codes::ENVELOPE_ALTERED,
            codes::ENVELOPE_UNSIGNED,
            codes::AGAINST_RULES,
            codes::RECEIPT_INVALID,
            codes::PEER_MISIDENTIFIED,
            codes::GENERATION_DIFFERS,
            codes::ANOTHER_LOG,
        ],
    ),
    (
        Proof::Bundle,
        Who::Auditor,
        &[codes::WITHHELD, codes::UNKNOWN_KIND, codes::UNKNOWN_PAYLOAD, codes::NOTHING_EXCHANGED],
    ),
    (
        Proof::OthersSignature,
        Who::Coordinators,
        &[
            codes::PARTLY_COMPARED,
            codes::RECEIPT_DIFFERS,
            codes::SENT_PROOF_DIFFERS,
            codes::ABANDONED_BY_RECEIVER,
            codes::REJECTED,
            codes::BACKDATED,
        ],
    ),
    (Proof::OwnSignatures, Who::Operator, &[codes::TRUNCATED, codes::BUNDLE_BEHIND]),
    (Proof::Witnesses, Who::Operator, &[codes::NOT_WITNESSED, codes::WITNESS_LATE, codes::FORWARD_DATED, codes::STALE]),
    (Proof::Witnesses, Who::Everyone, &[codes::ROLLED_BACK]),
    (
        Proof::Word,
        Who::Coordinators,
        &[
            codes::IN_FLIGHT,
            codes::OVERDUE,
            codes::ERASURE_OVERDUE,
            codes::ERASURE_NOT_ASKED,
            codes::ENTANGLED_OTHERWISE,
            codes::NEVER_SENT,
            codes::ITEM_DIFFERS,
            codes::CLOCK_SKEW,
        ],
    ),
    (
        Proof::Copy,
        Who::Auditor,
        &[
            codes::GENESIS_INVALID,
            codes::MANIFEST_INVALID,
            codes::LIST_CHANGED,
            codes::FILE_CHANGED,
            codes::FILE_MISSING,
            codes::FILE_UNLISTED,
            codes::VIEW_INVALID,
            codes::PROOF_MALFORMED,
            codes::NOT_INCLUDED,
        ],
    ),
    (
        Proof::Reader,
        Who::Auditor,
        &[
            codes::UNPINNED_IDENTITY,
            codes::NO_OUTSIDE_VIEW,
            codes::WRONG_IDENTITY,
            codes::NOT_COMPARABLE,
            codes::PROOF_UNTRUSTED,
            codes::ENTRY_NOT_GIVEN,
            codes::ENTRY_NOT_CHECKED,
            codes::WITNESS_UNVERIFIABLE,
            codes::UNWITNESSED,
        ],
    ),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_what_it_means_what_proves_it_and_who_acts_in_one_place() {
        for code in codes::ALL {
            let groups = GROUPS.iter().filter(|(_, _, group)| group.contains(code)).count();
            assert_eq!(groups, 1, "{} stands in {groups} groups", code.name);
            let (proof, who) = explain(*code).unwrap();
            assert!(code.means.len() > 15 && code.means.ends_with('.'), "{}: {}", code.name, code.means);
            assert!(!proof.text().is_empty() && !who.text().is_empty() && find(code.name) == Some(*code));
        }
        assert_eq!(find("no-such-code"), None);
        let listed: usize = GROUPS.iter().map(|(_, _, group)| group.len()).sum();
        assert_eq!(listed, codes::ALL.len(), "a group holds a code that the catalogue has not");
    }
}
