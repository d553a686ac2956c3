//! How far each recipient is with erasing an alert of ours, as people and scripts see it.

use crate::render::Render;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{ErasureReason, Vocabulary};
use varde_proto::wire::operator::ErasureStanding;

/// For a document.
pub(crate) fn document(one: &ErasureStanding) -> serde_json::Value {
    serde_json::json!({
        "alert_id": one.alert_id,
        "country": one.country,
        "state": one.state,
        "code": (!one.code.is_empty()).then_some(&one.code),
        "reason": reason(one.reason),
        "asked_at": time(one.asked_ms),
        "due_at": time(one.due_ms),
        "overdue": one.overdue,
        "answer_index": (one.answer_index != 0).then_some(one.answer_index),
        "proof": (!one.proof.is_empty()).then_some(&one.proof),
    })
}

/// For people.
pub(crate) fn table(all: &[ErasureStanding], render: &Render) {
    let row = |one: &ErasureStanding| {
        let state = if one.code.is_empty() { one.state.clone() } else { format!("{} ({})", one.state, one.code) };
        let late = if one.overdue { "overdue" } else { "" };
        let (since, due) = (time(one.asked_ms), time(one.due_ms));
        [one.alert_id.clone(), one.country.clone(), reason(one.reason), state, since, due, late.to_owned()]
    };
    render.table(["alert", "at", "reason", "state", "since", "due", ""], all.iter().map(row));
}

fn reason(number: i32) -> String {
    ErasureReason::from_number(number).map(|reason| reason.to_string()).unwrap_or_default()
}

fn time(ms: i64) -> String {
    Timestamp::from_ms(ms).map(|time| time.to_string()).unwrap_or_default()
}
