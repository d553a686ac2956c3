//! The closed code lists in which everything is said: what crosses a border, and the case record behind it.
//!
//! In: one type a list, its codes by number and name, labels, and crosswalks to HTCDS, CTDC, GLOTIP and EU statistics; the
//! countries and the NUTS-1 regions. Out: the lists that only a case record uses (the node's `national`). Names and numbers
//! come from `schema/varde/peer/v1/vocabulary.proto`; labels and crosswalks from `proto/vocabulary/*.tsv`.
//!
//! A code of a newer peer that this build does not know is kept ([`Vocabulary::from_number`]) and shown as unrecognised. In
//! a closed list it is refused ([`Vocabulary::CLOSED`]): there a code decides what may be done.

mod country;
mod groups;
mod place;
mod table;

pub use country::Country;
pub use place::Nuts1;
pub use table::Table;

use std::fmt;

/// The highest number a code can have. A larger number is not a code but something written as one.
pub const HIGHEST_CODE: i32 = 999;

/// A name that is not in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is not a code of the list {list}")]
pub struct UnknownCode {
    /// The list, by the name of its type.
    pub list: &'static str,
    /// What was there instead, cut to 80 characters.
    pub got: String,
}

/// One code of a list.
pub trait Vocabulary: Copy + Ord + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The list, by the name of its type: `Form`.
    const LIST: &'static str;
    /// Whether a number that this build does not know is refused.
    const CLOSED: bool;

    /// The list's names, labels and crosswalks.
    fn table() -> &'static Table;
    /// A code from the wire. `None` for 0 (unspecified), for what can be no code, and for an unknown one of a closed list.
    fn from_number(number: i32) -> Option<Self>;
    /// Its number on the wire, 1 to [`HIGHEST_CODE`].
    fn number(self) -> i32;

    /// Its name; `None` for a code of a newer list than ours.
    fn name(self) -> Option<&'static str> {
        Self::table().name(self.number())
    }

    /// Its label in English; for a code of a newer list than ours, that it is unrecognised.
    fn label(self) -> String {
        match Self::table().cell(self.number(), "en") {
            Some(label) => label.to_owned(),
            None => format!("unrecognised code {}", self.number()),
        }
    }

    /// What stands in a column of the list's file; `None` for `-`.
    fn cell(self, column: &str) -> Option<&'static str> {
        Self::table().cell(self.number(), column)
    }

    /// The code of this name.
    fn parse(name: &str) -> Result<Self, UnknownCode> {
        let number = Self::table().number(name).and_then(Self::from_number);
        number.ok_or_else(|| UnknownCode { list: Self::LIST, got: name.chars().take(80).collect() })
    }

    /// Every code of the list, by rising number.
    fn all() -> impl Iterator<Item = Self> {
        Self::table().numbers().filter_map(Self::from_number)
    }
}

macro_rules! vocabularies {
    (@closed) => { false };
    (@closed closed) => { true };
    ($($(#[$doc:meta])* $name:ident = $file:literal $(, $closed:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i32);

        impl Vocabulary for $name {
            const LIST: &'static str = stringify!($name);
            const CLOSED: bool = vocabularies!(@closed $($closed)?);

            fn table() -> &'static Table {
                static TABLE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(|| {
                    Table::read(include_str!(concat!("../../vocabulary/", $file, ".tsv")), $name::NAMES)
                });
                &TABLE
            }

            fn from_number(number: i32) -> Option<Self> {
                let fits = (1..=HIGHEST_CODE).contains(&number);
                let known = || Self::table().name(number).is_some();
                (fits && (!Self::CLOSED || known())).then_some(Self(number))
            }

            fn number(self) -> i32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// Its name, or `unrecognised code 77`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "unrecognised code {}", self.0),
                }
            }
        }
    )*

        /// Every list: its name and its table.
        pub fn lists() -> Vec<(&'static str, &'static Table)> {
            vec![$((stringify!($name), $name::table())),*]
        }
    };
}

#[cfg(feature = "operator")]
pub(crate) use vocabularies;

// The constants of every list, `Form::FORCED_BEGGING`, made from the schema.
include!(concat!(env!("OUT_DIR"), "/peer_codes.rs"));

vocabularies! {
    /// What the child was trafficked for (Palermo Protocol Art. 3; Directive 2011/36/EU Art. 2(3), as amended by
    /// Directive (EU) 2024/1712).
    Form = "form";
    /// How far the identification of the child has come.
    VictimStatus = "victim_status";
    /// Who decided the status.
    DecidedBy = "decided_by";
    /// The act (Palermo Protocol Art. 3(a); Directive 2011/36/EU Art. 2(1)).
    Act = "act";
    /// How the child is controlled. Never required: for a child the means are irrelevant (Palermo Protocol Art.
    /// 3(c)).
    MeansOfControl = "means_of_control";
    /// Means of control in the eight groups in which they are shared (the merge of the CTDC 2024 release).
    MeansGroup = "means_group";
    /// How the child was recruited.
    RecruitmentMethod = "recruitment_method";
    /// What the recruiter was to the child.
    RecruiterRelation = "recruiter_relation";
    /// The situation of the child. Asylum and unaccompanied are situations, not forms. Only those marked may leave
    /// the country ([`ChildSituation::shareable`]).
    ChildSituation = "child_situation";
    /// Age in bands that roll up exactly to CTDC, Eurostat and GLOTIP.
    AgeBand = "age_band";
    /// When the child had that age.
    AgeReference = "age_reference";
    /// Sex as registered. OTHER is merged into UNKNOWN when shared.
    Sex = "sex";
    /// Signs that a child is being trafficked. A set of codes and a count band, never a narrative.
    Indicator = "indicator";
    /// Where the information comes from.
    SourceType = "source_type";
    /// Stage in the national referral mechanism. Stages are events, not a line.
    NrmStage = "nrm_stage";
    /// Risk (RP) and protection (PP) determinants of the child's context, after IMPACT. Statements about a context,
    /// not signs about a child.
    Determinant = "determinant";
    /// Traffic light protocol 2.0: how far a recipient may pass it on.
    Tlp = "tlp", closed;
    /// Handling codes H of Europol.
    Handling = "handling", closed;
    /// What it may be used for.
    Purpose = "purpose", closed;
    /// What it may never be used for.
    Prohibition = "prohibition", closed;
    /// How reliable the source is.
    SourceGrade = "source_grade";
    /// How accurate the information is.
    InformationGrade = "information_grade";
    /// Fact or personal assessment.
    Assertion = "assertion";
    /// How certain it is.
    Certainty = "certainty";
    /// What a country is in a case or pattern. No country stands without its role.
    CountryRole = "country_role";
    /// Kind of border crossing, never its name.
    BorderType = "border_type";
    /// Means of transport as a class, never a company or a plate.
    Transport = "transport";
    /// Kind of missing child case, as the 116 000 hotlines count.
    MissingType = "missing_type";
    /// Time since the child was last seen, in place of a date.
    ElapsedBand = "elapsed_band";
    /// How urgent the risk to the child is.
    RiskTier = "risk_tier";
    /// Alert about the child in another system; only that it exists.
    ExternalAlert = "external_alert";
    /// Which way a pattern moves.
    Trend = "trend";
    /// What helped, or is suggested, against a pattern.
    Countermeasure = "countermeasure";
    /// What the recipient is asked to do.
    RequestedAction = "requested_action";
    /// The legal channel over which the issuer is reached; identity travels there, never here.
    ContactChannel = "contact_channel";
    /// Which desk of the issuer answers. A role, never a person.
    DeskRole = "desk_role";
    /// Law under which the issuer processes.
    LegalRegime = "legal_regime";
    /// Article on which the issuer relies.
    LegalBasis = "legal_basis";
    /// Ground for a transfer to a recipient outside the EU and EEA.
    TransferGround = "transfer_ground";
    /// How close to a person it comes. Nothing above L1 is accepted.
    PersonalDataLevel = "personal_data_level", closed;
    /// What a message does to the chain of versions.
    MsgType = "msg_type", closed;
    /// Kind of alert.
    AlertKind = "alert_kind", closed;
    /// How many distinct children stand behind a statement.
    SupportBand = "support_band", closed;
    /// How many independent sources say so.
    IndependentSources = "independent_sources", closed;
    /// Why an item is to be erased.
    ErasureReason = "erasure_reason", closed;
    /// On what an erasure rests.
    ErasureBasis = "erasure_basis", closed;
    /// What a reply does.
    ReplyType = "reply_type", closed;
    /// What came of an alert at its recipient.
    Outcome = "outcome", closed;
    /// Answer to a query about a found child.
    FoundAnswer = "found_answer", closed;
    /// How far a referral has come, in the word of the country that was asked.
    ReferralState = "referral_state", closed;
    /// Why a recipient disputes an alert.
    ChallengeGround = "challenge_ground", closed;
    /// What the issuer decided about a challenge or a request to pass an alert on.
    Ruling = "ruling", closed;
    /// Language of millions of speakers (ISO 639-2, terminological codes). One that few speak points to a community and is not in the list.
    Language = "language";
    /// Why a child may be taken out of a country.
    RemovalRisk = "removal_risk";
    /// Whether the risk stands in the Schengen Information System.
    SisEntry = "sis_entry";
    /// An answer to a question that a desk may not be able to answer.
    YesNo = "yes_no";
    /// Why care is to go on in another country.
    ReferralReason = "referral_reason";
    /// Support that a child needs or was given.
    Service = "service";
    /// How soon an answer to a referral is needed.
    ReferralUrgency = "referral_urgency";
    /// What the child says of the referral.
    ChildView = "child_view";
    /// How far the child's best interests were looked into.
    BestInterests = "best_interests";
    /// Where children are approached: a class, never a name.
    PlatformClass = "platform_class";
    /// With what children are approached.
    Lure = "lure";
    /// Class of document, never a number.
    DocumentClass = "document_class";
    /// What may put children at risk.
    WarningEvent = "warning_event";
    /// Whom prevention reaches; never a community by its origin.
    Audience = "audience";
    /// What is done to prevent trafficking.
    PreventionMethod = "prevention_method";
    /// What came of it.
    PracticeResult = "practice_result";
    /// Edition of a trend summary.
    NoticeEdition = "notice_edition";
    /// Region of the world: the 22 sub-regions and intermediate regions of UN M49, other and unknown.
    Region = "region";
}

#[cfg(test)]
mod tests;
