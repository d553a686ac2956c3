//! Every signed head of a log, in its bundle and at its peers: is it by the log's key, has it the root that the leaves have at
//! its size, and who cosigned it.

use super::Given;
use super::codes;
use super::crew::Line;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::own::Own;
use super::source::Unreadable;
use super::witnesses::{Cosigned, Witnessed, cosignatures};
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::{PublicKey, Role};
use crate::log::head::{BadHead, Head};
use crate::log::policy::Policy;
use crate::log::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of a log's heads: those that agree with its leaves by size alone, the others with their roots.
#[derive(Debug, Default)]
pub(super) struct Heads {
    agreed: BTreeSet<u64>,
    differing: BTreeMap<u64, Digest>,
    /// Who cosigned them.
    pub(super) witnessed: Witnessed,
}

/// What the check of a head depends on.
struct Rules {
    origin: Origin,
    keys: Vec<PublicKey>,
    policies: Vec<(LogIndex, Policy)>,
}

/// A head whose signature is good.
struct Seen {
    size: TreeSize,
    root: Digest,
    cosigned: Cosigned,
}

impl Rules {
    fn see(&self, note: &[u8]) -> Result<Seen, BadHead> {
        Head::from_note(note, &self.origin, &self.keys).map(|head| self.seen(&head))
    }

    fn seen(&self, head: &Head) -> Seen {
        Seen { size: head.size(), root: head.root(), cosigned: cosignatures(head, &self.policies) }
    }
}

impl Heads {
    /// Checks the newest head, every other in the bundle, and those that peers hold.
    pub(super) fn read(
        files: &mut Files<'_>,
        tree: &Tree,
        newest: &Head,
        own: &Own,
        given: &Given,
        out: &mut Findings,
    ) -> Result<Self, Unreadable> {
        let keys = files.genesis.keys().get(Role::Log).copied().into_iter().collect();
        let rules = Rules { origin: files.genesis.origin().clone(), keys, policies: own.policies.clone() };
        let mut heads = Self::default();
        heads.keep(rules.seen(newest), tree, &rules, out);
        let rules = Arc::new(rules);
        heads.checkpoints(files, tree, &rules, out)?;
        heads.roots(tree, out);
        heads.views(given, tree, &rules, out);
        heads.witnessed.finish();
        Ok(heads)
    }

    /// How many sizes have a signed head.
    pub(super) fn count(&self) -> u64 {
        let others = self.differing.keys().filter(|size| !self.agreed.contains(size)).count();
        (self.agreed.len() + others) as u64
    }

    fn checkpoints(
        &mut self,
        files: &mut Files<'_>,
        tree: &Tree,
        rules: &Arc<Rules>,
        out: &mut Findings,
    ) -> Result<(), Unreadable> {
        let mut paths = files.under("checkpoints/").into_iter();
        let mut line = Line::new(files.crew);
        loop {
            while !line.is_full()
                && let Some(path) = paths.next()
            {
                let Some(notes) = files.take_packed(&path, out)? else { continue };
                let rules = Arc::clone(rules);
                line.give(move || (path, notes.iter().map(|note| rules.see(note)).collect::<Vec<_>>()));
            }
            let Some((path, seen)) = line.take()? else { return Ok(()) };
            for (place, seen) in seen.into_iter().enumerate() {
                match seen {
                    Ok(seen) => self.keep(seen, tree, rules, out),
                    Err(bad) => {
                        let text = format!("head {place} of {path}: {bad}");
                        out.add(Finding::new(codes::CHECKPOINT_INVALID, text));
                    }
                }
            }
        }
    }

    fn keep(&mut self, seen: Seen, tree: &Tree, rules: &Rules, out: &mut Findings) {
        let Seen { size, root, cosigned } = seen;
        let agrees = tree.root_at(size) == Some(root);
        let another = match agrees {
            true => self.differing.contains_key(&size.0),
            false => self.agreed.contains(&size.0) || self.differing.get(&size.0).is_some_and(|before| *before != root),
        };
        if another {
            let text = format!("the log signed two different roots of {} leaves", size.0);
            out.add(Finding::new(codes::SPLIT_VIEW, text));
        }
        if agrees {
            self.agreed.insert(size.0);
        } else {
            self.differing.insert(size.0, root);
        }
        self.witnessed.take(size.0, cosigned, &rules.policies, out);
    }

    /// Between the last head that agrees and the first that does not, something was changed.
    fn roots(&self, tree: &Tree, out: &mut Findings) {
        let Some(size) = self.differing.keys().next().filter(|_| !out.any(codes::SPLIT_VIEW)) else { return };
        let agreed = self.agreed.range(..size).next_back().copied().unwrap_or(0);
        let text = match *size > tree.size().0 {
            true => format!("a head of {size} leaves was signed, and the bundle has {}", tree.size().0),
            false => format!("the {size} leaves do not have the root that was signed; the first {agreed} do"),
        };
        out.add(Finding::new(codes::ROOT_DIFFERS, text).at(LogIndex(agreed)));
    }

    /// Compares heads that peers hold of this log with its leaves.
    fn views(&mut self, given: &Given, tree: &Tree, rules: &Rules, out: &mut Findings) {
        for (place, note) in given.views.iter().enumerate() {
            match rules.see(note) {
                Ok(seen) => {
                    self.view(&seen, tree, out);
                    self.witnessed.take(seen.size.0, seen.cosigned, &rules.policies, out);
                }
                Err(bad) => {
                    out.add(Finding::new(codes::VIEW_INVALID, format!("view {}: {bad}", place + 1)));
                }
            }
        }
    }

    fn view(&self, seen: &Seen, tree: &Tree, out: &mut Findings) {
        let (size, ours) = (seen.size.0, tree.root_at(seen.size));
        let signed = ours.filter(|_| self.agreed.contains(&size)).or_else(|| self.differing.get(&size).copied());
        if signed.is_some_and(|signed| signed != seen.root) {
            let text = format!("the log signed two different roots of {size} leaves: one in the bundle, one at a peer");
            out.add(Finding::new(codes::SPLIT_VIEW, text).at(LogIndex(size)));
        } else if ours.is_none() {
            let text = format!("a peer holds a head of {size} leaves, and the bundle has {}", tree.size().0);
            out.add(Finding::new(codes::TRUNCATED, text).at(LogIndex(tree.size().0)));
        } else if ours != Some(seen.root) {
            let text = format!("the first {size} leaves are not those of which a peer holds the signed head");
            out.add(Finding::new(codes::REWRITTEN, text).at(LogIndex(size)));
        }
    }
}
