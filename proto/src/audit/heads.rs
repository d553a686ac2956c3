//! Every signed head of a log, in its bundle and at its peers: is it by a key that the log had there, has it the root that the leaves have at
//! its size, and who cosigned it.

use super::Given;
use super::codes;
use super::crew::Line;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::own::Own;
use super::source::Unreadable;
use super::witnesses::{Cosigned, Witnessed, cosignatures};
use crate::id::{Digest, LogIndex, TreeSize};
use crate::identity::{Change, History, Logged, PublicKey, Role};
use crate::log::checkpoint::Checkpoint;
use crate::log::head::{BadHead, Head};
use crate::log::note::Note;
use crate::log::policy::Policy;
use crate::log::tree::Tree;
use crate::time::Timestamp;
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
    history: Arc<History>,
    policies: Vec<(LogIndex, Policy)>,
}

/// A head whose signature is good.
struct Seen {
    size: TreeSize,
    root: Digest,
    cosigned: Cosigned,
    /// Whether a key of the log signed it that was not valid at its size.
    untimely: bool,
}

/// A head of the log by any key that it ever had, and whether that was not valid at the head's size.
pub(super) fn signed(note: &[u8], history: &History) -> Result<(Head, bool), BadHead> {
    let note = Note::parse(note)?;
    let size = Checkpoint::parse(note.text())?.size();
    match Head::verify(note.clone(), history.origin(), &history.at(Role::Log, size)) {
        Ok(head) => Ok((head, false)),
        Err(untimely) => {
            let ever: Vec<PublicKey> =
                history.roster().holdings(history.origin(), Role::Log).iter().map(|holding| holding.key).collect();
            Head::verify(note, history.origin(), &ever).map(|head| (head, true)).map_err(|_| untimely)
        }
    }
}

impl Rules {
    fn see(&self, note: &[u8]) -> Result<Seen, BadHead> {
        signed(note, &self.history).map(|(head, untimely)| self.seen(&head, untimely))
    }

    fn seen(&self, head: &Head, untimely: bool) -> Seen {
        Seen { size: head.size(), root: head.root(), cosigned: cosignatures(head, &self.policies), untimely }
    }

    /// When the log said that what a key had signed at a size never was valid.
    fn revoked(&self, size: TreeSize, own: &Own) -> Option<Timestamp> {
        let of_head = |logged: &&Logged| match &logged.statement.change {
            Change::Revoke { role, above, .. } => *role == Role::Log && *above < size,
            Change::Rotate { .. } => false,
        };
        let leaf = self.history.statements().iter().find(of_head)?.index;
        own.moments.get(leaf).map(|moment| moment.time)
    }
}

impl Heads {
    /// Checks the newest head, every other in the bundle, and those that peers hold.
    pub(super) fn read(
        files: &mut Files<'_>,
        tree: &Tree,
        (newest, untimely): (&Head, bool),
        own: &Own,
        given: &Given,
        out: &mut Findings,
    ) -> Result<Self, Unreadable> {
        let rules = Arc::new(Rules { history: files.history.clone(), policies: own.policies.clone() });
        let mut heads = Self::default();
        heads.keep(rules.seen(newest, untimely), tree, &rules, own, out);
        heads.checkpoints(files, tree, &rules, own, out)?;
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
        own: &Own,
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
                    Ok(seen) => self.keep(seen, tree, rules, own, out),
                    Err(bad) => {
                        let text = format!("head {place} of {path}: {bad}");
                        out.add(Finding::new(codes::CHECKPOINT_INVALID, text));
                    }
                }
            }
        }
    }

    fn keep(&mut self, seen: Seen, tree: &Tree, rules: &Rules, own: &Own, out: &mut Findings) {
        let Seen { size, root, cosigned, untimely } = seen;
        let agrees = tree.root_at(size) == Some(root);
        let another = match agrees {
            true => self.differing.contains_key(&size.0),
            false => self.agreed.contains(&size.0) || self.differing.get(&size.0).is_some_and(|before| *before != root),
        };
        if another {
            let text = format!("the log signed two different roots of {} leaves", size.0);
            out.add(Finding::new(codes::SPLIT_VIEW, text).at(LogIndex(size.0)));
        }
        if agrees {
            self.agreed.insert(size.0);
        } else {
            self.differing.insert(size.0, root);
        }
        self.witnessed.take(size.0, cosigned, &rules.policies, out);
        // What a quorum saw before the key was revoked stands.
        let (seen, revoked) = (self.witnessed.quorum().get(&size.0), rules.revoked(size, own));
        let stands = seen.zip(revoked).is_some_and(|(seen, revoked)| *seen < revoked);
        if untimely && !stands {
            let text = format!("the head of {} leaves is signed by a key that was not valid there", size.0);
            out.add(Finding::new(codes::KEY_OUT_OF_TIME, text).at(LogIndex(size.0)));
        }
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
        let all: Vec<Result<Seen, BadHead>> = given.views.iter().map(|note| rules.see(note)).collect();
        let good = all.iter().flatten().filter(|seen| tree.root_at(seen.size) == Some(seen.root));
        let agreed: BTreeSet<u64> = good.map(|seen| seen.size.0).collect();
        for (place, seen) in all.into_iter().enumerate() {
            match seen {
                Ok(seen) => {
                    self.view(&seen, tree, &agreed, out);
                    self.witnessed.take(seen.size.0, seen.cosigned, &rules.policies, out);
                }
                Err(bad) => {
                    out.add(Finding::new(codes::VIEW_INVALID, format!("view {}: {bad}", place + 1)));
                }
            }
        }
    }

    /// Of what was rewritten, the smallest head of a peer that differs and the largest below it that does not bracket the leaf.
    fn view(&self, seen: &Seen, tree: &Tree, agreed: &BTreeSet<u64>, out: &mut Findings) {
        let (size, ours) = (seen.size.0, tree.root_at(seen.size));
        let signed = ours.filter(|_| self.agreed.contains(&size)).or_else(|| self.differing.get(&size).copied());
        if signed.is_some_and(|signed| signed != seen.root) {
            let text = format!("the log signed two different roots of {size} leaves: one in the bundle, one at a peer");
            out.add(Finding::new(codes::SPLIT_VIEW, text).at(LogIndex(size)));
        } else if ours.is_none() {
            let text = format!("a peer holds a head of {size} leaves, and the bundle has {}", tree.size().0);
            out.add(Finding::new(codes::TRUNCATED, text).at(LogIndex(tree.size().0)));
        } else if ours != Some(seen.root) {
            let same = agreed.range(..size).next_back().copied().unwrap_or(0);
            let rest = if same == 0 { String::new() } else { format!("; the first {same} are") };
            let text = format!("the first {size} leaves are not those of which a peer holds the signed head{rest}");
            out.add(Finding::new(codes::REWRITTEN, text).at(LogIndex(same)));
        }
    }
}
