//! `FILE.json` of a draft.

use super::{Decision, Fresh, Terms, shield, subject};
use crate::alert::{AlertContent, defaults, rules};
use crate::envelope::Rejection;
use crate::json::{self, At, Fields, Node, Problem, Problems, Value};
use crate::limits::DRAFT_FILE_BYTES;
use crate::time::Period;
use crate::vocabulary::*;

/// What a file says: the alert to be, and the decision that stays at home.
#[derive(Debug, Clone, PartialEq)]
pub struct FileDraft {
    /// Keeps every rule that needs no recipient.
    pub content: AlertContent,
    /// What the file says of the decision.
    pub decision: Decision,
}

/// Reads a whole draft, of this kind if one is asked for. Every problem of the file is named at once: what cannot be read,
/// and then what breaks a rule.
pub fn read(text: &str, asked: Option<AlertKind>, fresh: Fresh) -> Result<FileDraft, Vec<Problem>> {
    let problems = Problems::default();
    let root = json::read(text, DRAFT_FILE_BYTES).map_err(|problem| vec![problem])?;
    let places = Places::of(&root);
    let mut fields = Fields::of(root, "", &problems);
    let stated = kind(&mut fields, asked);
    let kind = fields.need("kind", "the kind of alert", stated);
    let terms = terms(&mut fields);
    let period = fields.parsed("observed_period", "a quarter such as 2026-Q3", |t| Period::parse(t).ok());
    let support = fields.code::<SupportBand>("support_count");
    let body = fields.object("content");
    let decision = fields.object("decision");
    let subject = kind.and_then(|kind| subject::read(kind, body, &fields, period, &problems));
    let support = support.or_else(|| kind.and_then(|kind| defaults(kind).support));
    let support = fields.need("support_count", "how many distinct children stand behind it", support);
    let silent = Decision::silent(kind.is_some_and(|kind| kind.level() == PersonalDataLevel::L0));
    let decision = decision.map_or_else(|| silent.clone(), |fields| silent.clone().read(fields));
    fields.finish();
    let (Some((subject, observed)), Some(support), true) = (subject, support, problems.is_empty()) else {
        return Err(problems.into_sorted());
    };
    let content = terms.put_over(subject, observed, support, fresh);
    let broken = broken_rules(&content, &decision, &places);
    if broken.is_empty() { Ok(FileDraft { content, decision }) } else { Err(broken) }
}

/// Reads the terms of a draft whose content comes from records: the same file without `kind`, `content` and what a count
/// decides. An empty text takes every default.
pub fn read_terms(text: &str, kind: AlertKind) -> Result<(Terms, Decision), Vec<Problem>> {
    let silent = Decision::silent(kind.level() == PersonalDataLevel::L0);
    if text.trim().is_empty() {
        return Ok((Terms::default(), silent));
    }
    let problems = Problems::default();
    let root = json::read(text, DRAFT_FILE_BYTES).map_err(|problem| vec![problem])?;
    let mut fields = Fields::of(root, "", &problems);
    self::kind(&mut fields, Some(kind));
    let terms = terms(&mut fields);
    let decision = fields.object("decision").map_or_else(|| silent.clone(), |fields| silent.clone().read(fields));
    fields.finish();
    if problems.is_empty() { Ok((terms, decision)) } else { Err(problems.into_sorted()) }
}

/// The kind that the file states, which must be the one that is asked for; or that one.
fn kind(fields: &mut Fields<'_>, asked: Option<AlertKind>) -> Option<AlertKind> {
    let stated = fields.code::<AlertKind>("kind");
    if let (Some(stated), Some(asked)) = (stated, asked)
        && stated != asked
    {
        let next = "leave it out of the file, or ask for that kind";
        fields.report("kind", None, asked.name().unwrap_or_default(), stated.name().unwrap_or_default(), next);
    }
    stated.or(asked)
}

fn terms(fields: &mut Fields<'_>) -> Terms {
    set_by_the_node(fields);
    let mut legal = fields.object("legal_basis");
    let mut grading = fields.object("grading");
    let terms = Terms {
        desk_role: fields.code("desk_role"),
        expires_at: fields.time("expires_at"),
        review_at: fields.time("review_at"),
        tlp: fields.code("tlp"),
        handling: fields.codes("handling"),
        purposes: fields.codes("purposes"),
        prohibitions: fields.codes("prohibitions"),
        legal_regime: legal.as_mut().and_then(|l| l.code("regime")),
        legal_basis: legal.as_mut().and_then(|l| l.code("article")),
        transfer_ground: legal.as_mut().and_then(|l| l.code("transfer_ground")),
        personal_data_level: fields.code("personal_data_level"),
        sources: fields.codes("source_type"),
        source_grade: grading.as_mut().and_then(|g| g.code("source")),
        information_grade: grading.as_mut().and_then(|g| g.code("information")),
        assertion: fields.code("assertion"),
        certainty: fields.code("certainty"),
        independent_sources: fields.code("independent_sources"),
        requested_actions: fields.codes("requested_action"),
        reply_by: fields.time("reply_by"),
        contact_channel: fields.code("contact_channel"),
    };
    legal.into_iter().chain(grading).for_each(Fields::finish);
    terms
}

/// Fields of an alert that a draft cannot choose.
fn set_by_the_node(fields: &mut Fields<'_>) {
    let fixed: [(&'static str, &[&str], &str); 12] = [
        ("msg_type", &["ALERT"], "ALERT"),
        ("version", &["1"], "1"),
        ("supersedes", &[], "nothing: a first version supersedes none"),
        ("alert_id", &[], "nothing: the node draws it"),
        ("contact_token", &[], "nothing: the node draws it"),
        ("mode", &[], "nothing: it is fixed by the node"),
        ("issuer", &[], "nothing: it is your node"),
        ("issuer_node", &[], "nothing: it is your node"),
        ("issued_at", &[], "nothing: the release sets it"),
        ("recipients", &[], "nothing: `varde alert release ID --to CC,CC` names them"),
        ("decision_record_digest", &[], "nothing: the node computes it from `decision`"),
        ("note", &[], "nothing: an alert has no free text"),
    ];
    for (name, allowed, wanted) in fixed {
        let Some(node) = fields.take(name) else { continue };
        let stated = match &node.value {
            Value::Text(text) | Value::Number(text) => text.as_str(),
            _ => "",
        };
        if !allowed.contains(&stated) {
            fields.report(name, Some(node.at), wanted, &node.value.describe(), "take it out");
        }
    }
}

/// What a content and its decision break; none for a draft that may be kept.
pub fn check(content: &AlertContent, decision: &Decision) -> Vec<Problem> {
    broken_rules(content, decision, &Places(Vec::new()))
}

fn broken_rules(content: &AlertContent, decision: &Decision, places: &Places) -> Vec<Problem> {
    let problem = |field: &str, wanted: &str, next: &str| Problem {
        at: places.find(field),
        field: field.to_owned(),
        wanted: wanted.to_owned(),
        got: String::new(),
        next: next.to_owned(),
    };
    let broken = rules::broken(content);
    let mut problems: Vec<_> = broken.iter().map(|rule| problem(rule.field, rule.wanted, rule.next)).collect();
    // What no rule is about: more values in a list than an alert can carry.
    if let Err(Rejection::Content(code)) = AlertContent::from_wire(content.to_wire()) {
        let wanted =
            format!("what an alert can carry: at most {} values in a list ({code})", crate::limits::ALERT_CODES);
        problems.push(problem("content", &wanted, "leave some out"));
    }
    let shields = shield::SHIELDS.iter().filter(|shield| !(shield.holds)(content, decision));
    problems.extend(shields.map(|shield| problem(shield.field, shield.wanted, shield.next)));
    problems.sort_by_key(|p| (p.at.is_none(), p.at));
    problems
}

/// Where each field of a file begins, for problems that are found once all is read.
struct Places(Vec<(String, At)>);

impl Places {
    fn of(root: &Node) -> Self {
        let mut places = Vec::new();
        if let Value::Object(fields) = &root.value {
            for (name, _, node) in fields {
                places.push((name.clone(), node.at));
                if let Value::Object(inner) = &node.value {
                    places.extend(inner.iter().map(|(own, _, node)| (format!("{name}.{own}"), node.at)));
                }
            }
        }
        Self(places)
    }

    fn find(&self, field: &str) -> Option<At> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, at)| *at)
    }
}
