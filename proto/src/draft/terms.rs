//! Under which terms something is shared: every envelope field that a draft can state. What it leaves out is its kind's
//! default.

use crate::alert::{AlertContent, Observed, Subject, defaults, looks_written, random_token, rules};
use crate::id::AlertId;
use crate::limits::CONTACT_TOKEN_BYTES;
use crate::time::Timestamp;
use crate::vocabulary::*;
use std::collections::BTreeSet;

/// The terms that a draft states; `None` takes the kind's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of AlertContent of that name, where it is documented")]
pub struct Terms {
    pub desk_role: Option<DeskRole>,
    pub expires_at: Option<Timestamp>,
    pub review_at: Option<Timestamp>,
    pub tlp: Option<Tlp>,
    pub handling: Option<BTreeSet<Handling>>,
    pub purposes: Option<BTreeSet<Purpose>>,
    pub prohibitions: Option<BTreeSet<Prohibition>>,
    pub legal_regime: Option<LegalRegime>,
    pub legal_basis: Option<LegalBasis>,
    pub transfer_ground: Option<TransferGround>,
    pub personal_data_level: Option<PersonalDataLevel>,
    pub sources: Option<BTreeSet<SourceType>>,
    pub source_grade: Option<SourceGrade>,
    pub information_grade: Option<InformationGrade>,
    pub assertion: Option<Assertion>,
    pub certainty: Option<Certainty>,
    pub independent_sources: Option<IndependentSources>,
    pub requested_actions: Option<BTreeSet<RequestedAction>>,
    pub reply_by: Option<Timestamp>,
    pub contact_channel: Option<ContactChannel>,
}

/// What is drawn and looked up once for each draft: time and chance, as arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// When it is drafted.
    pub now: Timestamp,
    /// The id of draft and alert.
    pub id: AlertId,
    /// What a caller will name.
    pub contact_token: [u8; CONTACT_TOKEN_BYTES],
}

impl Fresh {
    /// Draws id and token from a source of chance; neither can be mistaken for something written.
    pub fn draw(now: Timestamp, mut fill: impl FnMut(&mut [u8])) -> Self {
        let mut id = AlertId([0; 16]);
        while looks_written(&id.0) {
            fill(&mut id.0);
        }
        Self { now, id, contact_token: random_token(fill) }
    }
}

impl Terms {
    /// The TLP that holds for a kind.
    pub fn tlp(&self, kind: AlertKind) -> Tlp {
        self.tlp.unwrap_or(defaults(kind).tlp)
    }

    /// Puts the subject under these terms. Rules are not checked here; see `alert::rules`.
    pub fn put_over(self, subject: Subject, observed: Observed, support: SupportBand, fresh: Fresh) -> AlertContent {
        let kind = subject.kind();
        let default = defaults(kind);
        let cut = |span| rules::precision(kind).cut(fresh.now.after(span));
        let expires_at = self.expires_at.unwrap_or_else(|| cut(default.life));
        let requested_actions = self.requested_actions.unwrap_or_else(|| set(default.requested_actions));
        let urgency = match &subject {
            Subject::CrossBorderReferralRequest(referral) => referral.urgency.answer_within(),
            _ => None,
        };
        let reply = urgency.or(default.reply).filter(|_| requested_actions == set(default.requested_actions));
        AlertContent {
            id: fresh.id,
            version: 1,
            supersedes: None,
            msg_type: MsgType::ALERT,
            desk_role: self.desk_role.unwrap_or(DeskRole::FOCAL_POINT),
            observed,
            expires_at,
            review_at: self.review_at.unwrap_or_else(|| cut(default.review).min(expires_at)),
            tlp: self.tlp.unwrap_or(default.tlp),
            handling: self.handling.unwrap_or_else(|| set(default.handling)),
            purposes: self.purposes.unwrap_or_else(|| set(default.purposes)),
            prohibitions: self.prohibitions.unwrap_or_else(|| set(default.prohibitions)),
            legal_regime: self.legal_regime.unwrap_or(default.legal.0),
            legal_basis: self.legal_basis.unwrap_or(default.legal.1),
            transfer_ground: self.transfer_ground.unwrap_or(default.legal.2),
            personal_data_level: self.personal_data_level.unwrap_or(kind.level()),
            sources: self.sources.unwrap_or_else(|| [SourceType::UNKNOWN].into()),
            source_grade: self.source_grade.unwrap_or(SourceGrade::X),
            information_grade: self.information_grade.unwrap_or(InformationGrade::NOT_CORROBORATED),
            assertion: self.assertion.unwrap_or(Assertion::ASSESSMENT),
            certainty: self.certainty.unwrap_or(Certainty::POSSIBLE),
            support,
            independent_sources: self.independent_sources.unwrap_or(IndependentSources::ONE),
            requested_actions,
            reply_by: self.reply_by.or_else(|| reply.map(|span| fresh.now.after(span).to_minute().min(expires_at))),
            contact_channel: self.contact_channel.unwrap_or(ContactChannel::FOCAL_POINT),
            contact_token: fresh.contact_token,
            subject,
        }
    }
}

/// The same again from now on, with the times of its kind; `observed` is how things stand now.
pub fn renewed(before: &AlertContent, observed: Observed, fresh: Fresh) -> AlertContent {
    let terms = Terms { requested_actions: Some(before.requested_actions.clone()), ..Terms::default() };
    let times = terms.put_over(before.subject.clone(), observed, before.support, fresh);
    AlertContent {
        id: fresh.id,
        observed,
        expires_at: times.expires_at,
        review_at: times.review_at,
        reply_by: before.reply_by.and(times.reply_by),
        ..before.clone()
    }
}

fn set<V: Vocabulary>(codes: &[V]) -> BTreeSet<V> {
    codes.iter().copied().collect()
}
