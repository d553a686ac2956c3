//! What a word about an alert says, and of which kinds it can be said.

use crate::id::{AlertId, Digest};
use crate::limits;
use crate::vocabulary::*;
use crate::wire::peer;
use bytes::Bytes;
use std::collections::BTreeSet;

/// Who is competent instead, and how that desk is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// In which country.
    pub country: Country,
    /// Over which legal channel.
    pub channel: ContactChannel,
    /// Which desk.
    pub role: DeskRole,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A person saw the alert.
    Seen,
    /// What came of it; every outcome but two.
    Outcome(Outcome),
    /// Another desk is competent.
    NotCompetent(Forward),
    /// It is the same as another alert of its issuer.
    DuplicateOf(AlertId),
    /// Whether a found child may be known.
    Answer(FoundAnswer),
    /// How far a referral has come.
    Referral(ReferralState),
    /// The alert is disputed, on these grounds.
    Challenge(BTreeSet<ChallengeGround>),
    /// These countries should have it, too.
    RelayRequest(BTreeSet<Country>),
    /// The issuer decided about the challenge or the request with this E.
    Ruling(Digest, Ruling),
    /// What was offered is accepted: who says so is bound by its conditions.
    Accept,
    /// The conditions of an offer cannot be complied with: these, as far as it is said.
    CannotComply(BTreeSet<Handling>, BTreeSet<Prohibition>),
    /// The issuer takes its offer back.
    Recall,
}

impl Said {
    /// Its type.
    pub fn reply_type(&self) -> ReplyType {
        match self {
            Self::Seen => ReplyType::SEEN,
            Self::Outcome(_) | Self::NotCompetent(_) | Self::DuplicateOf(_) => ReplyType::OUTCOME,
            Self::Answer(_) => ReplyType::ANSWER,
            Self::Referral(_) => ReplyType::REFERRAL,
            Self::Challenge(_) => ReplyType::CHALLENGE,
            Self::RelayRequest(_) => ReplyType::RELAY_REQUEST,
            Self::Ruling(..) => ReplyType::RULING,
            Self::Accept => ReplyType::ACCEPT,
            Self::CannotComply(..) => ReplyType::CANNOT_COMPLY,
            Self::Recall => ReplyType::RECALL,
        }
    }

    /// The outcome, where it is one.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Outcome(outcome) => Some(*outcome),
            Self::NotCompetent(_) => Some(Outcome::NOT_COMPETENT),
            Self::DuplicateOf(_) => Some(Outcome::DUPLICATE_OF),
            _ => None,
        }
    }

    /// Whether it is for the alert's issuer to say; everything else is for a recipient.
    pub fn is_by_issuer(&self) -> bool {
        matches!(self, Self::Ruling(..) | Self::Recall)
    }

    /// Whether it is about an offer and not about an alert that was delivered; nothing where it can be about either.
    pub fn is_about_offer(&self) -> Option<bool> {
        match self {
            Self::Seen => None,
            Self::Accept | Self::CannotComply(..) | Self::Recall => Some(true),
            _ => Some(false),
        }
    }

    /// Whether the issuer has what it asked for: more than that somebody saw it.
    pub fn is_answer(&self) -> bool {
        let of_alert = matches!(self.reply_type(), ReplyType::OUTCOME | ReplyType::ANSWER | ReplyType::REFERRAL);
        of_alert || matches!(self, Self::Accept | Self::CannotComply(..))
    }

    /// Whether it can be said of an alert of this kind. A query about a found child is answered by one of three words, a referral by
    /// its own states; a pattern is about no single child.
    pub fn fits(&self, kind: AlertKind) -> bool {
        let of_one = kind.level() == PersonalDataLevel::L1;
        let (query, referral) =
            (kind == AlertKind::FOUND_CHILD_QUERY, kind == AlertKind::CROSS_BORDER_REFERRAL_REQUEST);
        match self {
            Self::Answer(_) => query,
            Self::Referral(_) => referral,
            Self::Outcome(Outcome::CANNOT_COMPLY) => !referral,
            Self::Outcome(_) if query || referral => false,
            Self::Outcome(Outcome::ACTED) => !of_one,
            Self::Outcome(Outcome::ACTED_CHILD_SAFE | Outcome::ACTED_NOT_FOUND) => of_one,
            _ => true,
        }
    }

    /// As it is written into a message, beside what every reply has.
    pub fn to_wire(&self) -> peer::Reply {
        let mut wire = peer::Reply { reply_type: self.reply_type().number(), ..peer::Reply::default() };
        wire.outcome = self.outcome().map_or(0, Vocabulary::number);
        match self {
            Self::Seen | Self::Outcome(_) | Self::Accept | Self::Recall => {}
            Self::CannotComply(handling, prohibitions) => {
                wire.handling = handling.iter().map(|code| code.number()).collect();
                wire.prohibitions = prohibitions.iter().map(|code| code.number()).collect();
            }
            Self::NotCompetent(forward) => {
                wire.forward_country = forward.country.code().to_owned();
                wire.forward_channel = forward.channel.number();
                wire.forward_role = forward.role.number();
            }
            Self::DuplicateOf(id) => wire.duplicate_of = Bytes::copy_from_slice(&id.0),
            Self::Answer(answer) => wire.answer = answer.number(),
            Self::Referral(state) => wire.referral = state.number(),
            Self::Challenge(grounds) => wire.grounds = grounds.iter().map(|ground| ground.number()).collect(),
            Self::RelayRequest(to) => wire.relay_to = to.iter().map(|country| country.code().to_owned()).collect(),
            Self::Ruling(about, ruling) => {
                (wire.about, wire.ruling) = (Bytes::copy_from_slice(&about.0), ruling.number());
            }
        }
        wire
    }

    /// Reads it strictly: nothing of another type may stand beside it.
    pub fn from_wire(wire: &peer::Reply) -> Result<Self, &'static str> {
        let said = Self::of_type(wire)?;
        let bare = peer::Reply {
            header: wire.header.clone(),
            object: wire.object.clone(),
            alert_id: wire.alert_id.clone(),
            kind: wire.kind,
            desk_role: wire.desk_role,
            ..said.to_wire()
        };
        if bare == *wire { Ok(said) } else { Err("reply-fields") }
    }

    fn of_type(wire: &peer::Reply) -> Result<Self, &'static str> {
        let reply_type = ReplyType::from_number(wire.reply_type).ok_or("reply-type")?;
        Ok(match reply_type {
            ReplyType::SEEN => Self::Seen,
            ReplyType::OUTCOME => outcome(wire)?,
            ReplyType::ANSWER => Self::Answer(FoundAnswer::from_number(wire.answer).ok_or("reply-answer")?),
            ReplyType::REFERRAL => Self::Referral(ReferralState::from_number(wire.referral).ok_or("reply-referral")?),
            ReplyType::CHALLENGE => Self::Challenge(grounds(&wire.grounds)?),
            ReplyType::RELAY_REQUEST => Self::RelayRequest(relay(&wire.relay_to)?),
            ReplyType::ACCEPT => Self::Accept,
            ReplyType::CANNOT_COMPLY => {
                Self::CannotComply(conditions(&wire.handling)?, conditions(&wire.prohibitions)?)
            }
            ReplyType::RECALL => Self::Recall,
            _ => {
                let about = Digest::from_bytes(&wire.about).ok_or("reply-about")?;
                Self::Ruling(about, Ruling::from_number(wire.ruling).ok_or("reply-ruling")?)
            }
        })
    }
}

fn outcome(wire: &peer::Reply) -> Result<Said, &'static str> {
    Ok(match Outcome::from_number(wire.outcome).ok_or("reply-outcome")? {
        Outcome::NOT_COMPETENT => Said::NotCompetent(forward(wire)?),
        Outcome::DUPLICATE_OF => Said::DuplicateOf(AlertId::from_bytes(&wire.duplicate_of).ok_or("reply-duplicate")?),
        outcome => Said::Outcome(outcome),
    })
}

/// A desk that is named.
pub(super) fn desk(number: i32) -> Option<DeskRole> {
    DeskRole::from_number(number).filter(|code| code.number() < 97 && code.name().is_some())
}

/// A contact that helps: a country that is named, a channel and a desk that this version knows.
fn forward(wire: &peer::Reply) -> Result<Forward, &'static str> {
    let wrong = "reply-forward";
    let country = Country::parse(&wire.forward_country).ok().filter(|country| country.is_named()).ok_or(wrong)?;
    let channel = ContactChannel::from_number(wire.forward_channel);
    let channel = channel.filter(|code| code.number() < 97 && code.name().is_some()).ok_or(wrong)?;
    let role = desk(wire.forward_role).ok_or(wrong)?;
    Ok(Forward { country, channel, role })
}

fn conditions<V: Vocabulary>(numbers: &[i32]) -> Result<BTreeSet<V>, &'static str> {
    numbers.iter().map(|number| V::from_number(*number).ok_or("reply-conditions")).collect()
}

fn grounds(numbers: &[i32]) -> Result<BTreeSet<ChallengeGround>, &'static str> {
    let grounds: Option<BTreeSet<_>> = numbers.iter().map(|number| ChallengeGround::from_number(*number)).collect();
    grounds.filter(|grounds| !grounds.is_empty()).ok_or("reply-grounds")
}

fn relay(codes: &[String]) -> Result<BTreeSet<Country>, &'static str> {
    let named = |code: &String| Country::parse(code).ok().filter(|country| country.is_named());
    let countries: Option<BTreeSet<_>> = codes.iter().map(named).collect();
    let fits = |countries: &BTreeSet<Country>| (1..=limits::RELAY_COUNTRIES).contains(&countries.len());
    countries.filter(fits).ok_or("reply-relay")
}
