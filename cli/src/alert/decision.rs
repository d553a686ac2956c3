//! The local sharing decision as staff see it: what was decided, who answers for it, what to look at. It never leaves.

use super::time;
use crate::context::Context;
use serde_json::{Value, json};
use varde_proto::draft::Decision;
use varde_proto::id::hex;
use varde_proto::vocabulary::{LegalBasis, LegalRegime, Purpose, TransferGround, Vocabulary};
use varde_proto::wire::operator::{ActDone, Caution, SharingDecision};

/// A question that the decision answers, and the answer.
type Answer = (&'static str, String);

/// Every field of the decision, in words; then what the alert itself says of its legal basis.
fn answers(decision: &Decision, alert: &Value) -> Vec<Answer> {
    let Decision { necessity, best_interests_by, child_heard, guardian_informed, harms, never_to, .. } = decision;
    let harms: Vec<String> = harms.iter().map(|harm| said(*harm)).collect();
    let legal = &alert["legal_basis"];
    let article = format!("{}; {}", code::<LegalBasis>(&legal["article"]), code::<LegalRegime>(&legal["regime"]));
    let purposes = alert["purposes"].as_array().map(Vec::as_slice).unwrap_or_default();
    vec![
        ("why less would not do", said(*necessity)),
        ("who considered the child's best interests", said(*best_interests_by)),
        ("whether the child was informed and heard", said(*child_heard)),
        ("whether the guardian was informed", said(*guardian_informed)),
        (
            "risks of harm that were found",
            if harms.is_empty() { "none was named".to_owned() } else { harms.join("; ") },
        ),
        (
            "who must never get it",
            if never_to.is_empty() {
                "nobody was named".to_owned()
            } else {
                never_to.iter().map(|country| country.label()).collect::<Vec<_>>().join("; ")
            },
        ),
        ("legal basis (the alert says it too)", article),
        ("ground for a transfer (the alert says it too)", code::<TransferGround>(&legal["transfer_ground"])),
        ("purposes (the alert says them too)", purposes.iter().map(code::<Purpose>).collect::<Vec<_>>().join("; ")),
    ]
}

/// A code in words; an answer that nobody gave is called that.
fn said<V: Vocabulary>(code: V) -> String {
    match code.name() {
        Some("NOT_COLLECTED") => "nobody has said".to_owned(),
        _ => code.label(),
    }
}

fn code<V: Vocabulary>(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    V::parse(name).map_or_else(|_| name.to_owned(), said)
}

/// For people.
pub(super) fn show(decision: Option<SharingDecision>, alert: &Value, acts: &[ActDone], context: &Context) {
    let render = &context.render;
    if let Some(decision) = decision.and_then(Decision::from_wire) {
        render.line("");
        render.heading("Why it may be shared (this stays here)");
        let row = |(question, answer): Answer| [question.to_owned(), answer];
        render.table(["what was decided", "answer"], answers(&decision, alert).into_iter().map(row));
    }
    if !acts.is_empty() {
        render.line("");
        let row = |done: &ActDone| [done.act.clone(), name(done), time(done.time_ms)];
        render.table(["act", "by", "at"], acts.iter().map(row));
    }
}

/// Who did it, also when varde.toml no longer says so.
fn name(done: &ActDone) -> String {
    match done.by.as_str() {
        "" => "somebody whom varde.toml no longer lists".to_owned(),
        name => name.to_owned(),
    }
}

/// For scripts: codes as in FILE.json, and the same in words.
pub(super) fn document(decision: Option<SharingDecision>, alert: &Value) -> Value {
    let Some(decision) = decision.and_then(Decision::from_wire) else { return Value::Null };
    let codes = serde_json::from_str::<Value>(&decision.to_json().to_string()).unwrap_or_default();
    let words = answers(&decision, alert);
    let words: Vec<_> =
        words.iter().map(|(question, answer)| json!({ "question": question, "answer": answer })).collect();
    let mut document = codes;
    document["in_words"] = words.into();
    document
}

/// Who did what, for scripts.
pub(super) fn acts(acts: &[ActDone]) -> Value {
    let one = |done: &ActDone| {
        let key = (!done.key.is_empty()).then(|| hex(&done.key));
        let by = (!done.by.is_empty()).then_some(&done.by);
        json!({ "act": done.act, "by": by, "key": key, "at": time(done.time_ms) })
    };
    acts.iter().map(one).collect()
}

/// What to look at, for scripts.
pub(super) fn warnings(cautions: &[Caution]) -> Value {
    cautions.iter().map(|caution| json!({ "code": caution.code, "text": caution.text })).collect()
}

/// What to look at, said on stderr.
pub(super) fn warn(cautions: &[Caution], context: &Context) {
    cautions.iter().for_each(|caution| context.render.talk(&format!("warning: {}", caution.text)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use varde_proto::draft::{ChildHeard, Harm};

    #[test]
    fn every_field_of_the_decision_is_said_in_words() {
        let mut decision = Decision::silent(false);
        decision.child_heard = ChildHeard::NOT_SAFE_TO_ASK;
        decision.harms = [Harm::WITNESS, Harm::EXPLOITER_IN_FAMILY].into();
        let alert = json!({
            "legal_basis": { "regime": "GDPR", "article": "GDPR_6_1_D", "transfer_ground": "TREATY_CETS197_33" },
            "purposes": ["P1", "P2"],
        });
        let said: Vec<String> = answers(&decision, &alert).into_iter().map(|(_, answer)| answer).collect();
        assert_eq!(
            said[..4],
            ["nobody has said", "nobody has said", "not heard: asking would put the child at risk", "nobody has said"]
        );
        assert_eq!(said[4], "the exploiter is in the family; the child is a witness");
        assert_eq!(said[5], "nobody was named");
        assert_eq!(said[6], "vital interests; General Data Protection Regulation");
        assert_eq!(said[8], "protect a child now; locate a missing child");
        let document = document(Some(decision.to_wire()), &alert);
        assert_eq!(
            (&document["child_heard"], &document["necessity"]),
            (&"NOT_SAFE_TO_ASK".into(), &"NOT_COLLECTED".into())
        );
        assert_eq!(document["in_words"][2]["answer"], "not heard: asking would put the child at risk");
    }
}
