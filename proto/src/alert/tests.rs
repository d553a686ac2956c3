#![allow(clippy::unwrap_used, reason = "tests")]

use super::sample::*;
use super::*;
use crate::vocabulary::*;
use bytes::Bytes;
use prost::Message;

pub(super) fn refused(outcome: Result<Alert, Rejection>) -> &'static str {
    match outcome.unwrap_err() {
        Rejection::Content(code) => code,
        other => panic!("refused for another reason: {other}"),
    }
}

#[test]
fn an_alert_of_every_kind_survives_the_wire_with_the_same_bytes() {
    for content in all() {
        let alert = issue(content.clone()).unwrap();
        let bytes = alert.to_wire().encode_to_vec();
        let read = Alert::from_wire(peer::Alert::decode(bytes.as_slice()).unwrap()).unwrap();
        assert_eq!((read.content(), read.to_wire().encode_to_vec()), (&content, bytes.clone()));
        assert!(bytes.len() < 700, "{} bytes", bytes.len());
    }
}

#[test]
fn pointers_are_urgent_and_timed_to_the_minute() {
    let pointer = issue(missing_child_pointer()).unwrap();
    assert_eq!((pointer.class(), pointer.issued_at().to_string().as_str()), (1, "2026-11-21T18:07:00Z"));
    let pattern = issue(modus_operandi()).unwrap();
    assert_eq!((pattern.class(), pattern.issued_at().to_string().as_str()), (2, "2026-11-21T00:00:00Z"));
}

#[test]
fn the_longest_lists_to_two_hundred_countries_fit_a_payload() {
    let mut content = modus_operandi();
    let Subject::ModusOperandi(m) = &mut content.subject else { panic!() };
    m.indicators = Indicator::all().take(crate::limits::ALERT_CODES).collect();
    let countries = Country::all().take(crate::limits::ALERT_COUNTRIES);
    m.countries = countries.map(|country| CountryInRole { role: CountryRole::TRANSIT, country }).collect();
    content.sources = SourceType::all().take(crate::limits::ALERT_CODES).collect();
    let mut header = header();
    header.recipients = Country::all().take(200).map(|c| format!("varde.example.org/{c}/1")).collect();
    let size = Alert { header, issued_at: now(), decision: Digest::NONE, content }.to_wire().encoded_len();
    assert!(size < crate::limits::PAYLOAD_BYTES, "{size}");
}

type Spoil = fn(&mut peer::Alert);

/// One change for each field of the wire message that is no code of its list, or not canonical.
fn malformed() -> Vec<(&'static str, Spoil)> {
    vec![
        ("header", |w| w.header = None),
        ("alert-id", |w| w.alert_id = Bytes::from_static(&[7; 15])),
        ("supersedes", |w| w.supersedes = Bytes::from_static(&[7; 31])),
        ("msg-type", |w| w.msg_type = 7),
        ("kind", |w| w.kind = 13),
        ("kind-mismatch", |w| w.kind = AlertKind::ROUTE_CORRIDOR.number()),
        ("kind-not-accepted", |w| w.content = None),
        ("desk-role", |w| w.desk_role = 0),
        ("tlp", |w| w.tlp = 6),
        ("handling", |w| w.handling = vec![9]),
        ("purposes", |w| w.purposes = vec![7]),
        ("prohibitions", |w| w.prohibitions = vec![1, 3, 6]),
        ("personal-data-level", |w| w.personal_data_level = 3),
        ("support", |w| w.support = 9),
        ("independent-sources", |w| w.independent_sources = 0),
        ("sources", |w| w.sources = vec![19, 7]),
        ("sources", |w| w.sources = vec![7, 7]),
        ("sources", |w| w.sources = vec![47_123_456]),
        ("sources", |w| w.sources = (1..=33).collect()),
        ("observed-missing", |w| w.observed_period.clear()),
        ("observed-period", |w| w.observed_period = "2026-q3".into()),
        ("observed-period", |w| w.observed_period = "Janis, 12, Kaunas".into()),
        ("observed-twice", |w| w.elapsed = 1),
        ("expires-at", |w| w.expires_at_ms = -1),
        ("reply-by", |w| w.reply_by_ms = i64::MAX),
        ("contact-token", |w| w.contact_token = Bytes::from_static(b"+37061234567")),
        ("decision", |w| w.decision = Bytes::new()),
    ]
}

#[test]
fn what_is_not_a_code_of_its_list_is_refused_by_the_fields_name() {
    for (field, change) in malformed() {
        let mut wire = issue(modus_operandi()).unwrap().to_wire();
        change(&mut wire);
        assert_eq!(refused(Alert::from_wire(wire)), field);
    }
}

#[test]
fn text_has_no_place_to_hide() {
    let mut wire = issue(modus_operandi()).unwrap().to_wire();
    let Some(peer::alert::Content::ModusOperandi(m)) = &mut wire.content else { panic!() };
    m.countries[0].country = "Kaunas".into();
    assert_eq!(refused(Alert::from_wire(wire)), "countries");
    let mut wire = issue(route_corridor()).unwrap().to_wire();
    let Some(peer::alert::Content::RouteCorridor(r)) = &mut wire.content else { panic!() };
    r.stops[1].nuts1 = "EL303".into();
    assert_eq!(refused(Alert::from_wire(wire)), "stops");
    let mut wire = issue(missing_child_pointer()).unwrap().to_wire();
    let Some(peer::alert::Content::MissingChildPointer(p)) = &mut wire.content else { panic!() };
    p.suspected_destinations.reverse();
    assert_eq!(refused(Alert::from_wire(wire)), "suspected-destinations");
}

#[test]
fn codes_of_a_newer_list_are_kept_and_shown_as_unrecognised() {
    let mut wire = issue(modus_operandi()).unwrap().to_wire();
    wire.sources = vec![7, 555];
    let alert = Alert::from_wire(wire.clone()).unwrap();
    let shown: Vec<_> = alert.content().sources.iter().map(SourceType::to_string).collect();
    assert_eq!(shown, ["POLICE", "unrecognised code 555"]);
    assert_eq!(alert.to_wire(), wire);
}

#[test]
fn an_alert_is_admitted_between_issue_and_expiry() {
    let alert = issue(missing_child_pointer()).unwrap();
    assert_eq!(admit(&alert, now()), Ok(()));
    assert_eq!(admit(&alert, alert.content().expires_at), Err(Rejection::Content("expired")));
    let early = Timestamp::parse("2026-11-21T17:50:00Z").unwrap();
    assert_eq!(admit(&alert, early), Err(Rejection::Content("issued-in-future")));
}

#[test]
fn a_token_is_never_something_written() {
    let mut draws = [*b"+370612345", [0x19; 10], [0xf1; 10]].into_iter();
    let token = random_token(|bytes| bytes.copy_from_slice(&draws.next().unwrap()));
    assert_eq!(token, [0xf1; 10]);
}
