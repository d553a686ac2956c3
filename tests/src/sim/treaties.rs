//! What coordinators do with agreements, at random: propose one, accept what is proposed, end one. Terms allow some kinds and not others,
//! begin later or are over at a time, and say what is to be erased at the end.

use super::World;
use super::network::country;
use crate::pair::promises::text;
use std::sync::Arc;
use std::time::Duration;
use varde_proto::agreement::{Agreement, AtEnd, Between, KindTerms, Terms};
use varde_proto::id::{Digest, NodeId};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::PersonalDataLevel;
use varde_proto::wire::peer::Mode;

const DAY: Duration = Duration::from_secs(86_400);
/// Editions between two countries.
const EDITIONS: u32 = 6;

/// A word about an agreement that was signed.
pub struct Said {
    /// By whom.
    pub by: NodeId,
    /// To whom.
    pub to: NodeId,
    /// About which.
    pub agreement: Arc<Agreement>,
    /// Whether it ends it.
    pub ends: bool,
}

impl World {
    /// A coordinator looks at what stands with another country: accepts what it offers, else proposes something or ends it.
    pub(super) async fn agree(&mut self, place: usize) {
        let Some(other) = self.chance.pick(&self.some_others(place)).copied() else { return };
        let Some(life) = self.members[place].life() else { return };
        let node = &life.country.node;
        let agreed = node.peers.borrow().get(&other).map(|peer| node.ledger.book().agreed(&peer.origin));
        let Some(agreed) = agreed else { return };
        let offered = |one: &&Between| one.theirs.accepted.is_some() && one.ours.accepted.is_none() && !is_over(one);
        let offered: Vec<_> = agreed.all().filter(offered).map(|one| one.agreement.clone()).collect();
        let lives = |one: &&Between| one.agreement.terms().edition > 0 && one.ours.accepted.is_some() && !is_over(one);
        let living: Vec<_> = agreed.all().filter(lives).map(|one| one.agreement.clone()).collect();
        if let Some(offered) = self.chance.pick(&offered).filter(|_| self.chance.permille(850)) {
            return self.sign(place, other, offered.clone(), false).await;
        }
        if let Some(living) = self.chance.pick(&living).filter(|_| self.chance.permille(350)) {
            return self.sign(place, other, living.clone(), true).await;
        }
        // Now and then the channel itself is ended, which the default text permits.
        if self.chance.permille(50) {
            return self.sign(place, other, Agreement::by_default(), true).await;
        }
        if let Some(agreement) = self.proposal(country(&self.members[place].code), other) {
            self.sign(place, other, agreement, false).await;
        }
    }

    async fn sign(&mut self, place: usize, to: NodeId, agreement: Arc<Agreement>, ends: bool) {
        let by = country(&self.members[place].code);
        let verb = if ends { "ends" } else { "accepts" };
        self.step(format_args!("{by} {verb} edition {} with {to}: {:?}", agreement.terms().edition, agreement.terms()));
        self.members[place].say(to.as_str(), &agreement, ends).await;
        self.treaties.push(Said { by, to, agreement, ends });
    }

    fn proposal(&self, own: NodeId, other: NodeId) -> Option<Arc<Agreement>> {
        let between = |said: &&Said| [(own, other), (other, own)].contains(&(said.by, said.to));
        let newest = self.treaties.iter().filter(between).map(|said| said.agreement.terms().edition).max().unwrap_or(0);
        // Two may propose the same edition at once.
        let edition = newest + u32::from(newest == 0 || !self.chance.permille(150));
        if edition > EDITIONS {
            return None;
        }
        let default = Agreement::by_default();
        let mut kinds = default.terms().kinds.clone();
        kinds.retain(|_, _| !self.chance.permille(150));
        for terms in kinds.values_mut() {
            let reply = self.chance.permille(300).then(|| DAY * (1 + self.chance.below(9) as u32));
            let half = DAY * (terms.life.as_secs() / DAY.as_secs() / 2).max(1) as u32;
            let life = if self.chance.permille(100) { half } else { terms.life };
            *terms = KindTerms { life, reply };
        }
        let now = self.calendar.now();
        let days = |most: u64| now.after(DAY * (1 + self.chance.below(most) as u32));
        let from = if self.chance.permille(150) { days(10) } else { Timestamp::default() };
        let until = if self.chance.permille(300) { from.max(days(90)).after(DAY) } else { far() };
        let mut parties = vec![own, other];
        parties.sort();
        let terms = Terms {
            network: Some("varde.example".into()),
            mode: Mode::Test,
            parties,
            edition,
            from: from.to_day(),
            until: until.to_day(),
            level: if self.chance.permille(150) { PersonalDataLevel::L0 } else { PersonalDataLevel::L1 },
            kinds,
            at_end: if self.chance.permille(600) { AtEnd::Erase } else { AtEnd::Keep },
            ..default.terms().clone()
        };
        Some(text(&terms))
    }

    /// Whether two countries ever signed anything of their own.
    pub(super) fn have_treated(&self, one: NodeId, other: NodeId) -> bool {
        self.treaties.iter().any(|said| [(one, other), (other, one)].contains(&(said.by, said.to)))
    }

    /// Whether a country ever accepted an agreement with another; the default one was accepted by all when they were pinned.
    pub(super) fn has_accepted(&self, by: NodeId, to: NodeId, agreement: &Digest) -> bool {
        let accepts = |said: &Said| said.by == by && said.to == to && said.agreement.id() == *agreement && !said.ends;
        *agreement == varde_proto::agreement::default_agreement() || self.treaties.iter().any(accepts)
    }

    /// An agreement by its digest.
    pub(super) fn agreement(&self, id: &Digest) -> Option<Arc<Agreement>> {
        let signed = self.treaties.iter().map(|said| &said.agreement).find(|agreement| agreement.id() == *id);
        let default = Agreement::by_default();
        signed.cloned().or_else(|| (default.id() == *id).then_some(default))
    }
}

fn is_over(one: &Between) -> bool {
    one.ours.ended.is_some() || one.theirs.ended.is_some()
}

fn far() -> Timestamp {
    Timestamp::parse("2200-01-01T00:00:00Z").unwrap_or(Timestamp::MAX)
}
