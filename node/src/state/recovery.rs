//! What a node that was restored from a backup may conclude from what its peers keep of its log: a state machine without I/O.
//!
//! In: who has answered what, whose entries make the log whole, when it may sign again. Out: asking, checking signatures and
//! entries, writing (`flow::recover`). Every head handed in was verified under our own key: a peer can hide what we signed, which
//! is why every peer is asked, but not invent it.

use super::{PeerHead, quorum};
use std::collections::{BTreeMap, BTreeSet};
use varde_proto::id::{Digest, Origin};

/// What a peer keeps of our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The newest head that we signed and it verified.
    pub head: PeerHead,
    /// How many entries it keeps.
    pub entries: u64,
}

/// How far a recovery has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Not every peer has answered, or none of those who answered keeps the entries that are missing.
    Asking,
    /// The entries up to this head come from this peer.
    Refill {
        /// What we signed.
        to: PeerHead,
        /// Who keeps it.
        by: Origin,
    },
    /// The log is whole; each peer gives back what was exchanged with it.
    Openings,
    /// Nothing more comes back: the node says so in its log and goes on.
    Over,
    /// People must decide.
    Frozen(Frozen),
}

/// Why a node cannot go on under the name of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// What is stored here is not the beginning of what we signed: going on would be a second log under one name.
    Forked,
    /// We showed a head of more leaves than anybody keeps.
    TailLost {
        /// Leaves that were shown.
        shown: u64,
        /// Leaves that somebody keeps.
        kept: u64,
    },
}

/// A recovery under way.
#[derive(Debug)]
pub struct Recovery {
    local: PeerHead,
    shown: Option<PeerHead>,
    answers: BTreeMap<Origin, Kept>,
    unfit: BTreeSet<Origin>,
    given: BTreeSet<Origin>,
    /// An earlier start had begun to fill the log up: whatever it lacks now, things may still be to be given back.
    begun: bool,
    /// Nothing says that the store went back, but nobody has said lately that it did not.
    unconfirmed: bool,
    phase: Phase,
}

impl Recovery {
    /// Begins with what is stored, and with what the sign guard says was shown, if there is one; or goes on with what was
    /// `begun` before the node stopped.
    pub fn new(local: PeerHead, shown: Option<PeerHead>, begun: bool) -> Self {
        let (answers, unfit, given) = Default::default();
        Self { local, shown, answers, unfit, given, begun, unconfirmed: false, phase: Phase::Asking }
    }

    /// Begins with a store and a guard that agree and may have gone back together: an honest peer's word is enough that they have
    /// not.
    pub fn unconfirmed(local: PeerHead, shown: PeerHead) -> Self {
        Self { unconfirmed: true, ..Self::new(local, Some(shown), false) }
    }

    /// Whether all that is missing is somebody's word that the log did not go back.
    pub fn is_unconfirmed(&self) -> bool {
        self.unconfirmed
    }

    /// How far it has come.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whose answer is there.
    pub fn answered(&self) -> impl Iterator<Item = &Origin> {
        self.answers.keys()
    }

    /// The newest head that we signed, as far as anybody has said.
    pub fn newest(&self) -> Option<PeerHead> {
        self.answers.values().map(|kept| kept.head).max_by_key(|head| head.size)
    }

    /// What we had when we began.
    pub fn local(&self) -> PeerHead {
        self.local
    }

    /// What the sign guard says was shown.
    pub fn shown(&self) -> Option<PeerHead> {
        self.shown
    }

    /// A peer's answer; a later one replaces an earlier one.
    pub fn answer(&mut self, peer: Origin, kept: Kept) {
        self.unfit.remove(&peer);
        self.answers.insert(peer, kept);
    }

    /// A peer's connection ended, because of what it gave or by itself. Another one is asked for the entries.
    pub fn lost(&mut self, peer: &Origin) {
        self.unfit.insert(peer.clone());
        if matches!(&self.phase, Phase::Refill { by, .. } if by == peer) {
            self.phase = Phase::Asking;
        }
    }

    /// The log is whole again; `root_at` is of the whole log.
    pub fn refilled(&mut self, root_at: impl Fn(u64) -> Option<Digest>) {
        self.phase = if self.contradicted(root_at) { Phase::Frozen(Frozen::Forked) } else { Phase::Openings };
    }

    /// What is stored here is not the beginning of what we signed.
    pub fn forked(&mut self) {
        self.phase = Phase::Frozen(Frozen::Forked);
    }

    /// A peer has given back what it had.
    pub fn gave(&mut self, peer: &Origin) {
        self.given.insert(peer.clone());
    }

    /// Whether a peer is still to give back what was exchanged with it.
    pub fn awaits(&self, peer: &Origin) -> bool {
        self.phase == Phase::Openings && !self.given.contains(peer)
    }

    /// Concludes what can be concluded once all `required` peers have answered, and have given back what they had: whoever
    /// holds our receipt of something that we do not know would never accept anything from us again. `root_at` is of the log
    /// as it is stored.
    pub fn decide(&mut self, required: &BTreeSet<Origin>, root_at: impl Fn(u64) -> Option<Digest>) {
        if self.phase == Phase::Openings && required.is_subset(&self.given) {
            self.phase = Phase::Over;
        }
        let newest = self.newest().unwrap_or(PeerHead { size: 0, root: Digest::NONE });
        // Somebody keeps more than we have.
        self.unconfirmed &= newest.size <= self.local.size;
        let answered = required.iter().filter(|peer| self.answers.contains_key(peer)).count();
        let enough = if self.unconfirmed { quorum::one_honest(required.len()) } else { required.len() };
        if self.phase != Phase::Asking || required.is_empty() || answered < enough {
            return;
        }
        if self.contradicted(&root_at) || self.two_of_one_size() {
            self.phase = Phase::Frozen(Frozen::Forked);
            return;
        }
        let kept = newest.size.max(self.local.size);
        match self.shown {
            Some(shown) if shown.size > kept => {
                self.phase = Phase::Frozen(Frozen::TailLost { shown: shown.size, kept });
            }
            _ if newest.size <= self.local.size => self.phase = if self.begun { Phase::Openings } else { Phase::Over },
            _ => {
                let whole =
                    |(peer, kept): &(&Origin, &Kept)| kept.entries >= newest.size && !self.unfit.contains(*peer);
                if let Some((by, _)) = self.answers.iter().find(whole) {
                    self.phase = Phase::Refill { to: newest, by: by.clone() };
                }
            }
        }
    }

    /// Whether something that we signed is not in the log.
    fn contradicted(&self, root_at: impl Fn(u64) -> Option<Digest>) -> bool {
        let signed = self.answers.values().map(|kept| kept.head).chain(self.shown);
        signed.into_iter().any(|head| root_at(head.size).is_some_and(|root| root != head.root))
    }

    fn two_of_one_size(&self) -> bool {
        let mut roots = BTreeMap::new();
        let signed = self.answers.values().map(|kept| kept.head).chain(self.shown);
        signed.into_iter().any(|head| *roots.entry(head.size).or_insert(head.root) != head.root)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn origin(country: &str) -> Origin {
        Origin::parse(&format!("varde.example/{country}/1")).unwrap()
    }

    fn head(size: u64) -> PeerHead {
        PeerHead { size, root: Digest([size as u8; 32]) }
    }

    fn kept(size: u64) -> Kept {
        Kept { head: head(size), entries: size }
    }

    /// A log of so many leaves.
    fn log(size: u64) -> impl Fn(u64) -> Option<Digest> {
        move |at| (at <= size).then(|| head(at).root)
    }

    fn three() -> BTreeSet<Origin> {
        ["ee", "lt", "ro"].map(origin).into()
    }

    fn asked(local: u64, shown: Option<u64>, answers: [Kept; 3]) -> Recovery {
        let mut recovery = Recovery::new(head(local), shown.map(head), false);
        for (peer, kept) in three().into_iter().zip(answers) {
            assert_eq!(recovery.phase(), &Phase::Asking);
            recovery.decide(&three(), log(local));
            recovery.answer(peer, kept);
        }
        recovery.decide(&three(), log(local));
        recovery
    }

    #[test]
    fn nothing_is_concluded_before_every_peer_has_answered_and_nothing_without_peers() {
        let mut recovery = Recovery::new(head(5), None, false);
        recovery.decide(&BTreeSet::new(), log(5));
        assert_eq!(recovery.phase(), &Phase::Asking);
        assert_eq!(asked(5, None, [kept(5), kept(3), kept(0)]).phase(), &Phase::Over);
    }

    #[test]
    fn the_longest_head_that_we_signed_is_filled_up_to_by_whoever_keeps_it_whole() {
        let mut recovery = asked(5, Some(9), [Kept { entries: 7, ..kept(9) }, kept(9), kept(9)]);
        assert_eq!(recovery.phase(), &Phase::Refill { to: head(9), by: origin("lt") });
        recovery.lost(&origin("lt"));
        recovery.decide(&three(), log(5));
        assert_eq!(recovery.phase(), &Phase::Refill { to: head(9), by: origin("ro") });
        recovery.lost(&origin("ro"));
        recovery.decide(&three(), log(5));
        assert_eq!(recovery.phase(), &Phase::Asking, "nobody is left, but one may come back");
        recovery.answer(origin("lt"), kept(9));
        recovery.decide(&three(), log(5));
        recovery.refilled(log(9));
        recovery.gave(&origin("ee"));
        assert!(recovery.awaits(&origin("lt")));
        recovery.gave(&origin("lt"));
        recovery.lost(&origin("ro"));
        recovery.decide(&three(), log(9));
        assert_eq!(recovery.phase(), &Phase::Openings, "whoever went away is waited for");
        recovery.gave(&origin("ro"));
        recovery.decide(&three(), log(9));
        assert_eq!(recovery.phase(), &Phase::Over);
    }

    #[test]
    fn a_recovery_that_was_broken_off_after_the_log_was_whole_still_asks_for_what_was_exchanged() {
        let mut recovery = Recovery::new(head(9), Some(head(9)), true);
        three().into_iter().for_each(|peer| recovery.answer(peer, kept(9)));
        recovery.decide(&three(), log(9));
        assert_eq!(recovery.phase(), &Phase::Openings);
    }

    #[test]
    fn a_store_that_may_have_gone_back_with_its_guard_needs_one_honest_word_and_every_word_once_it_did() {
        let begun = || Recovery::unconfirmed(head(5), head(5));
        let mut confirmed = begun();
        confirmed.decide(&three(), log(5));
        assert_eq!(confirmed.phase(), &Phase::Asking);
        confirmed.answer(origin("lt"), kept(5));
        confirmed.decide(&three(), log(5));
        assert_eq!(confirmed.phase(), &Phase::Over);
        let mut back = begun();
        back.answer(origin("lt"), kept(9));
        back.decide(&three(), log(5));
        assert_eq!(back.phase(), &Phase::Asking, "the others may keep more still");
        back.answer(origin("ee"), kept(5));
        back.answer(origin("ro"), kept(5));
        back.decide(&three(), log(5));
        assert_eq!(back.phase(), &Phase::Refill { to: head(9), by: origin("lt") });
    }

    #[test]
    fn a_head_that_was_shown_and_that_nobody_keeps_freezes() {
        let lost = Frozen::TailLost { shown: 12, kept: 9 };
        assert_eq!(asked(5, Some(12), [kept(9), kept(9), kept(4)]).phase(), &Phase::Frozen(lost));
        assert_eq!(asked(5, Some(5), [kept(5), kept(5), kept(4)]).phase(), &Phase::Over);
    }

    #[test]
    fn what_we_signed_and_do_not_have_freezes() {
        let other = Kept { head: PeerHead { size: 4, root: Digest([99; 32]) }, entries: 4 };
        assert_eq!(asked(5, None, [kept(5), other, kept(4)]).phase(), &Phase::Frozen(Frozen::Forked));
        let far = |root| Kept { head: PeerHead { size: 9, root: Digest([root; 32]) }, entries: 9 };
        assert_eq!(asked(5, None, [far(1), far(2), kept(4)]).phase(), &Phase::Frozen(Frozen::Forked));
        // Only the whole log shows that what the guard says was shown is not in it.
        let mut recovery = asked(5, Some(7), [kept(9), kept(9), kept(9)]);
        recovery.refilled(|at| (at <= 9).then(|| if at == 7 { Digest::NONE } else { head(at).root }));
        assert_eq!(recovery.phase(), &Phase::Frozen(Frozen::Forked));
    }
}
