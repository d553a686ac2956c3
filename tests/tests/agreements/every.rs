//! Every kind of alert, its offer and what is said about it, under any agreements that two countries may have signed or ended: what the one
//! function of admission lets through, and that of sending with it, is what the terms permit, and nothing else.

use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use varde_node::flow::receive;
use varde_proto::agreement::{Agreed, Agreement, AtEnd, KindTerms, Side, Terms};
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::draft::{self, Fresh, template};
use varde_proto::envelope::{self, Envelope, Expected, Payload};
use varde_proto::id::{AlertId, Digest};
use varde_proto::identity::SecretKey;
use varde_proto::offer::{Conditions, Offer};
use varde_proto::reply::{Reply, Said};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::{Header, Mode};
use varde_tests::pair::origin;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T08:07:00Z").unwrap()
}

fn days(count: i64) -> Timestamp {
    Timestamp::from_ms(now().ms() + count * 86_400_000).unwrap()
}

/// An agreement as numbers, and what became of it: accepted by us, by them; ended by us, by them.
#[derive(Debug, Clone)]
struct Signed {
    kinds: u16,
    level: bool,
    tlp: usize,
    handling: u8,
    purposes: u8,
    prohibitions: u8,
    life: u64,
    edition: u32,
    from: i64,
    until: i64,
    words: [bool; 4],
}

/// Mostly wide, so that what passes is tried as well as what does not.
fn signed() -> impl Strategy<Value = Signed> {
    let mask = |bits: u8| prop_oneof![3 => Just(u8::MAX >> (8 - bits)), 1 => any::<u8>()];
    let words =
        (prop::bool::weighted(0.8), prop::bool::weighted(0.8), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let terms = (prop_oneof![3 => Just(0xfff_u16), 1 => 1..0xfff_u16], prop::bool::weighted(0.8), 0..5_usize, mask(4));
    let more =
        (mask(6), prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], prop_oneof![3 => Just(400_u64), 1 => 1..400_u64]);
    let time =
        (1..4_u32, prop_oneof![3 => Just(-5_i64), 1 => -2..3_i64], prop_oneof![3 => Just(900_i64), 1 => -1..3_i64]);
    (terms, more, time, words).prop_map(|(terms, more, time, words)| Signed {
        kinds: terms.0,
        level: terms.1,
        tlp: terms.2,
        handling: terms.3,
        purposes: more.0,
        prohibitions: more.1,
        life: more.2,
        edition: time.0,
        from: time.1,
        until: time.2,
        words: [words.0, words.1, words.2, words.3],
    })
}

fn chosen<V: Vocabulary>(mask: u16) -> impl Iterator<Item = V> {
    V::all().enumerate().filter(move |(place, _)| mask >> place & 1 == 1).map(|(_, code)| code)
}

impl Signed {
    fn terms(&self) -> Terms {
        let longest = |kind| varde_proto::alert::longest_life(kind).min(self.life as u32 * DAY);
        let kinds = chosen(self.kinds).map(|kind| (kind, KindTerms { life: longest(kind), reply: None })).collect();
        Terms {
            network: Some("varde.example".into()),
            mode: Mode::Test,
            parties: vec![origin("LT").node(), origin("NO").node()],
            edition: self.edition,
            from: days(self.from),
            until: days(self.until.max(self.from + 1)),
            level: if self.level { PersonalDataLevel::L1 } else { PersonalDataLevel::L0 },
            tlp: Tlp::all().nth(self.tlp / 2).unwrap(),
            handling: chosen(self.handling.into()).collect(),
            purposes: chosen(self.purposes.into()).collect(),
            prohibitions: chosen(self.prohibitions.into()).collect(),
            kinds,
            trends: Default::default(),
            at_end: AtEnd::Keep,
        }
    }

    fn is_agreed(&self) -> bool {
        self.words[0] && self.words[1]
    }

    fn is_ended(&self) -> bool {
        self.words[2] || self.words[3]
    }
}

/// What two countries said, and each agreement under its name.
fn said(all: &[Signed]) -> (Agreed, Vec<Arc<Agreement>>) {
    let (mut agreed, mut texts) = (Agreed::default(), Vec::new());
    for (place, one) in all.iter().enumerate() {
        // Two with equal terms are two all the same.
        let text =
            Arc::new(Agreement::write(&one.terms(), &format!("Number {place}.\n")).expect("terms that can be written"));
        let words = [(Side::Ours, false), (Side::Theirs, false), (Side::Ours, true), (Side::Theirs, true)];
        for ((side, ends), is_said) in words.into_iter().zip(one.words) {
            if is_said {
                agreed.hear(&text, side, ends, days(-9)).unwrap();
            }
        }
        texts.push(text);
    }
    (agreed, texts)
}

/// What is exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Alert,
    Offer,
    Reply,
}

fn content(kind: AlertKind) -> AlertContent {
    let fresh = Fresh { now: now(), id: AlertId([0xe1; 16]), contact_token: [0xe2; 10] };
    draft::read(&template(kind, now()).unwrap(), Some(kind), fresh).unwrap().content
}

fn header(named: Digest) -> Header {
    Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: origin("NO").to_string(),
        recipients: vec![origin("LT").to_string()],
        agreement: named.0.to_vec().into(),
        salt: vec![0xe9; 32].into(),
    }
}

fn exchanged(what: What, content: &AlertContent, named: Digest, key: &SecretKey) -> (Envelope, u8) {
    let header = header(named);
    match what {
        What::Alert => {
            let alert = Alert::issue(content.clone(), header, now(), Digest::of(b"decision")).unwrap();
            (envelope::sign(Alert::TYPE, &alert.to_wire(), key), alert.class())
        }
        What::Offer => {
            let offer = Offer { header, id: content.id, conditions: Conditions::of(content), answer_by: days(1) };
            (envelope::sign(Offer::TYPE, &offer.to_wire(), key), offer.class())
        }
        What::Reply => {
            let (object, id, kind) = (Digest::of(b"alert"), content.id, content.kind());
            let reply = Reply { header, object, id, kind, desk_role: DeskRole::FOCAL_POINT, said: Said::Seen };
            (envelope::sign(Reply::TYPE, &reply.to_wire(), key), reply.class())
        }
    }
}

/// Whether these terms permit it: said here once more, from the agreement's own numbers.
fn permits(one: &Signed, what: What, content: &AlertContent) -> bool {
    let terms = one.terms();
    let Some(of_kind) = terms.kinds.get(&content.kind()) else { return false };
    let within = content.tlp.number() >= terms.tlp.number()
        && content.handling.iter().all(|code| terms.handling.contains(code))
        && content.purposes.iter().all(|code| terms.purposes.contains(code))
        && terms.prohibitions.iter().all(|code| content.prohibitions.contains(code))
        && (one.level || content.personal_data_level == PersonalDataLevel::L0);
    let issued = if content.kind().level() == PersonalDataLevel::L1
        && !matches!(content.kind(), AlertKind::FOUND_CHILD_QUERY | AlertKind::CROSS_BORDER_REFERRAL_REQUEST)
    {
        now()
    } else {
        Timestamp::parse("2026-11-23T00:00:00Z").unwrap()
    };
    match what {
        What::Alert => within && content.expires_at.ms() - issued.ms() <= of_kind.life.as_millis() as i64,
        What::Offer => within,
        What::Reply => true,
    }
}

/// Whether it may pass under the agreement that is named, by the texts alone.
fn may_pass(
    all: &[Signed],
    texts: &[Arc<Agreement>],
    named: Option<usize>,
    what: What,
    content: &AlertContent,
) -> bool {
    let begun = |place: &usize| all[*place].is_agreed() && all[*place].from <= 0;
    let governing = (0..all.len()).filter(begun).max_by_key(|place| (all[*place].edition, texts[*place].id().0));
    let (Some(governing), Some(named)) = (governing, named) else { return false };
    let is_over = all[governing].is_ended() || all[governing].until.max(all[governing].from + 1) <= 0;
    let stands = !is_over && all[named].is_agreed() && !all[named].is_ended();
    stands && [governing, named].iter().all(|place| permits(&all[*place], what, content))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_passes_is_what_the_agreements_permit_for_every_kind(
        all in prop::collection::vec(signed(), 1..4),
        named in prop::option::weighted(0.95, any::<prop::sample::Index>()),
        kind in 0..12_usize,
        what in prop_oneof![3 => Just(What::Alert), 1 => Just(What::Offer), 1 => Just(What::Reply)],
    ) {
        let content = content(AlertKind::all().nth(kind).unwrap());
        let (agreed, texts) = said(&all);
        let named = named.map(|named| named.index(all.len()));
        let name = named.map_or(Digest::of(b"no agreement of theirs"), |named| texts[named].id());
        let key = SecretKey::from_seed(&zeroize::Zeroizing::new([7; 32]));
        let (envelope, class) = exchanged(what, &content, name, &key);
        let (no, lt) = (origin("NO"), origin("LT"));
        let keys = [key.public()];
        let expected = Expected {
            network: "varde.example", mode: Mode::Test, issuer: &no, recipient: &lt, keys: &keys, agreement: name, class,
        };
        let admitted = receive::admit(&envelope, &expected, &agreed, now()).map(drop);
        let wanted = may_pass(&all, &texts, named, what, &content);
        prop_assert_eq!(admitted.is_ok(), wanted, "{:?} of {}: {:?}", what, content.kind(), admitted);
    }
}
