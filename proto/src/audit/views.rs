//! What is compared with the log from outside its leaves: the identity that the reader trusts, its policy, the texts of its
//! agreements.

use super::Given;
use super::codes;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::layout;
use super::source::Unreadable;
use crate::agreement::Agreement;
use crate::id::Digest;
use crate::identity::{Genesis, History, Role};
use crate::log::head::Head;
use crate::log::policy::{Policy, Unsatisfied};
use crate::log::vkey::{KeyMaterial, Vkey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Compares the bundle's identity with what the reader trusts.
pub(super) fn identity(genesis: &Genesis, given: &Given, out: &mut Findings) {
    let fingerprint = genesis.keys().id().fingerprint();
    if given.trusted.is_empty() {
        let text = format!("the bundle vouches for itself; its identity has the fingerprint {fingerprint}");
        out.add(Finding::new(codes::UNPINNED_IDENTITY, text));
    } else if !given.trusts(genesis) {
        let origin = genesis.origin();
        let text = format!(
            "the bundle's identity has the fingerprint {fingerprint}, which no `--trust` gives for {origin}; once one is given, each \
             bundle needs its own"
        );
        out.add(Finding::new(codes::WRONG_IDENTITY, text));
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
            // It names a key that was replaced since; which key signs what is judged by the log's own statements.
            Err(Unsatisfied::Unsigned(_)) if policy.logs().iter().any(|vkey| was_held(vkey, &files.history)) => Ok(()),
            Err(bad) => Err((codes::POLICY_DIFFERS, format!("the newest head does not satisfy the policy: {bad}"))),
        },
    };
    if let Err((code, text)) = verdict {
        out.add(Finding::new(code, text));
    }
    Ok(())
}

/// Whether a log's own key ever was this one.
fn was_held(vkey: &Vkey, history: &History) -> bool {
    let held = history.roster().holdings(history.origin(), Role::Log).iter();
    vkey.name() == history.origin().as_str()
        && held.map(|holding| KeyMaterial::Ed25519(holding.key)).any(|key| key == *vkey.material())
}

/// The texts of agreements, each of which lies under its own digest.
pub(super) fn agreements(
    files: &mut Files<'_>,
    out: &mut Findings,
) -> Result<BTreeMap<Digest, Arc<Agreement>>, Unreadable> {
    let mut texts = BTreeMap::new();
    for path in files.under("agreements/") {
        let Some(bytes) = files.take(&path, out)? else { continue };
        let id = Digest::of(&bytes);
        if path != format!("{}/{id}", layout::AGREEMENTS) {
            files.lose(&path, "is not the text that it is named after", out);
            continue;
        }
        // One that cannot be read is missed where it counts.
        let read = std::str::from_utf8(&bytes).ok().and_then(|text| Agreement::read(text).ok());
        texts.extend(read.map(|agreement| (id, Arc::new(agreement))));
    }
    Ok(texts)
}
