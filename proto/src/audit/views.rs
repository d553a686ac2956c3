//! What is compared with the log from outside its leaves: the identity that the reader trusts, heads that peers hold of this
//! log, its policy, the texts of its agreements.

use super::Given;
use super::codes;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::layout;
use super::source::Unreadable;
use super::tree::Read;
use crate::id::{Digest, LogIndex};
use crate::identity::{Genesis, PublicKey, Role};
use crate::log::head::Head;
use crate::log::policy::{Policy, Unsatisfied};

/// Compares the bundle's identity with what the reader trusts.
pub(super) fn identity(genesis: &Genesis, given: &Given, out: &mut Findings) {
    let fingerprint = genesis.keys().id().fingerprint();
    if given.trusted.is_empty() {
        let text = format!("the bundle vouches for itself; its identity has the fingerprint {fingerprint}");
        out.add(Finding::new(codes::UNPINNED_IDENTITY, text));
    } else if !given.trusts(genesis) {
        let origin = genesis.origin();
        let text =
            format!("the bundle's identity has the fingerprint {fingerprint}, which you do not trust as {origin}");
        out.add(Finding::new(codes::WRONG_IDENTITY, text));
    }
}

/// Compares heads that peers hold of this log with its tree.
pub(super) fn heads(genesis: &Genesis, read: &mut Read, given: &Given, out: &mut Findings) {
    let keys: Vec<PublicKey> = genesis.keys().get(Role::Log).copied().into_iter().collect();
    for (place, note) in given.views.iter().enumerate() {
        match Head::from_note(note, genesis.origin(), &keys) {
            Ok(head) => {
                head_of(&head, read, out);
                read.keep_cosigned(head);
            }
            Err(bad) => {
                out.add(Finding::new(codes::VIEW_INVALID, format!("view {}: {bad}", place + 1)));
            }
        }
    }
}

fn head_of(head: &Head, read: &Read, out: &mut Findings) {
    let (size, root) = (head.size().0, head.root());
    let ours = read.tree.root_at(head.size());
    if read.signed.get(&size).is_some_and(|signed| *signed != root) {
        let text = format!("the log signed two different roots of {size} leaves: one in the bundle, one at a peer");
        out.add(Finding::new(codes::SPLIT_VIEW, text).at(LogIndex(size)));
    } else if ours.is_none() {
        let text = format!("a peer holds a head of {size} leaves, and the bundle has {}", read.tree.size().0);
        out.add(Finding::new(codes::TRUNCATED, text).at(LogIndex(read.tree.size().0)));
    } else if ours != Some(root) {
        let text = format!("the first {size} leaves are not those of which a peer holds the signed head");
        out.add(Finding::new(codes::REWRITTEN, text).at(LogIndex(size)));
    }
}

/// Compares the policy in the bundle with the newest one in the log, and the newest head with it.
pub(super) fn policy(
    files: &mut Files<'_>,
    logged: Option<&[u8]>,
    head: &Head,
    unknown: bool,
    out: &mut Findings,
) -> Result<(), Unreadable> {
    let Some(bytes) = files.require(layout::POLICY, out)? else { return Ok(()) };
    if logged != Some(&bytes[..]) {
        if !unknown {
            out.add(Finding::new(codes::POLICY_DIFFERS, "the policy is not the one that the log names"));
        }
        return Ok(());
    }
    let verdict = match Policy::parse(&bytes) {
        Err(bad) => Err((codes::POLICY_DIFFERS, format!("the policy cannot be read: {bad}"))),
        // A policy that names no log leaves to its reader which log it is about.
        Ok(policy) if policy.logs().is_empty() && policy.is_quorum(&[]) => Ok(()),
        // Nobody waits for witnesses: how long the newest leaves were without them is judged apart.
        Ok(policy) => match policy.check(head.note()) {
            Ok(_) | Err(Unsatisfied::Quorum(_)) => Ok(()),
            Err(bad) => Err((codes::POLICY_DIFFERS, format!("the newest head does not satisfy the policy: {bad}"))),
        },
    };
    if let Err((code, text)) = verdict {
        out.add(Finding::new(code, text));
    }
    Ok(())
}

/// Each text of an agreement lies under its own digest.
pub(super) fn agreements(files: &mut Files<'_>, out: &mut Findings) -> Result<(), Unreadable> {
    for path in files.under("agreements/") {
        let Some(bytes) = files.take(&path, out)? else { continue };
        if path != format!("{}/{}", layout::AGREEMENTS, Digest::of(&bytes)) {
            files.lose(&path, "is not the text that it is named after", out);
        }
    }
    Ok(())
}
