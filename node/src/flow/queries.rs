//! Queries about found children: how many a country asked another in a day, counted at both ends by the day that the query itself names, so
//! that both come to the same number; and the ledger of them, in which whoever is asked sees that somebody fishes.

use super::Node;
use super::conversation::{self, Between};
use super::desk::Desk;
use super::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::AlertContent;
use varde_proto::id::{AlertId, NodeId};
use varde_proto::limits;
use varde_proto::reply::Said;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, FoundAnswer};

const ID: usize = 16;

fn row(between: Between, issued: Timestamp) -> Vec<u8> {
    let Between { issuer, recipient } = between;
    let day = issued.to_day().ms().to_be_bytes();
    rows::row(rows::QUERIES, &[issuer.as_str().as_bytes(), recipient.as_str().as_bytes(), &day])
}

/// Whether this is one, and one more on that day is too many.
fn is_full(ids: Option<&[u8]>, content: &AlertContent) -> bool {
    let ids = ids.unwrap_or_default();
    ids.len() / ID >= limits::QUERIES_A_DAY && !ids.chunks(ID).any(|id| id == content.id.0)
}

/// Counts a query, if it is one; false where it is one too many.
pub(super) fn count(
    desk: &mut Desk<'_>,
    between: Between,
    content: &AlertContent,
    issued: Timestamp,
) -> Result<bool, StoreError> {
    if content.kind() != AlertKind::FOUND_CHILD_QUERY {
        return Ok(true);
    }
    let row = row(between, issued);
    let mut ids = desk.get(&row)?.unwrap_or_default();
    if is_full(Some(&ids), content) {
        return Ok(false);
    }
    if !ids.chunks(ID).any(|id| id == content.id.0) {
        ids.extend_from_slice(&content.id.0);
    }
    desk.put(row, ids)?;
    Ok(true)
}

/// Whether one more query today would be one too many.
pub(super) fn is_spent(
    ledger: &Ledger,
    between: Between,
    content: &AlertContent,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let is_query = content.kind() == AlertKind::FOUND_CHILD_QUERY;
    Ok(is_query && is_full(ledger.get(&row(between, now))?.as_deref(), content))
}

/// The queries of one day from one country to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Who asked.
    pub issuer: NodeId,
    /// Who was asked.
    pub recipient: NodeId,
    /// The day, at its first moment.
    pub day: Timestamp,
    /// Which queries, and how each was answered.
    pub queries: Vec<(AlertId, Option<FoundAnswer>)>,
}

/// The ledger, the newest days first, `most` at most.
pub fn ledger(node: &Node, most: usize) -> Result<Vec<Day>, StoreError> {
    let damaged = || StoreError::Damaged("a row of the ledger of queries cannot be read".into());
    let mut days = Vec::new();
    for row in node.ledger.scan(&[rows::QUERIES], &[rows::QUERIES + 1], false) {
        let (name, ids) = row?;
        let country = |at: usize| {
            let code = name.get(at..at + 2).and_then(|code| std::str::from_utf8(code).ok());
            code.and_then(|code| NodeId::parse(code).ok()).ok_or_else(damaged)
        };
        let between = Between { issuer: country(1)?, recipient: country(3)? };
        let day = name.get(5..).and_then(|day| day.try_into().ok()).map(i64::from_be_bytes);
        let day = day.and_then(|day| Timestamp::from_ms(day).ok()).ok_or_else(damaged)?;
        days.push((day, between, ids));
    }
    days.sort_by_key(|(day, between, _)| (std::cmp::Reverse(*day), between.issuer, between.recipient));
    let read = |(day, between, ids): (Timestamp, Between, Vec<u8>)| {
        let query = |id: &[u8]| {
            let id = AlertId::from_bytes(id).ok_or_else(damaged)?;
            let (_, said) = conversation::said(node, between, id)?;
            let answer = said.into_iter().rev().find_map(|word| match word.said {
                Said::Answer(answer) => Some(answer),
                _ => None,
            });
            Ok((id, answer))
        };
        let queries = ids.chunks(ID).map(query).collect::<Result<_, StoreError>>()?;
        Ok(Day { issuer: between.issuer, recipient: between.recipient, day, queries })
    };
    days.into_iter().take(most).map(read).collect()
}
