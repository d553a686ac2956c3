//! Whatever is done to an alert on the wire, what is still taken is coded, coarse and over enough children; judged by rules
//! written down here a second time, apart from the code under test.
#![allow(missing_docs, reason = "tests")]

mod kinds;

use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use varde_proto::alert::{Alert, AlertContent, admit};
use varde_proto::draft::{self, Fresh};
use varde_proto::envelope::Payload;
use varde_proto::id::{AlertId, Digest};
use varde_proto::json::Out;
use varde_proto::time::{Period, Timestamp};
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::{self, alert::Content};

const DAY: i64 = 86_400_000;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T18:07:33Z").unwrap()
}

fn fresh() -> Fresh {
    Fresh { now: now(), id: AlertId([0xe1; 16]), contact_token: [0xe2; 10] }
}

fn content(kind: AlertKind) -> AlertContent {
    draft::read(&draft::template(kind, now()).unwrap(), None, fresh()).unwrap().content
}

fn issued(content: AlertContent) -> peer::Alert {
    let header = peer::Header {
        network: "varde.example".into(),
        mode: peer::Mode::Test as i32,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/ee/1".into(), "varde.example/lt/1".into()],
        agreement: vec![4; 32].into(),
        salt: vec![9; 32].into(),
    };
    Alert::issue(content, header, now(), Digest::of(b"decision")).unwrap().to_wire()
}

/// One valid message of each kind.
static VALID: LazyLock<Vec<peer::Alert>> =
    LazyLock::new(|| AlertKind::all().map(|kind| issued(content(kind))).collect());

/// A change to one place of the message.
type Spoil = fn(&mut peer::Alert, i32, &str);

const SPOILS: &[Spoil] = &[
    |a, n, _| a.kind = n,
    |a, n, _| a.version = n.unsigned_abs(),
    |a, n, _| a.msg_type = n,
    |a, n, _| a.desk_role = n,
    |a, n, _| a.elapsed = n,
    |a, n, _| a.tlp = n,
    |a, n, _| a.support = n,
    |a, n, _| a.independent_sources = n,
    |a, n, _| a.personal_data_level = n,
    |a, n, _| a.legal_regime = n,
    |a, n, _| a.legal_basis = n,
    |a, n, _| a.certainty = n,
    |a, n, _| a.contact_channel = n,
    |a, n, _| a.handling.push(n),
    |a, n, _| a.purposes.push(n),
    |a, n, _| a.prohibitions = vec![n],
    |a, n, _| a.sources.push(n),
    |a, n, _| a.requested_actions.push(n),
    |a, n, _| a.issued_at_ms += i64::from(n),
    |a, n, _| a.expires_at_ms += i64::from(n) * DAY,
    |a, n, _| a.expires_at_ms += i64::from(n),
    |a, n, _| a.review_at_ms -= i64::from(n) * DAY,
    |a, n, _| a.reply_by_ms += i64::from(n),
    |a, _, t| a.observed_period = t.into(),
    |a, _, t| a.contact_token = t.as_bytes().to_vec().into(),
    |a, _, t| a.alert_id = t.as_bytes().to_vec().into(),
    |a, _, t| a.supersedes = t.as_bytes().to_vec().into(),
    |a, _, t| a.decision = t.as_bytes().to_vec().into(),
    |a, n, _| a.header.as_mut().unwrap().recipients.truncate(n.unsigned_abs() as usize % 3),
    |a, n, t| content_of(a, n, t),
    |a, n, t| content_of(a, n.wrapping_add(1), t),
    |a, n, t| content_of(a, n.wrapping_add(2), t),
    |a, n, _| thin(a, n, 3),
    |a, n, _| thin(a, n, 2),
    |a, n, _| thin(a, n, 4),
];

/// Few children, told to one country alone, which some rules allow.
fn thin(alert: &mut peer::Alert, n: i32, tlp: i32) {
    (alert.support, alert.tlp) = (n % 9, tlp);
    alert.header.as_mut().unwrap().recipients.truncate(1);
    match alert.content.as_mut().unwrap() {
        Content::ModusOperandi(m) => m.sexes.clear(),
        Content::RouteCorridor(r) => r.legs.iter_mut().for_each(|leg| leg.support = n % 9),
        _ => {}
    }
}

/// A change inside the content of the kind.
fn content_of(alert: &mut peer::Alert, n: i32, text: &str) {
    match alert.content.as_mut().unwrap() {
        Content::ModusOperandi(m) => match n % 8 {
            0 => m.forms.push(n),
            1 => m.age_bands = vec![n % 7],
            2 => m.sexes = vec![n % 3],
            3 => m.countries[0].country = text.into(),
            4 => m.countries[0].role = n,
            5 => m.indicators.push(n),
            6 => m.age_bands.push(n),
            _ => m.forms.clear(),
        },
        Content::RouteCorridor(r) => match n % 6 {
            0 => r.stops[1].nuts1 = text.into(),
            1 => r.stops[0].country = text.into(),
            2 => r.legs[0].support = n,
            3 => drop(r.legs.pop()),
            4 => r.stops[0].role = n,
            _ => drop(r.stops.pop()),
        },
        Content::MissingChildPointer(p) => match n % 6 {
            0 => p.situations.push(n),
            1 => p.sex = n,
            2 => p.age_band = n,
            3 => p.last_seen_nuts1 = text.into(),
            4 => p.suspected_destinations[0].country = text.into(),
            _ => p.forms.push(n),
        },
        other => kinds::spoil(other, n, text),
    }
}

fn number() -> impl Strategy<Value = i32> {
    prop_oneof![8 => -1..20_i32, 2 => 90..110_i32, 1 => Just(500), 1 => Just(1000), 1 => Just(47_123_456), 1 => any::<i32>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("2026-Q3".to_owned()),
        Just("2026-Q4".to_owned()),
        Just("2026-10".to_owned()),
        Just("NO0".to_owned()),
        Just("LT".to_owned()),
        Just("SE1".to_owned()),
        Just("+370612345".to_owned()),
        Just("JanisB2011-03-07".to_owned()),
        Just("Kaunas".to_owned()),
        "[A-Z]{2}",
        ".{0,40}",
    ]
}

fn spoiled() -> impl Strategy<Value = peer::Alert> {
    let spoil = (0..SPOILS.len(), number(), text());
    (0..VALID.len(), proptest::collection::vec(spoil, 1..4)).prop_map(|(kind, spoils)| {
        let mut wire = VALID[kind].clone();
        for (place, number, text) in spoils {
            SPOILS[place](&mut wire, number, &text);
        }
        wire
    })
}

/// k, by colour's number: RED, AMBER_STRICT, AMBER, GREEN, CLEAR.
const K: [u64; 6] = [0, 1, 3, 5, 10, 10];
/// The smallest count of each band.
const LOWEST: [u64; 9] = [0, 1, 2, 3, 5, 10, 20, 50, 0];
const SHAREABLE: [i32; 7] = [1, 2, 6, 8, 9, 10, 15];

fn at(list: &[u64], number: i32) -> u64 {
    list.get(usize::try_from(number).unwrap_or(0)).copied().unwrap_or(0)
}

fn is_code(number: i32) -> bool {
    (1..=999).contains(&number)
}

fn is_country(text: &str) -> bool {
    Country::all().any(|country| country.code() == text)
}

fn is_region(text: &str, country: &str) -> bool {
    text.is_empty() || Nuts1::all().any(|region| region.code() == text && region.country().code() == country)
}

fn check_pattern(wire: &peer::Alert) -> Result<(), TestCaseError> {
    prop_assert!(at(&LOWEST, wire.support) >= at(&K, wire.tlp), "support {} under {}", wire.support, wire.tlp);
    let recipients = wire.header.as_ref().map_or(0, |header| header.recipients.len());
    prop_assert!(at(&LOWEST, wire.support) >= 5 || recipients == 1);
    check_level_0(wire)
}

fn check_level_0(wire: &peer::Alert) -> Result<(), TestCaseError> {
    prop_assert_eq!(wire.personal_data_level, 1);
    prop_assert!(matches!(Period::parse(&wire.observed_period), Ok(Period::Quarter(..))));
    prop_assert_eq!((wire.issued_at_ms % DAY, wire.expires_at_ms % DAY, wire.elapsed), (0, 0, 0));
    Ok(())
}

fn check_content(wire: &peer::Alert) -> Result<(), TestCaseError> {
    match wire.content.as_ref().unwrap() {
        Content::ModusOperandi(m) => {
            check_pattern(wire)?;
            prop_assert!(wire.expires_at_ms - wire.issued_at_ms <= 366 * DAY);
            let bands: BTreeSet<i32> = m.age_bands.iter().copied().collect();
            prop_assert!(bands == [5].into() || (bands.len() >= 2 && bands.iter().all(|b| (1..5).contains(b))));
            prop_assert!(m.sexes.is_empty() || m.sexes == [1, 2]);
            prop_assert!(m.countries.iter().all(|c| is_country(&c.country) && is_code(c.role)));
            let codes = m.forms.iter().chain(&m.indicators).chain(&m.acts).chain(&m.means);
            prop_assert!(codes.copied().all(is_code));
        }
        Content::RouteCorridor(r) => {
            check_pattern(wire)?;
            prop_assert!(wire.expires_at_ms - wire.issued_at_ms <= 184 * DAY);
            prop_assert_eq!(r.legs.len() + 1, r.stops.len());
            for (n, stop) in r.stops.iter().enumerate() {
                prop_assert!(is_country(&stop.country) && is_region(&stop.nuts1, &stop.country));
                let beside = [n.checked_sub(1), Some(n)].into_iter().flatten().filter_map(|n| r.legs.get(n));
                let k = at(&K, wire.tlp).max(if stop.nuts1.is_empty() || wire.tlp == 2 { 0 } else { 5 });
                prop_assert!(beside.into_iter().all(|leg| at(&LOWEST, leg.support) >= k));
            }
        }
        Content::MissingChildPointer(p) => {
            check_pointer(wire, p.age_band, p.sex, &p.situations)?;
            prop_assert!(is_country(&p.last_seen_country) && is_region(&p.last_seen_nuts1, &p.last_seen_country));
            prop_assert!(p.suspected_destinations.iter().all(|d| is_country(&d.country)));
        }
        other => kinds::check(wire, other)?,
    }
    Ok(())
}

/// What points to one child.
fn check_pointer(wire: &peer::Alert, age: i32, sex: i32, situations: &[i32]) -> Result<(), TestCaseError> {
    prop_assert_eq!((wire.personal_data_level, wire.tlp, wire.support), (2, 1, 1));
    prop_assert!(wire.expires_at_ms - wire.issued_at_ms <= 14 * DAY);
    prop_assert_eq!((wire.issued_at_ms % 60_000, wire.observed_period.as_str()), (0, ""));
    prop_assert!(situations.iter().all(|s| SHAREABLE.contains(s)), "{:?}", situations);
    prop_assert!([1, 2, 98].contains(&sex) && is_code(age));
    prop_assert!(wire.prohibitions.contains(&1) && wire.prohibitions.contains(&3));
    Ok(())
}

fn is_written(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| (' '..='~').contains(&c)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_is_taken_is_coded_coarse_and_over_enough_children(wire in spoiled()) {
        let Ok(alert) = Alert::from_wire(wire.clone()) else { return Ok(()) };
        prop_assert_eq!(&alert.to_wire(), &wire, "one content, one encoding");
        check_content(&wire)?;
        prop_assert!(!is_written(&wire.contact_token) && !is_written(&wire.alert_id));
        prop_assert!(wire.contact_token.len() == 10 && wire.alert_id.len() == 16 && wire.decision.len() == 32);
        match wire.supersedes.len() {
            0 => prop_assert_eq!((wire.version, wire.msg_type), (1, 1)),
            length => prop_assert!(length == 32 && (2..=255).contains(&wire.version) && [2, 3].contains(&wire.msg_type)),
        }
        prop_assert!(wire.handling.iter().all(|h| (1..5).contains(h)));
        prop_assert!(wire.purposes.iter().all(|p| (1..7).contains(p)));
        prop_assert!(wire.prohibitions.iter().all(|x| (1..6).contains(x)));
        prop_assert!(wire.sources.iter().chain(&wire.requested_actions).copied().all(is_code));
        prop_assert!(admit(&alert, Timestamp::from_ms(wire.expires_at_ms).unwrap()).is_err());
        prop_assert!(wire.encoded_len() <= varde_proto::limits::PAYLOAD_BYTES);
    }

    #[test]
    fn bytes_that_decode_to_an_alert_are_its_one_encoding_or_are_refused(
        kind in 0..VALID.len(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let mut bytes = VALID[kind].encode_to_vec();
        let last = bytes.len();
        bytes[place.index(last)] = byte;
        bytes.truncate(if shorten { cut.index(last) } else { last });
        if let Ok(wire) = peer::Alert::decode(bytes.as_slice())
            && let Ok(alert) = Alert::from_wire(wire.clone())
        {
            prop_assert_eq!(alert.to_wire().encode_to_vec(), wire.encode_to_vec());
        }
    }

    #[test]
    fn what_is_taken_is_shown_and_read_back_as_the_same(wire in spoiled()) {
        let Ok(alert) = Alert::from_wire(wire) else { return Ok(()) };
        let c = alert.content();
        let mut fields = varde_proto::alert::show::terms(c);
        fields.push(("content", varde_proto::alert::show::content(c)));
        let text = Out::Object(fields).to_string();
        if text.contains("unrecognised code") {
            return Ok(());
        }
        let fresh = Fresh { now: now(), id: c.id, contact_token: c.contact_token };
        let read = draft::read(&text, None, fresh).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        prop_assert_eq!(&read.content, c);
    }
}

/// The page on alerts lists every rule in the order in which it is checked.
#[test]
fn the_page_on_alerts_lists_every_rule_with_what_it_wants() {
    let page = include_str!("../../../docs/alerts.md");
    let content = varde_proto::alert::rules::all().map(|r| format!("| `{}` | `{}` | {} |", r.code, r.field, r.wanted));
    let issue = varde_proto::alert::rules::all_at_issue().map(|r| format!("| `{}` | {} |", r.code, r.wanted));
    for lines in [content.collect::<Vec<_>>(), issue.collect()] {
        let wanted = lines.join("\n");
        assert!(page.contains(&wanted), "docs/alerts.md lacks this table:\n{wanted}");
    }
}
