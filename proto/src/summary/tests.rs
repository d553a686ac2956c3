//! Tests of the payloads and of what is shown, over tables made by hand.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::envelope::{Payload, Rejection};
use crate::id::{Digest, NodeId};
use crate::time::{Period, Timestamp};
use crate::vocabulary::Country;
use crate::wire::peer;
use prost::Message;

/// Cells that spread like noise, and are the same every time, over `truth` children in the first cell.
fn cells(table: TableName, truth: i64) -> Vec<i64> {
    const NOISE: [i64; 10] = [0, 4, 7, -3, -9, 10, -6, -2, 5, -6];
    let mut cells: Vec<i64> = NOISE.iter().copied().cycle().take(table.cells()).collect();
    cells[0] += truth;
    cells
}

fn draft() -> ReleaseDraft {
    ReleaseDraft {
        cohort: Period::Quarter(2026, 3),
        edition: Edition::Flash,
        published: Timestamp::parse("2026-11-21T18:00:00Z").unwrap(),
        coverage: Coverage::OverNinety,
        break_in_series: false,
        software: "0.1.0".into(),
        spent: Rho::from_nano(50_000_000),
        reserve: Digest::of(b"reserve"),
        tables: TableName::ALL.map(|table| (family::FLASH_SIGMA2_Q10, cells(table, 90))),
    }
}

fn header() -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: 1,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/lt/1".into()],
        agreement: vec![1; 32].into(),
        salt: vec![2; 32].into(),
    }
}

fn summary() -> TrendSummary {
    TrendSummary::new(header(), Release::new(draft()).unwrap())
}

#[test]
fn a_release_survives_its_bytes_and_fits_a_payload() {
    let bytes = summary().to_wire().encode_to_vec();
    let read = TrendSummary::from_wire(peer::TrendSummary::decode(bytes.as_slice()).unwrap()).unwrap();
    assert_eq!(read, summary());
    assert_eq!(read.release().digest(), summary().release().digest());
    assert!(bytes.len() < 4096, "{} bytes", bytes.len());
    let mut widest = draft();
    let big = limits_cell();
    widest.tables = TableName::ALL.map(|table| (family::FLASH_SIGMA2_Q10, vec![big; table.cells()]));
    let widest = TrendSummary::new(header(), Release::new(widest).unwrap()).to_wire();
    assert!(widest.encoded_len() <= crate::limits::PAYLOAD_BYTES, "{} bytes", widest.encoded_len());
}

fn limits_cell() -> i64 {
    i64::try_from(crate::limits::SUMMARY_CELL).unwrap()
}

#[test]
fn the_release_is_the_same_whoever_it_is_addressed_to() {
    let other = peer::Header { recipients: vec!["varde.example/ee/1".into()], salt: vec![9; 32].into(), ..header() };
    let again = TrendSummary::new(other, summary().release().clone());
    assert_ne!(again.to_wire(), summary().to_wire());
    assert_eq!(again.release().digest(), summary().release().digest());
}

#[test]
fn a_summary_that_lies_is_refused_by_the_name_of_its_lie() {
    type Lie = fn(&mut peer::Release);
    let lies: [(&str, Lie); 24] = [
        ("summary-family", |r| r.family = "second".into()),
        ("summary-family", |r| r.family_version = 2),
        ("summary-cohort", |r| r.cohort = "2026-07".into()),
        ("summary-cohort", |r| r.cohort = "2026-q3".into()),
        ("summary-edition", |r| r.edition = peer::Edition::Annual as i32),
        ("summary-population", |r| r.population.as_mut().unwrap().definition_digest = vec![0; 32].into()),
        ("summary-population", |r| r.population = None),
        ("summary-privacy", |r| r.privacy.as_mut().unwrap().mechanism = "laplace/1".into()),
        ("summary-privacy", |r| r.privacy.as_mut().unwrap().max_cohorts_per_child = 2),
        ("summary-privacy", |r| r.privacy.as_mut().unwrap().floor = 1),
        ("summary-rho", |r| r.privacy.as_mut().unwrap().rho_nano -= 1),
        ("summary-rho", |r| r.privacy.as_mut().unwrap().rho_nano_cohort = 49_999_999),
        ("summary-rho", |r| r.tables[2].sigma2_q10 += 10),
        ("summary-overspent", |r| r.privacy.as_mut().unwrap().rho_nano_cohort = 500_000_001),
        ("summary-overspent", |r| r.privacy.as_mut().unwrap().rho_nano_cap = 600_000_000),
        ("summary-variance", |r| r.tables[0].sigma2_q10 = 0),
        ("summary-variance", |r| r.tables[0].sigma2_q10 = (1 << 32) + 1),
        ("summary-contribution", |r| r.tables[0].max_contribution = 2),
        ("summary-domain", |r| r.tables[3].cells.truncate(755)),
        ("summary-domain", |r| r.tables.swap(2, 3)),
        ("summary-domain", |r| r.tables[0].axes[0].version = 2),
        ("summary-cell", |r| r.tables[0].cells[0] = limits_cell() + 1),
        ("summary-time", |r| r.published_ms += 1),
        ("summary-display", |r| r.tables[1].cells[5] += 1),
    ];
    for (code, lie) in lies {
        let mut wire = summary().to_wire();
        lie(wire.release.as_mut().unwrap());
        assert_eq!(TrendSummary::from_wire(wire).map(|_| ()), Err(Rejection::Content(code)));
    }
}

#[test]
fn a_flash_edition_with_less_noise_than_it_paid_for_is_refused() {
    let mut over = draft();
    over.tables[0].0 = family::FLASH_SIGMA2_Q10 / 2;
    over.spent = Rho::from_nano(62_500_000);
    assert_eq!(Release::new(over).map(|_| ()), Err(Rejection::Content("summary-overspent")));
}

#[test]
fn every_table_adds_up_to_the_total() {
    let release = Release::new(draft()).unwrap();
    let estimates = Estimates::of(release.tables());
    for (place, table) in release.tables().iter().enumerate() {
        let each = table.cells().iter().map(|cell| estimates.of_sum(place, *cell, 1).unwrap().value);
        assert!((each.sum::<f64>() - estimates.total().value).abs() < 1e-6);
        let all = estimates.of_sum(place, table.cells().iter().sum(), table.cells().len()).unwrap();
        assert!((all.variance - estimates.total().variance).abs() < 1e-9);
        let display = &release.display().tables[place];
        let shown = display.figures.iter().filter(|f| f.state == State::Reported).map(|f| f.estimate);
        let sum = shown.sum::<i64>() + display.remainder.estimate;
        assert!((sum - release.display().total.estimate).abs() <= display.figures.len() as i64);
    }
    // One sum of 14 cells and one of 6, each of variance 40: 1 / (1/560 + 1/240 + 2/30240).
    assert!((estimates.total().variance - 166.153_8).abs() < 1e-3, "{}", estimates.total().variance);
}

#[test]
fn only_what_stands_out_of_the_noise_is_reported() {
    let release = Release::new(draft()).unwrap();
    for table in &release.display().tables {
        let reported: Vec<_> = table.figures.iter().enumerate().filter(|(_, f)| f.state == State::Reported).collect();
        assert_eq!(reported.iter().map(|(cell, _)| *cell).collect::<Vec<_>>(), [0]);
        let (low, high) = reported[0].1.interval();
        assert!(low < 90 && 90 < high && high - low <= 27, "{low} to {high}");
        assert!(table.figures.iter().all(|f| f.at_most() >= 12), "a hidden cell reads as a certain 0");
    }
    let mut none = draft();
    none.tables = TableName::ALL.map(|table| (family::FLASH_SIGMA2_Q10, cells(table, 0)));
    let none = Release::new(none).unwrap();
    assert!(none.display().tables.iter().flat_map(|t| &t.figures).all(|f| f.state == State::BelowNoise));
}

/// What a peer may send is anything: no byte of it may do more than be refused.
#[test]
fn a_summary_with_any_byte_changed_is_refused_or_reads_and_never_more() {
    let bytes = summary().to_wire().encode_to_vec();
    let mut refused = 0;
    for place in (0..bytes.len()).filter(|place| *place < 160 || *place % 67 == 0) {
        for change in [0x01, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            let read = peer::TrendSummary::decode(changed.as_slice()).ok().map(TrendSummary::from_wire);
            refused += usize::from(!matches!(read, Some(Ok(_))));
        }
    }
    assert!(refused > 150, "{refused} were refused");
}

/// The numbers of docs/disclosure.md, "What to expect".
#[test]
fn errors_and_thresholds_are_as_documented() {
    let empty = || TableName::ALL.map(|table| (family::FLASH_SIGMA2_Q10, vec![0; table.cells()]));
    let release = |tables| Release::new(ReleaseDraft { tables, ..draft() }).unwrap();
    let nothing = release(empty());
    let sd = nothing.display().tables.iter().map(|table| table.figures[0].sd).collect::<Vec<_>>();
    assert_eq!((sd, nothing.display().total.sd), (vec![6164, 6160, 6320, 6320], 12_890));
    let lowest = |place: usize, others: usize| {
        let reported = |count: &i64| {
            let mut tables = empty();
            tables.iter_mut().for_each(|(_, cells)| cells[..=others].fill(100));
            tables.iter_mut().for_each(|(_, cells)| cells[0] = *count);
            release(tables).display().tables[place].figures[0].state == State::Reported
        };
        (1..60).find(reported).unwrap()
    };
    assert_eq!([0, 1, 2, 3].map(|place| lowest(place, 0)), [17, 15, 25, 25], "alone");
    assert_eq!([0, 1, 2, 3].map(|place| lowest(place, 5)), [13, 11, 22, 22], "beside five others");
}

#[test]
fn what_is_shown_of_the_same_cells_never_changes() {
    let shown = Release::new(draft()).unwrap().display().digest().to_string();
    assert_eq!(shown, "269d430746caa3c95f9616a13100567bc62c4793a6c7b8b977848324c2277f48");
}

#[test]
fn a_corridor_is_seen_from_both_ends_and_never_averaged() {
    let (no, lt) = (NodeId::parse("NO").unwrap(), NodeId::parse("LT").unwrap());
    let at =
        |table: TableName, country| table.cell(&[Country::parse(country).unwrap().index(), Here::Yes.row()]).unwrap();
    let mut origin = draft();
    origin.tables[3].1[at(TableName::ExploitedIn, "NO")] = 80;
    let mut destination = draft();
    destination.tables[2].1[at(TableName::RecruitedIn, "LT")] = 41;
    let (origin, destination) = (Release::new(origin).unwrap(), Release::new(destination).unwrap());
    let seen = Corridor::of(lt, no, Some(&origin), Some(&destination));
    let whole = |sight: Option<Sight>| sight.map(|s| s.figure.whole());
    assert_eq!((whole(seen.origin), whole(seen.destination)), (Some(80), Some(41)));
    assert!(seen.ends_differ());
    let back = Corridor::of(no, lt, Some(&origin), Some(&destination));
    assert_eq!(back.origin.map(|s| s.figure.state), Some(State::BelowNoise));
    assert!(!back.ends_differ());
    let alone = Corridor::of(lt, no, Some(&origin), None);
    assert!(alone.destination.is_none() && alone.gap.is_none());
    let nowhere = NodeId::parse("ZZ").unwrap();
    assert_eq!(Corridor::of(lt, nowhere, Some(&origin), None).origin, None);
}
