//! Where an admitted payload is filed so that people find it, and what only memory can refuse: an alert's id used twice, a
//! second release of one edition, a budget ledger that forks. Rows are plain and hold only indexes and digests.

use super::conversation::{self, offers};
use super::desk::Desk;
use super::{erase, queries, versions};
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::Alert;
use varde_proto::envelope::{Rejection, Verified};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::log::leaf::Opening;
use varde_proto::offer::Offer;
use varde_proto::summary::{Act, LedgerEntry, TrendSummary};
use varde_proto::time::Period;
use varde_proto::vocabulary::ErasureReason;

/// Filed, or refused by what was filed before.
pub type Filed = Result<Result<(), Rejection>, StoreError>;

/// The row of an alert: its issuer's country and its id.
pub fn alert_row(issuer: NodeId, id: AlertId) -> Vec<u8> {
    rows::row(rows::ALERT, &[issuer.as_str().as_bytes(), &id.0])
}

/// The row of what was taken from a country and is no alert.
pub fn heard_row(from: NodeId, digest: &Digest) -> Vec<u8> {
    rows::row(rows::HEARD, &[from.as_str().as_bytes(), &digest.0])
}

/// The row of a trend summary: its issuer's country, cohort and edition.
pub fn summary_row(issuer: NodeId, cohort: Period, edition: &str) -> Vec<u8> {
    rows::row(rows::SUMMARY, &[issuer.as_str().as_bytes(), cohort.to_string().as_bytes(), b"/", edition.as_bytes()])
}

/// The row of an entry of a privacy budget: its issuer's country and its number.
pub fn budget_row(issuer: NodeId, seq: u64) -> Vec<u8> {
    rows::row(rows::BUDGET, &[issuer.as_str().as_bytes(), &seq.to_be_bytes()])
}

/// The row of the release that an issuer's budget committed for a cohort and edition.
fn committed_row(issuer: NodeId, cohort: Period, edition: &str) -> Vec<u8> {
    rows::row(rows::COMMITTED, &[issuer.as_str().as_bytes(), cohort.to_string().as_bytes(), b"/", edition.as_bytes()])
}

/// The value of a filed row.
pub fn filed(index: u64, digest: Digest) -> Vec<u8> {
    [&index.to_be_bytes()[..], &digest.0].concat()
}

/// An index and a digest, as a filed row holds them.
pub fn read_filed(value: &[u8]) -> Result<(u64, Digest), StoreError> {
    let parts = value.split_first_chunk::<8>().and_then(|(index, rest)| Some((*index, Digest::from_bytes(rest)?)));
    let (index, digest) = parts.ok_or_else(|| StoreError::Damaged("a filed row cannot be read".into()))?;
    Ok((u64::from_be_bytes(index), digest))
}

/// Files by a row of its own. The same digest again is a duplicate: a payload is admitted once, whatever number it comes
/// under. Another digest is refused with `code`.
fn file(desk: &mut Desk<'_>, row: Vec<u8>, index: u64, digest: Digest, code: &'static str) -> Filed {
    match desk.get(&row)? {
        None => {
            desk.put(row, filed(index, digest))?;
            Ok(Ok(()))
        }
        Some(value) if read_filed(&value)?.1 == digest => Ok(Err(Rejection::Content("duplicate"))),
        Some(_) => Ok(Err(Rejection::Content(code))),
    }
}

/// Files an alert that came from a peer. What was filed once stays filed when it is erased, so that it cannot come again; nor
/// can what was withdrawn before it came.
pub fn file_alert(desk: &mut Desk<'_>, issuer: NodeId, alert: &Verified<Alert>, index: u64) -> Filed {
    let (content, object) = (alert.payload().content(), alert.digest());
    if let Some(remains) = erase::remains_at(desk, issuer, &object)?
        && remains.reason != ErasureReason::EXPIRED
    {
        return Ok(Err(Rejection::Content("withdrawn")));
    }
    if let Err(rule) = offers::admits(desk, issuer, content, index)? {
        return Ok(Err(Rejection::Content(rule)));
    }
    if desk.get(&alert_row(issuer, content.id))?.is_none() {
        let between = conversation::Between { issuer, recipient: desk.origin().node() };
        if !queries::count(desk, between, content, alert.payload().issued_at())? {
            return Ok(Err(Rejection::Content("query-rate")));
        }
    }
    if let Err(broken) = versions::judge(desk, issuer, content, &object)? {
        return Ok(Err(broken));
    }
    let filed = file(desk, alert_row(issuer, content.id), index, object, "alert-id-reused")?;
    if filed.is_ok() {
        versions::file(desk, issuer, content, (object, alert.payload().issued_at()))?;
        desk.put(rows::numbered(rows::INBOX, index), issuer.as_str().as_bytes().to_vec())?;
        desk.put(erase::expiry_row(content.expires_at, &object), index.to_be_bytes().to_vec())?;
        conversation::begin(desk, (issuer, alert.from()), content, (index, object))?;
    }
    Ok(filed)
}

/// Files the offer of an alert. An id is offered once, and before the alert.
pub fn file_offer(desk: &mut Desk<'_>, issuer: NodeId, offer: &Verified<Offer>, index: u64) -> Filed {
    let (id, recipient) = (offer.payload().id, desk.origin().node());
    if desk.get(&alert_row(issuer, id))?.is_some() {
        return Ok(Err(Rejection::Content("alert-id-reused")));
    }
    let filed = file(desk, offers::row(issuer, id), index, offer.digest(), "alert-id-reused")?;
    if filed.is_ok() {
        let filed = (index, offer.digest());
        conversation::begin_offer(desk, conversation::Between { issuer, recipient }, offer.payload(), filed)?;
    }
    Ok(filed)
}

/// Files a trend summary that came from a peer. Two different releases of one edition are proof of misconduct, and so is a
/// release that is not the one its budget committed, where we were sent that line; the same release addressed anew, to more
/// recipients, is another envelope around the same bytes.
pub fn file_summary(desk: &mut Desk<'_>, issuer: NodeId, summary: &Verified<TrendSummary>, index: u64) -> Filed {
    let release = summary.payload().release();
    let row = summary_row(issuer, release.cohort(), release.edition().name());
    if let Some(value) = desk.get(&row)? {
        let (kept, digest) = read_filed(&value)?;
        let opening = desk.open(&rows::numbered(rows::OPENING, kept))?;
        let opening = opening.and_then(|bytes| Opening::parse(&bytes).ok());
        if digest == release.digest() && opening.is_some_and(|o| o.event().object != summary.digest()) {
            return Ok(Ok(()));
        }
    } else if differs(desk, &committed_row(issuer, release.cohort(), release.edition().name()), release.digest())? {
        return Ok(Err(Rejection::Content("budget-mismatch")));
    }
    file(desk, row, index, release.digest(), "edition-released-twice")
}

/// Whether a row is filed, and with another digest.
fn differs(desk: &Desk<'_>, row: &[u8], digest: Digest) -> Result<bool, StoreError> {
    Ok(match desk.get(row)? {
        Some(value) => read_filed(&value)?.1 != digest,
        None => false,
    })
}

/// Files an entry of a privacy budget, ours or a peer's; it must follow the entry before it, where that is held, and commit
/// no other release than the one that is held.
pub fn file_budget(desk: &mut Desk<'_>, issuer: NodeId, entry: &Verified<LedgerEntry>, index: u64) -> Filed {
    let LedgerEntry { seq, prev, act, cohort, edition, .. } = entry.payload();
    if let Some(before) = seq.checked_sub(1)
        && differs(desk, &budget_row(issuer, before), *prev)?
    {
        return Ok(Err(Rejection::Content("budget-forked")));
    }
    let Act::Commit { release, .. } = act else {
        return file(desk, budget_row(issuer, *seq), index, entry.digest(), "budget-forked");
    };
    let committed = committed_row(issuer, *cohort, edition.name());
    if differs(desk, &summary_row(issuer, *cohort, edition.name()), *release)? || differs(desk, &committed, *release)? {
        return Ok(Err(Rejection::Content("budget-mismatch")));
    }
    let filed_entry = file(desk, budget_row(issuer, *seq), index, entry.digest(), "budget-forked")?;
    if filed_entry.is_ok() {
        desk.put(committed, filed(index, *release))?;
    }
    Ok(filed_entry)
}
