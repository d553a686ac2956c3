//! Ten thousand attempts to get an identity, a place, a date or a count under k across the border in an alert: each is refused where it is
//! drafted, and by a receiver whose sender checked nothing.
#![allow(missing_docs, reason = "tests")]

mod wire;

use prost::Message;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value;
use varde_node::flow::receive;
use varde_proto::agreement::Agreed;
use varde_proto::alert::Alert;
use varde_proto::draft::{self, FileDraft, Fresh, template};
use varde_proto::envelope::{self, Expected, Payload};
use varde_proto::id::{AlertId, Digest, Origin};
use varde_proto::identity::SecretKey;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, PersonalDataLevel, SupportBand, Vocabulary};
use varde_proto::wire::peer::{self, Mode};

const ATTEMPTS: u64 = 10_000;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T08:07:33Z").unwrap()
}

fn fresh() -> Fresh {
    Fresh { now: now(), id: AlertId([0xe1; 16]), contact_token: [0xe2; 10] }
}

fn pick<'a, T>(chance: &mut ChaCha8Rng, of: &'a [T]) -> &'a T {
    &of[chance.next_u64() as usize % of.len()]
}

/// Something that says who, where exactly, or when exactly.
fn identity(chance: &mut ChaCha8Rng) -> String {
    let n = chance.next_u64();
    let (first, last) = (pick(chance, &["Ana", "Ion", "Elena", "Amir"]), pick(chance, &["Popa", "Haddad", "Berg"]));
    match n % 16 {
        0 => format!("{first} {last}"),
        1 => format!("{}. {}.", &first[..1], &last[..1]),
        2 => format!("20{:02}-{:02}-{:02}", 8 + n % 12, 1 + n % 12, 1 + n % 28),
        3 => format!("20{:02}-{:02}-{:02}T{:02}:{:02}:00Z", 8 + n % 12, 1 + n % 12, 1 + n % 28, n % 24, n % 60),
        4 => format!("{first}.{last}@example.org").to_lowercase(),
        5 => format!("+47 {:08}", n % 100_000_000),
        6 => format!("N{:08}", n % 100_000_000),
        7 => format!("{:011}", n % 100_000_000_000),
        8 => format!("{:.5},{:.5}", 55.0 + (n % 1000) as f64 / 999.0, 20.0 + (n % 777) as f64 / 776.0),
        9 => format!("NO08{}", n % 10),
        10 => format!("2026-W{:02}", 1 + n % 30),
        11 => format!("https://example.org/{first}"),
        12 => format!("@{first}_{last}"),
        13 => Digest::of(&n.to_be_bytes()).to_string(),
        14 => format!("AB {:05}", n % 100_000),
        _ => format!("{first} {last}, Centre {}", n % 9),
    }
}

/// Every place of a document that holds a text, as a path.
fn texts(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| texts(item, &format!("{path}/{at}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, item)| texts(item, &format!("{path}/{name}"), found)),
        _ => {}
    }
}

/// Every object of a document.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    if let Value::Object(fields) = value {
        found.push(path.to_owned());
        fields.iter().for_each(|(name, item)| objects(item, &format!("{path}/{name}"), found));
    }
}

/// How many children are too few for a kind, under its own colour. A pointer is to one child, neither to two; AMBER_STRICT begins at three
/// children that two sources know of.
fn too_few(kind: AlertKind) -> &'static [SupportBand] {
    match kind {
        _ if kind.level() == PersonalDataLevel::L1 => &[SupportBand::TWO],
        AlertKind::DOCUMENT_PATTERN | AlertKind::CENTRE_DISAPPEARANCE_PATTERN => {
            &[SupportBand::SINGLE, SupportBand::TWO]
        }
        _ => &[SupportBand::SINGLE, SupportBand::TWO, SupportBand::FROM_3_TO_4],
    }
}

/// A draft's file with one thing in it that must not leave; what that is.
fn spoiled_file(chance: &mut ChaCha8Rng) -> (String, String) {
    let kinds: Vec<AlertKind> = AlertKind::all().collect();
    let kind = *pick(chance, &kinds);
    let mut file: Value = serde_json::from_str(&template(kind, now()).unwrap()).unwrap();
    let what = match chance.next_u64() % 3 {
        0 => {
            let (mut places, text) = (Vec::new(), identity(chance));
            texts(&file, "", &mut places);
            let place = pick(chance, &places).clone();
            *file.pointer_mut(&place).unwrap() = text.clone().into();
            format!("{kind} {place} = {text:?}")
        }
        1 => {
            let (mut places, text) = (Vec::new(), identity(chance));
            objects(&file, "", &mut places);
            let place = pick(chance, &places).clone();
            let name = *pick(chance, &["name", "child", "dob", "note", "address", "school", "case", "gps", "photo"]);
            file.pointer_mut(&place).unwrap()[name] = text.clone().into();
            format!("{kind} {place}/{name} = {text:?}")
        }
        _ => {
            let band = *pick(chance, too_few(kind));
            file["support_count"] = band.to_string().into();
            format!("{kind} over {band}")
        }
    };
    (file.to_string(), what)
}

#[test]
fn ten_thousand_attempts_are_refused_where_they_are_drafted() {
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    for attempt in 0..ATTEMPTS {
        let (file, what) = spoiled_file(&mut chance);
        // What needs the clock and a recipient is asked at release.
        let issued = |file: FileDraft| Alert::issue(file.content, header(), now(), Digest::of(b"decision"));
        let passed = draft::read(&file, None, fresh()).is_ok_and(|file| issued(file).is_ok());
        assert!(!passed, "attempt {attempt} passed: {what}");
    }
}

fn header() -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/lt/1".into()],
        agreement: varde_proto::agreement::default_agreement().0.to_vec().into(),
        salt: vec![0xe9; 32].into(),
    }
}

fn alert(kind: AlertKind) -> peer::Alert {
    let content = draft::read(&template(kind, now()).unwrap(), None, fresh()).unwrap().content;
    Alert::issue(content, header(), now(), Digest::of(b"decision")).unwrap().to_wire()
}

/// What a receiver says of these bytes, signed by a sender that checked nothing.
fn received(payload: Vec<u8>) -> Result<(), String> {
    let key = SecretKey::from_seed(&zeroize::Zeroizing::new([7; 32]));
    let (no, lt) = ["no", "lt"].map(|c| Origin::parse(&format!("varde.example/{c}/1")).unwrap()).into();
    let signature = key.sign(&envelope::pae(Alert::TYPE, &payload)).to_vec().into();
    let signatures = vec![peer::EnvelopeSignature { key_id: String::new(), signature }];
    let envelope = peer::Envelope { payload_type: Alert::TYPE.into(), payload: payload.into(), signatures };
    let keys = [key.public()];
    let admitted = |class| {
        let expected = Expected {
            network: "varde.example",
            mode: Mode::Test,
            issuer: &no,
            recipient: &lt,
            keys: &keys,
            agreement: varde_proto::agreement::default_agreement(),
            class,
        };
        receive::admit(&envelope, &expected, &Agreed::default().supposed(now()), now()).map(drop)
    };
    // Whichever class the sender chose.
    admitted(1).or_else(|_| admitted(2)).map_err(|why| why.code())
}

#[test]
fn ten_thousand_attempts_are_refused_by_a_receiver_whose_sender_checked_nothing() {
    let kinds: Vec<(AlertKind, peer::Alert)> = AlertKind::all().map(|kind| (kind, alert(kind))).collect();
    for (kind, alert) in &kinds {
        assert_eq!(received(alert.encode_to_vec()), Ok(()), "{kind} as it should be");
    }
    let mut chance = ChaCha8Rng::seed_from_u64(2);
    for attempt in 0..ATTEMPTS {
        let (kind, alert) = pick(&mut chance, &kinds);
        let (bytes, what) = match chance.next_u64() % 4 {
            0 | 1 => {
                let text = identity(&mut chance);
                wire::spoil_text(&alert.encode_to_vec(), chance.next_u64(), &text)
            }
            2 => {
                let text = identity(&mut chance);
                wire::add_field(&alert.encode_to_vec(), chance.next_u64(), &text)
            }
            _ => {
                let band = *pick(&mut chance, too_few(*kind));
                let few = peer::Alert { support: band.number(), ..alert.clone() };
                (few.encode_to_vec(), format!("over {band}"))
            }
        };
        assert!(received(bytes).is_err(), "attempt {attempt} passed: {kind} {what}");
    }
}
