//! Names, times and periods: one spelling each.

use super::{Format, array, small, text};
use serde_json::{Value, json};
use varde_proto::id::{AlertId, NodeId, Origin, hex};
use varde_proto::time::{Period, Timestamp};

pub(super) fn formats() -> Vec<Format> {
    vec![Format {
        name: "names",
        about: "An origin, id, time or period by its parts (in), and its one spelling (out). Times are milliseconds since 1970.",
        inputs,
        encode,
        decode: Some(decode),
        refused,
    }]
}

fn inputs() -> Vec<Value> {
    vec![
        json!({"kind": "origin", "network": "varde.example", "country": "NO", "generation": 1}),
        json!({"kind": "origin", "network": "a-1.b", "country": "EE", "generation": 4_294_967_295u32}),
        json!({"kind": "id", "bytes": "00112233445566778899aabbccddeeff"}),
        json!({"kind": "time", "ms": 0}),
        json!({"kind": "time", "ms": 1_795_291_653_000i64}),
        json!({"kind": "time", "ms": 1_795_291_653_007i64}),
        json!({"kind": "period", "period": "year", "year": 2026, "number": 0}),
        json!({"kind": "period", "period": "half", "year": 2026, "number": 1}),
        json!({"kind": "period", "period": "quarter", "year": 2026, "number": 3}),
        json!({"kind": "period", "period": "month", "year": 2026, "number": 7}),
    ]
}

fn encode(case: &Value) -> Value {
    let spelling = match text(case, "kind") {
        "origin" => {
            let country = NodeId::parse(text(case, "country")).unwrap();
            Origin::new(text(case, "network"), country, small(case, "generation") as u32).unwrap().to_string()
        }
        "id" => AlertId(array(case, "bytes")).to_string(),
        "time" => Timestamp::from_ms(small(case, "ms") as i64).unwrap().to_string(),
        _ => {
            let (year, number) = (small(case, "year") as u16, small(case, "number") as u8);
            let period = match text(case, "period") {
                "year" => Period::Year(year),
                "half" => Period::Half(year, number),
                "quarter" => Period::Quarter(year, number),
                _ => Period::Month(year, number),
            };
            period.to_string()
        }
    };
    json!({"kind": case["kind"], "text": spelling})
}

fn decode(out: &Value, _: &Value) -> Option<Value> {
    let spelling = text(out, "text");
    Some(match text(out, "kind") {
        "origin" => {
            let origin = Origin::parse(spelling).ok()?;
            json!({"network": origin.network(), "country": origin.node().as_str(), "generation": origin.generation()})
        }
        "id" => json!({"bytes": hex(&AlertId::parse(spelling).ok()?.0)}),
        "time" => json!({"ms": Timestamp::parse(spelling).ok()?.ms()}),
        _ => {
            let (name, year, number) = match Period::parse(spelling).ok()? {
                Period::Year(year) => ("year", year, 0),
                Period::Half(year, number) => ("half", year, number),
                Period::Quarter(year, number) => ("quarter", year, number),
                Period::Month(year, number) => ("month", year, number),
            };
            json!({"period": name, "year": year, "number": number})
        }
    })
}

fn refused() -> Vec<Value> {
    let no = |kind: &str, text: &str, why: &str| json!({"kind": kind, "text": text, "why": why});
    vec![
        no("origin", "varde.example/NO/1", "the country is in lower case"),
        no("origin", "varde.example/no/01", "no leading zeros"),
        no("origin", "varde.example/no/0", "generations count from 1"),
        no("origin", "varde.example/no/4294967296", "a generation is below 2^32"),
        no("origin", "Varde.example/no/1", "the network is in lower case"),
        no("origin", "varde/no/1", "a network has a dot"),
        no("origin", "varde.example/no/1/", "nothing follows"),
        no("origin", "-a.example/no/1", "a label begins with no hyphen"),
        no("id", "00112233445566778899AABBCCDDEEFF", "lower case"),
        no("id", "00112233445566778899aabbccddee", "32 digits"),
        no("time", "2026-11-21", "a time of day is needed"),
        no("time", "2026-11-21T18:07:33", "the zone is needed"),
        no("time", "1969-12-31T23:59:59Z", "not before 1970"),
        no("period", "2026-Q5", "four quarters"),
        no("period", "2026-13", "twelve months"),
        no("period", "2026-7", "two digits"),
        no("period", "2026-H0", "halves count from 1"),
    ]
}
