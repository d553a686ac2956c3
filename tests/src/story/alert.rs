//! One alert: drawn from records, shown before it leaves, released to two of three peers.

use super::Story;
use crate::harness::{Country, Trouble};
use serde_json::Value;

/// Rows of the preview that the story shows; the preview itself has all.
const SHOWN: [&str; 8] = [
    "children",
    "forms",
    "countries",
    "age_bands",
    "recruitment_method",
    "indicators",
    "citizenship",
    "agency and its reference",
];
const COLUMN: usize = 46;

/// `varde alert draft` from a query over records, and `varde alert preview`.
pub(super) fn draft(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let query = [
        "--kind",
        "MODUS_OPERANDI",
        "--period",
        "2026-Q3",
        "--form",
        "FORCED_CRIMINALITY",
        "--country",
        "EXPLOITATION=NO",
    ];
    let no = story.country("NO")?;
    let id = no.varde(&[&["alert", "draft"][..], &query[..]].concat())?.ok()?.trim().to_owned();
    let preview = no.varde(&["alert", "preview", &id, "--json"])?.json(0)?;
    let mut lines = vec![
        format!("NO $ varde alert draft {}", query.join(" ")),
        format!("     {id}"),
        format!("NO $ varde alert preview {id}  (some of its rows)"),
    ];
    lines.extend(side_by_side("", "what stays", "what leaves"));
    let rows = preview["fields"].as_array().cloned().unwrap_or_default();
    if SHOWN.iter().any(|field| !rows.iter().any(|r| r["field"] == *field)) {
        return Err(Trouble::new(format!("the preview lacks a row that the story shows: {preview:#}")));
    }
    lines.extend(rows.iter().flat_map(row));
    story.alert = Some(id);
    Ok(lines)
}

fn row(row: &Value) -> Vec<String> {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let field = text("field");
    let leaves = if text("leaves").is_empty() { "-".to_owned() } else { text("leaves") };
    if SHOWN.contains(&field.as_str()) { side_by_side(&field, &text("stays"), &leaves) } else { Vec::new() }
}

fn side_by_side(field: &str, stays: &str, leaves: &str) -> Vec<String> {
    let (stays, leaves) = (wrap(stays), wrap(leaves));
    let line = |i: usize| {
        let cell = |lines: &[String]| lines.get(i).cloned().unwrap_or_default();
        let field = if i == 0 { field } else { "" };
        format!("  {field:<24} {:<COLUMN$}  {}", cell(&stays), cell(&leaves)).trim_end().to_owned()
    };
    (0..stays.len().max(leaves.len())).map(line).collect()
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let full = lines.last().is_some_and(|l| !l.is_empty() && l.len() + 1 + word.len() > COLUMN);
        match lines.last_mut() {
            Some(line) if !full => *line = format!("{line} {word}").trim_start().to_owned(),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `varde alert release --to LT,EE`: receipted by both, and DK has nothing.
pub(super) fn release(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let id = story.alert()?.to_owned();
    let no = story.country("NO")?;
    let release = ["alert", "release", &id, "--to", "LT,EE", "--wait", "60s"];
    let table = no.varde(&release)?.ok()?;
    let mut lines = vec![format!("NO $ varde alert release {id} --to LT,EE --wait 60s")];
    lines.extend(table.lines().map(|l| format!("     {l}")));
    for code in ["LT", "EE"] {
        let held = inbox(story.country(code)?)?.into_iter().find(|a| a["alert_id"] == *id);
        let held = held.ok_or_else(|| Trouble::new(format!("{code} receipted the alert and does not have it")))?;
        let (at, state) =
            (held["received_at"].as_str().unwrap_or_default(), held["state"].as_str().unwrap_or_default());
        lines.push(format!(
            "{code} $ varde alert inbox     from {}, received {at}, {state}",
            held["from"].as_str().unwrap_or_default()
        ));
    }
    let third = story.country("DK")?;
    let nothing = third.varde(&["alert", "show", &id])?;
    if nothing.code != Some(2) || !inbox(third)?.is_empty() {
        return Err(nothing.trouble("DK, which is no recipient, has something of the alert"));
    }
    lines.push(format!("DK $ varde alert show {id}"));
    lines.extend(nothing.stderr.lines().take(1).map(|l| format!("     {l}")));
    Ok(lines)
}

fn inbox(country: &Country) -> Result<Vec<Value>, Trouble> {
    let inbox = country.varde(&["alert", "inbox", "--json"])?.json(0)?;
    let items = inbox.get("items").unwrap_or(&inbox).as_array().cloned();
    items.ok_or_else(|| Trouble::new(format!("the inbox of {} is no list: {inbox:#}", country.code())))
}
