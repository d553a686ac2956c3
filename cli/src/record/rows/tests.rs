//! Batches, identities, and files made to do harm.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::record::source::{Format, Header};
use std::io::Write;

fn rows(content: &[u8], format: Format) -> Rows {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    let mut lines = Lines::open(file.path()).unwrap();
    let Some(Line::Bytes(first)) = lines.next().unwrap() else { panic!("no first line") };
    let header = Header::read(&first, |name| format.knows(name)).unwrap();
    Rows::new(lines, Reader::new(format, header))
}

/// Everything a file comes to: rows for the node, refused lines with their reasons, repetitions.
fn all(content: &[u8]) -> (Vec<ImportRow>, Vec<(u64, &'static str)>, u64) {
    let mut rows = rows(content, Format::Varde);
    let (mut taken, mut refused, mut repeated) = (Vec::new(), Vec::new(), 0);
    loop {
        let next = rows.next(false).unwrap();
        repeated += next.repeated;
        if next.batch.rows.is_empty() && next.refused.is_empty() {
            return (taken, refused, repeated);
        }
        taken.extend(next.batch.rows);
        refused.extend(next.refused.into_iter().map(|refused| (refused.line, refused.fault.reason)));
    }
}

#[test]
fn equal_rows_are_told_apart_by_their_ordinal() {
    let (taken, ..) = all(b"age,gender\n9,MASCULINE\n9,FEMININE\n9,MASCULINE\n9 , MASCULINE\n");
    let ordinals: Vec<_> = taken.iter().map(|row| (row.line, row.ordinal)).collect();
    assert_eq!(ordinals, [(2, 0), (3, 0), (4, 1), (5, 2)]);
    assert_eq!(taken[0].digest, taken[3].digest);
    assert_ne!(taken[0].digest, taken[1].digest);
}

#[test]
fn a_reference_stands_for_one_case() {
    let content = b"age,agency,reference\n9,A,1\n9,A,1\n10,A,1\n9,B,1\n9,A,11\n";
    let (taken, refused, repeated) = all(content);
    assert_eq!(taken.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5, 6]);
    assert_eq!((refused, repeated), (vec![(4, "reference-twice")], 1));
}

#[test]
fn a_bad_line_stops_no_good_one() {
    let long = "x".repeat(10 * 1024 * 1024);
    let content = [
        &b"age,agency\n9,first\n\xff,x\n9,\"open\n9\n9,a,b\n9,a\0b\n"[..],
        format!("9,{long}\n").as_bytes(),
        b"9,\"a\"b\n\n19,adult\n9,last",
    ]
    .concat();
    let (taken, refused, _) = all(&content);
    assert_eq!(taken.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 12], "an empty line is no row");
    let wanted = [
        (3, "not-utf-8"),
        (4, "bad-quoting"),
        (5, "wrong-number-of-cells"),
        (6, "wrong-number-of-cells"),
        (7, "control-character"),
        (8, "line-too-long"),
        (9, "bad-quoting"),
        (11, "out-of-scope-adult"),
    ];
    assert_eq!(refused, wanted);
}

#[test]
fn batches_keep_their_bounds_and_lose_nothing() {
    let big = "OTHER|".repeat(39) + "OTHER";
    let places = ["EXPLOITATION:RO:RO4:2026-03-01"; limits::RECORD_PLACES].join("|");
    let stages = ["DETECTED:2026-03-01"; limits::RECORD_STAGES].join("|");
    let mut content = b"age,forms,means,acts,situations,sources,places,stages\n".to_vec();
    for n in 0..1000 {
        writeln!(content, "{},{big},{big},{big},{big},{big},{places},{stages}", n % 20).unwrap();
    }
    let mut rows = rows(&content, Format::Varde);
    let (mut taken, mut refused) = (0, 0);
    loop {
        let next = rows.next(true).unwrap();
        if next.batch.rows.is_empty() && next.refused.is_empty() {
            break;
        }
        assert!(next.batch.dry_run && next.batch.rows.len() <= limits::IMPORT_BATCH_ROWS);
        assert!(next.batch.encoded_len() <= limits::IMPORT_BATCH_BYTES);
        taken += next.batch.rows.len();
        refused += next.refused.len();
    }
    assert_eq!((taken, refused), (900, 100));
}
