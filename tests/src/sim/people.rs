//! What staff do with alerts, at random: draft, approve, release or offer, say something about what came, take back, hold. What is
//! refused for a reason that a simulation brings about is no failure; anything else is.

use super::World;
use super::member::{Life, Member};
use super::network::country;
use crate::pair::{Country, staff};
use crate::words::tell;
use std::sync::Arc;
use std::time::Duration;
use varde_node::flow::alert::drafts::{self, Refused, Signed};
use varde_node::flow::alert::release;
use varde_node::flow::conversation::{self, Told, offers};
use varde_node::flow::erase::hold;
use varde_node::flow::outbox::NotSent;
use varde_node::flow::withdraw::{self, Withdrawal};
use varde_node::port::StoreError;
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::{Draft, template};
use varde_proto::envelope::{Envelope, Rejection};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::reply::{Forward, Said};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{
    AlertKind, ChallengeGround, ContactChannel, Country as Code, DeskRole, ErasureReason, FoundAnswer, Handling,
    Outcome, ReferralState, ReplyType, Ruling, Vocabulary,
};

/// A node that is killed meanwhile never answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// An alert whose release or offer somebody was told of.
pub struct Shared {
    /// Whose, by its place.
    pub from: usize,
    /// Its id.
    pub id: AlertId,
    /// Its kind.
    pub kind: AlertKind,
    /// When its time is over.
    pub expires: Timestamp,
    /// To whom it was released or offered.
    pub to: Vec<NodeId>,
    /// Index under which the alert or its offer is kept.
    pub kept: u64,
    /// Whether it was offered first.
    pub is_offer: bool,
    /// Taken back from these countries, or from all, and how long the log was then.
    pub gone: Vec<(Vec<NodeId>, u64)>,
    /// Nobody can say from whom it was taken back: the answer never came, or a backup went back behind it.
    pub is_unsure: bool,
}

impl Shared {
    /// The issuer's log went back to so many leaves.
    pub(super) fn forget(&mut self, size: u64) {
        let before = self.gone.len();
        self.gone.retain(|(_, at)| *at <= size);
        self.is_unsure |= self.gone.len() != before;
    }

    /// Whether it was taken back from a country.
    pub fn is_gone(&self, from: NodeId) -> bool {
        self.gone.iter().any(|(some, _)| some.is_empty() || some.contains(&from))
    }
}

fn signed(node: &Country, who: &str, verb: Verb, about: Digest) -> Option<Envelope> {
    let key = staff(node.origin().node().as_str(), who);
    Some(act::sign(verb, about, node.origin(), node.node.clock.now(), &key))
}

/// The template of a kind, drafted by `a`.
async fn drafted(node: &Country, kind: AlertKind) -> Result<Draft, Refused> {
    let text = template(kind, node.node.clock.now()).unwrap_or_default();
    let read = drafts::from_file(&node.node, &text, Some(kind))?;
    let about = Digest::of(text.as_bytes());
    drafts::keep(&node.node, read, &Signed { about, act: signed(node, "a", Verb::Draft, about) }).await
}

/// Releases or offers a draft; returns the index under which that is kept.
async fn let_go(node: &Country, draft: &Draft, to: &[NodeId], offer: bool) -> Result<u64, Refused> {
    let (id, act) = (draft.content.id, signed(node, "a", Verb::Release, act::about_release(draft.digest(), to)));
    match offer {
        true => offers::offer(&node.node, id, to, None, act).await,
        false => release::release(&node.node, id, to, act).await,
    }
}

/// Drafts, has it approved where that is asked for, and lets it go.
async fn share(node: &Country, kind: AlertKind, to: &[NodeId], offer: bool) -> Result<(Draft, u64), Refused> {
    let mut draft = drafted(node, kind).await?;
    if draft.needs_approval() {
        let alone = let_go(node, &draft, to, offer).await;
        if alone.is_ok() {
            return Err(StoreError::Damaged("one person alone released what two must".into()).into());
        }
        let approves = signed(node, "b", Verb::Approve, draft.digest());
        draft = drafts::approve(&node.node, draft.content.id, approves).await?;
    }
    let kept = let_go(node, &draft, to, offer).await?;
    Ok((draft, kept))
}

/// Whether a simulation brings about that this is refused.
fn is_fair(refused: &Refused) -> bool {
    match refused {
        Refused::NotSent(NotSent::Agreement(..) | NotSent::Refused(Rejection::WrongAgreement)) => true,
        Refused::NotSent(_) => false,
        Refused::Store(failure) => is_passing(failure),
        Refused::Stopped | Refused::Changed | Refused::TooManyQueries(_) => true,
        _ => false,
    }
}

/// Locked, or an agreement changed meanwhile.
fn is_passing(failure: &StoreError) -> bool {
    matches!(failure, StoreError::Locked | StoreError::Superseded)
}

/// The same of what is said or done about an alert that may be gone, unknown, answered or no channel's business any more.
fn is_fair_about_some(refused: &Refused) -> bool {
    let gone = matches!(
        refused,
        Refused::Absent(_)
            | Refused::NotSent(NotSent::Refused(_))
            | Refused::NeverReleased
            | Refused::Withdrawn
            | Refused::Erased(_)
            | Refused::NotRecipient(_)
    );
    gone || is_fair(refused)
}

impl World {
    /// An alert is released, or offered first.
    pub(super) async fn share(&mut self, from: usize) {
        let (member, to) = (self.members[from].clone(), self.some_others(from));
        let kinds: Vec<AlertKind> = AlertKind::all().collect();
        let (Some(life), Some(kind)) = (member.life().filter(|_| !to.is_empty()), self.chance.pick(&kinds)) else {
            return;
        };
        let (kind, is_offer) = (*kind, self.chance.permille(300));
        match tokio::time::timeout(PATIENCE, share(&life.country, kind, &to, is_offer)).await {
            Ok(Ok((draft, kept))) => {
                let (id, expires) = (draft.content.id, draft.content.expires_at);
                let verb = if is_offer { "offers" } else { "releases" };
                self.step(format_args!("{} {verb} {kind:?} {id} to {to:?}, until {expires}", member.code));
                let gone = Vec::new();
                self.shared.push(Shared { from, id, kind, expires, to, kept, is_offer, gone, is_unsure: false });
            }
            Ok(Err(refused)) if !is_fair(&refused) => {
                self.watch.fail(format!("{} cannot share {kind:?}: {refused} ({refused:?})", member.code));
            }
            _ => {}
        }
    }

    /// Somebody tries to say something, several times: much may not be said, of what was not shared, not delivered, or answered.
    pub(super) async fn speak_up(&mut self) {
        for _ in 0..4 {
            self.speak().await;
        }
    }

    /// Something is said about an alert: by a recipient, or by its issuer to one.
    async fn speak(&mut self) {
        let Some((about, to)) = self.one_sent() else { return };
        let (id, kind, from) = (self.shared[about].id, self.shared[about].kind, self.shared[about].from);
        let by_issuer = self.chance.permille(250);
        let speaker = if by_issuer { Some(self.members[from].clone()) } else { self.member(to) };
        let Some((speaker, life)) = speaker.and_then(|speaker| speaker.life().map(|life| (speaker, life))) else {
            return;
        };
        let said = if by_issuer { self.ruling(&life, id, to) } else { self.word(about, to) };
        let Some(said) = said.filter(|said| said.is_about_offer() == Some(true) || said.fits(kind)) else { return };
        let issuer = country(&self.members[from].code);
        let with = if by_issuer { to } else { issuer };
        match tokio::time::timeout(PATIENCE, tell(&life.country, id, Some(with.as_str()), said.clone())).await {
            Ok(Ok(Told::Owed(_))) => {
                self.said += 1;
                self.step(format_args!("{} says {said:?} of {id} to {with}", speaker.code));
            }
            Ok(Err(refused)) if !is_fair_about_some(&refused) => {
                self.watch.fail(format!("{} cannot say {said:?}: {refused} ({refused:?})", speaker.code));
            }
            _ => {}
        }
    }

    /// An alert that was shared, and one of those with whom.
    fn one_sent(&self) -> Option<(usize, NodeId)> {
        let about = self.chance.below((self.shared.len() as u64).max(1)) as usize;
        let to = self.chance.pick(&self.shared.get(about)?.to)?;
        Some((about, *to))
    }

    pub(super) fn member(&self, code: NodeId) -> Option<Arc<Member>> {
        self.members.iter().find(|member| country(&member.code) == code).cloned()
    }

    /// What a recipient may say.
    fn word(&self, about: usize, speaker: NodeId) -> Option<Said> {
        let shared = &self.shared[about];
        let mine = |other: &&Shared| other.from == shared.from && other.to.contains(&speaker) && other.id != shared.id;
        let other = self.shared.iter().rfind(mine).map_or(shared.id, |other| other.id);
        let forward =
            Forward { country: Code::parse("SE").ok()?, channel: ContactChannel::SIRENE, role: DeskRole::SIRENE };
        let of_offer = [Said::Accept, Said::Accept, Said::CannotComply([Handling::H2].into(), [].into()), Said::Seen];
        if shared.is_offer && self.chance.permille(700) {
            return self.chance.pick(&of_offer).cloned();
        }
        let all = [
            Said::Seen,
            Said::Outcome(Outcome::NO_RECORD),
            Said::Outcome(Outcome::ACTED),
            Said::Outcome(Outcome::ACTED_CHILD_SAFE),
            Said::NotCompetent(forward),
            Said::DuplicateOf(other),
            Said::Answer(FoundAnswer::NO),
            Said::Referral(ReferralState::ACCEPTED),
            Said::Referral(ReferralState::DONE),
            Said::Challenge([ChallengeGround::OUTDATED].into()),
            Said::RelayRequest([Code::parse("PL").ok()?].into()),
        ];
        let fits: Vec<Said> = all.into_iter().filter(|said| said.fits(shared.kind)).collect();
        self.chance.pick(&fits).cloned()
    }

    /// What an issuer says to a recipient: a ruling about what it asked for, or that an offer is taken back.
    fn ruling(&self, life: &Life, id: AlertId, to: NodeId) -> Option<Said> {
        let node = &life.country.node;
        let (kept, object) = conversation::ours(node, id).ok()??;
        let standings = conversation::of_ours(node, (id, kept, object), None).ok()?;
        let said = standings.into_iter().find(|one| one.country == to)?.said;
        let asks = |said: &Said| matches!(said.reply_type(), ReplyType::CHALLENGE | ReplyType::RELAY_REQUEST);
        let asked = said.iter().rfind(|word| asks(&word.said));
        let ruling = if self.chance.permille(500) { Ruling::UPHELD } else { Ruling::DISMISSED };
        Some(asked.map_or(Said::Recall, |asked| Said::Ruling(asked.digest, ruling)))
    }

    /// An alert is taken back: from all, or from some.
    pub(super) async fn take_back(&mut self) {
        let Some((about, to)) = self.one_sent() else { return };
        let narrows = self.chance.permille(400);
        let reasons = [ErasureReason::WITHDRAWN, ErasureReason::DATA_SUBJECT];
        let reason = if narrows { ErasureReason::NARROWED } else { reasons[self.chance.below(2) as usize] };
        let from: Vec<NodeId> = narrows.then_some(to).into_iter().collect();
        let (id, issuer) = (self.shared[about].id, self.members[self.shared[about].from].clone());
        let Some(life) = issuer.life() else { return };
        let node = &life.country.node;
        let Ok(Some((_, object))) = conversation::ours(node, id) else { return };
        let act = signed(&life.country, "b", Verb::Withdraw, act::about_withdraw(object, reason, &from));
        let what = Withdrawal { reason, from: from.clone() };
        let done = tokio::time::timeout(PATIENCE, withdraw::withdraw(node, id, what, act)).await;
        let size = node.ledger.book().tree.size().0;
        match done {
            Ok(Ok(_)) => {
                self.withdrawn += 1;
                self.step(format_args!("{} takes {id} back from {from:?} ([]: all): {reason:?}", issuer.code));
                self.shared[about].gone.push((from, size));
            }
            // It may have landed, and nobody was told.
            Err(_) | Ok(Err(Refused::Stopped)) => self.shared[about].is_unsure = true,
            Ok(Err(refused)) if !is_fair_about_some(&refused) => {
                self.watch.fail(format!("{} cannot take {id} back: {refused} ({refused:?})", issuer.code));
            }
            Ok(Err(_)) => {}
        }
    }

    /// Somebody who has an alert must not erase it for now, or may again.
    pub(super) async fn hold(&mut self) {
        let Some((about, to)) = self.one_sent() else { return };
        let issuer = self.members[self.shared[about].from].clone();
        let holder = if self.chance.permille(300) { Some(issuer.clone()) } else { self.member(to) };
        let Some(holder) = holder else { return };
        hold_or_lift(self, &holder, (self.shared[about].id, country(&issuer.code)), self.chance.permille(700)).await;
    }

    /// Most holds end before all is looked at.
    pub(super) async fn lift_most(&mut self) {
        for member in self.members.clone() {
            for about in 0..self.shared.len() {
                let (id, issuer) = (self.shared[about].id, country(&self.members[self.shared[about].from].code));
                if is_held(&member, id, issuer) && self.chance.permille(700) {
                    hold_or_lift(self, &member, (id, issuer), false).await;
                }
            }
        }
    }
}

/// Whether a country holds an alert.
pub fn is_held(holder: &Member, id: AlertId, issuer: NodeId) -> bool {
    let Some(life) = holder.life() else { return false };
    let found = hold::find(&life.country.node, id, Some(issuer));
    found.is_ok_and(|(_, object)| hold::leaf(&life.country.node.ledger, &object).is_ok_and(|leaf| leaf.is_some()))
}

async fn hold_or_lift(world: &World, holder: &Member, (id, issuer): (AlertId, NodeId), begins: bool) {
    let Some(life) = holder.life() else { return };
    let Ok((_, object)) = hold::find(&life.country.node, id, Some(issuer)) else { return };
    let verb = if begins { Verb::Hold } else { Verb::Lift };
    let act = signed(&life.country, "a", verb, act::about_hold(object, begins));
    let does = if begins { "holds" } else { "lifts its hold of" };
    world.step(format_args!("{} {does} {id} of {issuer}", holder.code));
    let done = tokio::time::timeout(PATIENCE, hold::hold(&life.country.node, (id, Some(issuer)), begins, act)).await;
    if let Ok(Err(refused)) = done
        && !is_fair_about_some(&refused)
    {
        world.watch.fail(format!("{} cannot hold {id}: {refused} ({refused:?})", holder.code));
    }
}
