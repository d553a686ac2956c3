//! Which agreement governs between two countries, from what each of them said.
//!
//! One that both accepted governs from the time it names, until it is ended or its time is over. Of several the one with the higher
//! edition does; what it leaves out, an older one does not bring back. So whoever ends the one that governs ends the channel: then
//! nothing passes but erasures and their proofs, until both accept another one.

use super::Agreement;
use super::terms::Traffic;
use crate::envelope::Rejection;
use crate::id::Digest;
use crate::limits;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Ours.
    Ours,
    /// The other country's.
    Theirs,
}

/// What one side said of an agreement, and when. An end is for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said {
    /// That it accepts.
    pub accepted: Option<Timestamp>,
    /// That it ends it; without an acceptance, that it does not want it.
    pub ended: Option<Timestamp>,
}

/// An agreement, and what each side said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// The agreement.
    pub agreement: Arc<Agreement>,
    /// What we said.
    pub ours: Said,
    /// What the other country said.
    pub theirs: Said,
}

impl Between {
    fn is_agreed(&self) -> bool {
        self.ours.accepted.is_some() && self.theirs.accepted.is_some()
    }

    /// Whether we accepted it, and the other side has said nothing.
    pub fn is_offered_by_us(&self) -> bool {
        self.ours.accepted.is_some() && self.theirs == Said::default()
    }

    fn is_ended(&self) -> bool {
        self.ours.ended.is_some() || self.theirs.ended.is_some()
    }
}

/// How an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It governs.
    InForce,
    /// It governs, and a side ended it: nothing passes but erasures.
    Ended,
    /// It governs, and its time is over: nothing passes but erasures.
    Expired,
    /// Both accepted it, and it governs from a later time on.
    ToCome,
    /// Both accepted it, and a later edition governs.
    Replaced,
    /// We accepted it, the other side has not.
    OfferedByUs,
    /// The other side accepted it, we have not.
    OfferedByPeer,
    /// A side ended it before both had accepted.
    Declined,
}

impl State {
    /// Its name, as people and scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::ToCome => "to-come",
            Self::Replaced => "replaced",
            Self::OfferedByUs => "offered-by-us",
            Self::OfferedByPeer => "offered-by-peer",
            Self::Declined => "declined",
        }
    }
}

/// More agreements between two countries than a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {} agreements between two countries", limits::AGREEMENTS)]
pub struct TooMany;

/// Everything that two countries said to each other of agreements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreed(BTreeMap<Digest, Between>);

/// The agreement that governs.
#[derive(Debug, Clone, Copy)]
pub struct Governing<'a> {
    /// Which.
    pub agreement: &'a Arc<Agreement>,
    /// Whether a side ended it, or its time is over.
    pub is_over: bool,
}

impl Agreed {
    /// Takes in what a side said: a yes, or the end. A repetition changes nothing, and after an end a yes does neither. The other side
    /// has half of the places for what we have said nothing of.
    pub fn hear(&mut self, agreement: &Arc<Agreement>, side: Side, ends: bool, when: Timestamp) -> Result<(), TooMany> {
        let silent = self.0.values().filter(|one| one.ours == Said::default()).count();
        let full = self.0.len() >= limits::AGREEMENTS || side == Side::Theirs && silent >= limits::AGREEMENTS / 2;
        if full && !self.0.contains_key(&agreement.id()) {
            return Err(TooMany);
        }
        let fresh = || Between { agreement: agreement.clone(), ours: Said::default(), theirs: Said::default() };
        let between = self.0.entry(agreement.id()).or_insert_with(fresh);
        let said = if side == Side::Ours { &mut between.ours } else { &mut between.theirs };
        (if ends { &mut said.ended } else { &mut said.accepted }).get_or_insert(when);
        Ok(())
    }

    /// Every agreement that either side spoke of, by its text's digest.
    pub fn all(&self) -> impl Iterator<Item = &Between> {
        self.0.values()
    }

    /// One of them.
    pub fn get(&self, id: &Digest) -> Option<&Between> {
        self.0.get(id)
    }

    /// How one of them stands at a time.
    pub fn state(&self, one: &Between, now: Timestamp) -> State {
        let governs = self.governing(now).is_some_and(|governing| governing.agreement.id() == one.agreement.id());
        match (one.is_agreed(), one.is_ended()) {
            (true, true) if governs => State::Ended,
            (true, _) if governs && one.agreement.terms().until <= now => State::Expired,
            (true, _) if governs => State::InForce,
            (true, false) if one.agreement.terms().from > now => State::ToCome,
            (true, _) => State::Replaced,
            (false, true) => State::Declined,
            (false, false) if one.ours.accepted.is_some() => State::OfferedByUs,
            (false, false) => State::OfferedByPeer,
        }
    }

    /// The one that governs at a time; `None` while the two have agreed on nothing.
    pub fn governing(&self, now: Timestamp) -> Option<Governing<'_>> {
        let begun = self.0.values().filter(|one| one.is_agreed() && one.agreement.terms().from <= now);
        let newest = begun.max_by_key(|one| (one.agreement.terms().edition, one.agreement.id()))?;
        let is_over = newest.is_ended() || newest.agreement.terms().until <= now;
        Some(Governing { agreement: &newest.agreement, is_over })
    }

    /// How things will stand when the other side accepts the widest known of what we accepted, the default above all, where the two have
    /// agreed on nothing yet: by that, what is owed to it meanwhile is judged. Nothing is delivered before it did.
    pub fn supposed(&self, now: Timestamp) -> Cow<'_, Self> {
        if self.governing(now).is_some() {
            return Cow::Borrowed(self);
        }
        let said = |one: &&Between| one.ours.accepted.is_some() && one.agreement.terms().from <= now;
        let first = self.0.values().filter(said).min_by_key(|one| (one.ours.ended, one.agreement.terms().edition));
        let agreement = first.map_or_else(Agreement::by_default, |one| one.agreement.clone());
        let ours = Said { accepted: Some(now), ended: first.and_then(|one| one.ours.ended) };
        let theirs = Said { accepted: Some(now), ended: first.and_then(|one| one.theirs.ended) };
        Cow::Owned(Self([(agreement.id(), Between { agreement, ours, theirs })].into()))
    }

    /// Whether both sides accepted an agreement, whatever became of it.
    pub fn is_agreed_on(&self, id: &Digest) -> bool {
        self.0.get(id).is_some_and(Between::is_agreed)
    }

    /// Whether something may be exchanged at a time, that names an agreement: one that both accepted, and the terms of the one that
    /// governs permit it, and those of the named one do. So what was owed under an agreement that another has replaced still
    /// passes, within both. Control passes whatever it names.
    pub fn permits(&self, named: &Digest, what: Traffic<'_>, now: Timestamp) -> Result<(), Rejection> {
        let governing = self.governing(now).ok_or(Rejection::WrongAgreement)?;
        if let Traffic::Control = what {
            return Ok(());
        }
        let named = self.0.get(named).filter(|named| named.is_agreed()).ok_or(Rejection::WrongAgreement)?;
        if governing.is_over || named.is_ended() {
            return Err(Rejection::Agreement("ended"));
        }
        governing.agreement.terms().permits(what)?;
        named.agreement.terms().permits(what)
    }
}
