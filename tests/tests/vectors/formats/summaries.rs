//! Digests of trend summaries: of a release, and of what people are shown of it.

use super::{Format, bytes, list, none, text};
use prost::Message;
use serde_json::{Value, json};
use varde_proto::id::{Digest, hex};
use varde_proto::summary::{
    Act, Charge, Coverage, Display, Edition, Figure, Release, ReleaseDraft, State, TableDisplay, TableName,
    TrendSummary, family,
};
use varde_proto::time::{Period, Timestamp};
use varde_proto::wire::peer::{self, Mode};

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "release",
            about: "The bytes of a release (in); its digest (out). One way.",
            inputs: || vec![json!({"release": release()})],
            encode: |case| {
                let release = Release::from_wire(peer::Release::decode(&bytes(case, "release")[..]).unwrap()).unwrap();
                json!({"digest": release.digest().to_string()})
            },
            decode: None,
            refused: none,
        },
        Format {
            name: "display",
            about: "Figures in thousandths with their state: the total, then each table's cells and remainder (in); the \
                    digest of the display (out). One way.",
            inputs: display_inputs,
            encode: |case| {
                let figures = |value: &Value| list(value).into_iter().map(figure).collect();
                let table = |value: &Value| TableDisplay {
                    figures: figures(&value["figures"]),
                    remainder: figure(&value["remainder"]),
                };
                let tables = list(&case["tables"]).into_iter().map(table).collect();
                json!({"digest": Display { total: figure(&case["total"]), tables }.digest().to_string()})
            },
            decode: None,
            refused: none,
        },
    ]
}

/// A quarter's release as it travels, in hex.
fn release() -> String {
    let charges =
        TableName::ALL.map(|table| Charge { contribution: table.contribution(), sigma2_q10: family::FLASH_SIGMA2_Q10 });
    let release = Release::new(ReleaseDraft {
        cohort: Period::Quarter(2026, 3),
        edition: Edition::Flash,
        published: Timestamp::parse("2026-11-21T18:07:33Z").unwrap(),
        coverage: Coverage::OverNinety,
        break_in_series: false,
        software: "0.1.0".into(),
        spent: Act::Reserve(charges.to_vec()).rho().unwrap(),
        reserve: Digest::of(b"reserve"),
        tables: TableName::ALL.map(|table| (family::FLASH_SIGMA2_Q10, vec![90; table.cells()])),
    });
    let header = peer::Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/ee/1".into()],
        agreement: vec![1; 32].into(),
        salt: vec![9; 32].into(),
    };
    hex(&TrendSummary::new(header, release.unwrap()).to_wire().release.unwrap().encode_to_vec())
}

fn display_inputs() -> Vec<Value> {
    let figure = |state: &str, estimate: i64| json!({"state": state, "estimate": estimate, "low": estimate - 9_500, "high": estimate + 9_500});
    let table = |cells: &[Value], rest: i64| json!({"figures": cells, "remainder": figure("remainder", rest)});
    vec![
        json!({"total": figure("total", 0), "tables": []}),
        json!({"total": figure("total", 123_456), "tables": [
            table(&[figure("reported", 100_000), figure("below-noise", -1_234)], 23_456),
            table(&[], 123_456),
        ]}),
    ]
}

fn figure(value: &Value) -> Figure {
    let states = [State::Reported, State::BelowNoise, State::Remainder, State::Total];
    let state = states.into_iter().find(|state| state.name() == text(value, "state")).unwrap();
    let number = |field: &str| value[field].as_i64().unwrap();
    Figure { state, estimate: number("estimate"), sd: 0, low: number("low"), high: number("high") }
}
