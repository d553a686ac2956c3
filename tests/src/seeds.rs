//! The seeds of the fuzz corpus: one small valid input and more for each decoder, made by our own code from fixed keys, so
//! that they are the same bytes every time.

use crate::party::Failure;
use crate::rogue::Rogue;
use prost::Message;
use varde_proto::agreement::default_agreement;
use varde_proto::alert::Alert;
use varde_proto::draft::{self, Fresh};
use varde_proto::envelope::{self, Envelope, Payload};
use varde_proto::exchange::{
    Frame, Gossip, Held, Joined, KnownHead, LogHead, Piece, Position, Proven, Regain, Regained, RegainedItem,
};
use varde_proto::id::{AlertId, Digest, LogIndex, Origin, TreeSize};
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::certificate::Certificate;
use varde_proto::identity::{Acceptance, Descriptor, Endpoint, Genesis, Incident, Reason, Role, RoleKeys, SecretKey};
use varde_proto::log::fork::{Claim, Fork};
use varde_proto::log::head::log_vkey;
use varde_proto::log::tiles::{self, Tile, TileKind};
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::witness::AddCheckpoint;
use varde_proto::log::{Checkpoint, Head, Opening, TlogProof, Vkey, cosignature};
use varde_proto::offer::{Conditions, Offer};
use varde_proto::reply::{Forward, Reply, Said};
use varde_proto::summary::{
    Act, Charge, Coverage, Edition, LedgerEntry, Release, ReleaseDraft, TableName, TrendSummary, family,
};
use varde_proto::time::{Period, Timestamp};
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::{self, Mode};

/// A seed: the decoder it is for, its name, its bytes.
pub struct Seed {
    /// The decoder's name.
    pub decoder: &'static str,
    /// The file's name.
    pub name: String,
    /// What is decoded.
    pub bytes: Vec<u8>,
}

/// All seeds. Their signatures are by `key`.
pub fn all(key: &SecretKey) -> Result<Vec<Seed>, Failure> {
    let mut seeds = Seeds(Vec::new());
    let alerts = alerts(&mut seeds)?;
    trends(&mut seeds)?;
    words(&mut seeds, &alerts);
    log(&mut seeds, key, &alerts)?;
    frames(&mut seeds, key, &alerts)?;
    identities(&mut seeds, key)?;
    Ok(seeds.0)
}

struct Seeds(Vec<Seed>);

impl Seeds {
    fn add(&mut self, decoder: &'static str, name: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push(Seed { decoder, name: format!("seed-{name}"), bytes: bytes.into() });
    }
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T18:07:33Z").unwrap_or_default()
}

fn origin(country: &str) -> Result<Origin, Failure> {
    Ok(Origin::parse(&format!("varde.example/{country}/1"))?)
}

fn header() -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/ee/1".into(), "varde.example/lt/1".into()],
        agreement: default_agreement().0.to_vec().into(),
        salt: vec![9; 32].into(),
    }
}

/// One alert of each kind that can be drafted, from its template.
fn alerts(seeds: &mut Seeds) -> Result<Vec<Alert>, Failure> {
    let kinds = [AlertKind::MODUS_OPERANDI, AlertKind::ROUTE_CORRIDOR, AlertKind::MISSING_CHILD_POINTER];
    let mut alerts = Vec::new();
    for (kind, name) in kinds.into_iter().zip(["modus", "route", "missing"]) {
        let text = draft::template(kind, now()).ok_or("a template")?;
        let fresh = Fresh { now: now(), id: AlertId(cut(name)), contact_token: cut("token") };
        let draft = draft::read(&text, None, fresh).map_err(|problems| format!("{problems:?}"))?;
        let alert = Alert::issue(draft.content, header(), now(), Digest::of(b"decision"))?;
        seeds.add("alert", name, alert.to_wire().encode_to_vec());
        alerts.push(alert);
    }
    Ok(alerts)
}

/// Bytes without a pattern: what looks written is refused as an id.
fn cut<const N: usize>(of: &str) -> [u8; N] {
    std::array::from_fn(|place| Digest::of(of.as_bytes()).0[place])
}

fn trends(seeds: &mut Seeds) -> Result<(), Failure> {
    let (cohort, edition) = (Period::Quarter(2026, 3), Edition::Flash);
    let charges =
        TableName::ALL.map(|table| Charge { contribution: table.contribution(), sigma2_q10: family::FLASH_SIGMA2_Q10 });
    let act = Act::Reserve(charges.to_vec());
    let spent = act.rho().ok_or("a cost")?;
    let release = Release::new(ReleaseDraft {
        cohort,
        edition,
        published: now(),
        coverage: Coverage::OverNinety,
        break_in_series: false,
        software: "0.1.0".into(),
        spent,
        reserve: Digest::of(b"reserve"),
        tables: TableName::ALL.map(|table| (family::FLASH_SIGMA2_Q10, vec![90; table.cells()])),
    })?;
    seeds.add("summary", "flash", TrendSummary::new(header(), release).to_wire().encode_to_vec());
    let acts = [
        ("reserve", act),
        ("commit", Act::Commit { reserve: Digest::of(b"reserve"), release: Digest::of(b"release") }),
        ("void", Act::Void { reserve: Digest::of(b"reserve") }),
    ];
    for (seq, (name, act)) in (1..).zip(acts) {
        let prev = if seq == 1 { Digest::NONE } else { Digest::of(b"before") };
        let (program, time) = (Digest::of(b"program"), now());
        let entry = LedgerEntry { header: header(), seq, prev, act, cohort, edition, spent, program, time };
        seeds.add("budget", name, entry.to_wire().encode_to_vec());
    }
    Ok(())
}

/// One word of each type, and an offer of each alert.
fn words(seeds: &mut Seeds, alerts: &[Alert]) {
    let country = |code| Country::parse(code).unwrap_or(Country::OTHER);
    let (channel, role) = (ContactChannel::SIRENE, DeskRole::SIRENE);
    let words = [
        ("seen", AlertKind::MODUS_OPERANDI, Said::Seen),
        ("outcome", AlertKind::MISSING_CHILD_POINTER, Said::Outcome(Outcome::ACTED_CHILD_SAFE)),
        (
            "forward",
            AlertKind::MISSING_CHILD_POINTER,
            Said::NotCompetent(Forward { country: country("SE"), channel, role }),
        ),
        ("duplicate", AlertKind::MODUS_OPERANDI, Said::DuplicateOf(AlertId([5; 16]))),
        ("answer", AlertKind::FOUND_CHILD_QUERY, Said::Answer(FoundAnswer::CALL_ME)),
        ("referral", AlertKind::CROSS_BORDER_REFERRAL_REQUEST, Said::Referral(ReferralState::ACCEPTED)),
        ("challenge", AlertKind::MODUS_OPERANDI, Said::Challenge(ChallengeGround::all().collect())),
        ("relay", AlertKind::MODUS_OPERANDI, Said::RelayRequest([country("EE"), country("PL")].into())),
        ("accept", AlertKind::MODUS_OPERANDI, Said::Accept),
        ("cannot", AlertKind::MODUS_OPERANDI, Said::CannotComply([Handling::H2].into(), [Prohibition::X1].into())),
        ("recall", AlertKind::MODUS_OPERANDI, Said::Recall),
        ("ruling", AlertKind::MODUS_OPERANDI, Said::Ruling(Digest::of(b"asked"), Ruling::UPHELD)),
    ];
    for (name, kind, said) in words {
        let (object, id, desk_role) = (Digest::of(b"alert"), AlertId([4; 16]), DeskRole::FOCAL_POINT);
        let reply = Reply { header: header(), object, id, kind, desk_role, said };
        seeds.add("reply", name, reply.to_wire().encode_to_vec());
    }
    for alert in alerts {
        let (conditions, answer_by) = (Conditions::of(alert.content()), now());
        let offer = Offer { header: header(), id: alert.content().id, conditions, answer_by };
        seeds.add("offer", &alert.content().kind().to_string().to_lowercase(), offer.to_wire().encode_to_vec());
    }
}

/// A rogue with honest habits: NO, whose every key is `key`.
fn no(key: &SecretKey) -> Result<Rogue, Failure> {
    let copy = || SecretKey::from_pem(&key.to_pem()?);
    Ok(Rogue::new(origin("no")?, origin("ee")?, Mode::Test, [copy()?, copy()?, copy()?]))
}

fn signed(alert: &Alert, key: &SecretKey) -> Envelope {
    envelope::sign(Alert::TYPE, &alert.to_wire(), key)
}

fn log(seeds: &mut Seeds, key: &SecretKey, alerts: &[Alert]) -> Result<(), Failure> {
    let mut no = no(key)?;
    let mut openings: Vec<(u64, Opening)> = Vec::new();
    for alert in alerts {
        let envelope = signed(alert, key);
        seeds.add("envelope", &format!("{}", openings.len()), envelope.encode_to_vec());
        openings.push(no.sent(envelope::digest(&envelope), alert.class()));
    }
    let (index, opening) = openings.pop().ok_or("an opening")?;
    seeds.add("event", "sent", opening.event().encode()?);
    seeds.add("opening", "sent", opening.bytes());
    let size = no.tree.size();
    let head = Head::sign(&no.origin, size, no.tree.root(), key)?;
    seeds.add("note", "head", head.write());
    let text = Checkpoint::new(no.origin.as_str(), size, no.tree.root())?.text();
    seeds.add("checkpoint", "head", text);
    let path = no.tree.inclusion(LogIndex(index), size).ok_or("a path")?;
    seeds.add("proof", "sent", TlogProof::of_leaf(&opening, LogIndex(index), path, head.note().clone()).write());
    for (name, old) in [("first", 0), ("next", 1), ("again", size.0)] {
        let path = no.tree.consistency(TreeSize(old), size).unwrap_or_default();
        let request = AddCheckpoint::new(TreeSize(old), path, head.note().clone())?;
        seeds.add("add_checkpoint", name, request.write());
    }

    let empty = Checkpoint::new(no.origin.as_str(), TreeSize(0), Digest::of(b""))?;
    let line = cosignature::sign(&empty, "varde.example/witness/ee", 1_795_284_000, key).ok_or("a cosignature")?;
    seeds.add("cosignature", "empty-tree", line.signature());
    let vkey = log_vkey(&no.origin, &key.public())?.text();
    seeds.add("vkey", "log", vkey.clone());
    let witness = KeyMaterial::Cosignature(SecretKey::from_seed(&[8; 32].into()).public());
    let other = Vkey::new("varde.example/witness/ee", witness)?.text();
    seeds.add("vkey", "witness", other.clone());
    let policy = format!("log {vkey}\nwitness ee {other}\ngroup all-of-them all ee\nquorum all-of-them\n");
    seeds.add("policy", "one-witness", policy);
    let tile = Tile::new(TileKind::Hashes(0), 1_234_067, 17).ok_or("a tile")?;
    seeds.add("tile", "partial", tile.path());
    let entries = [opening.entry(), opening.entry()];
    let entries = entries.iter().map(|entry| entry.bytes().as_slice());
    seeds.add("bundle", "two", tiles::write_bundle(entries).ok_or("a bundle")?);
    Ok(())
}

/// The proof that a log was forked.
fn fork(key: &SecretKey) -> Result<Claim, Failure> {
    let no = origin("no")?;
    let head = |root| Head::sign(&no, TreeSize(2), Digest::of(root), key);
    let fork = Fork::of(&head(b"one")?, &head(b"other")?, &[key.public()]);
    Ok(fork.ok_or("a fork")?.claim().clone())
}

fn frames(seeds: &mut Seeds, key: &SecretKey, alerts: &[Alert]) -> Result<(), Failure> {
    let mut no = no(key)?;
    let known = KnownHead { size: 0, root: Digest::of(b"") };
    let mut add = |name: &str, frame: Frame| seeds.add("frame", name, frame.into_wire().encode_to_vec());
    add("hello", Frame::Hello(Box::new(no.hello(known))));
    let mut items = Vec::new();
    for alert in alerts {
        items.push(no.item(signed(alert, key), alert.class()));
    }
    let shown = match items.last() {
        Some(Frame::Items(proven, items)) => items.first().map(|item| (proven.clone(), item.sent.clone())),
        _ => None,
    };
    let (proven, shown) = shown.ok_or("an item")?;
    add("receipts", Frame::Receipts(proven.clone(), vec![shown.clone()]));
    add("restored", Frame::Restored(no.origin.clone(), (1, 1)));
    add("held", Frame::Held(Held { checkpoint: Some(proven.checkpoint.clone()), entries: 3, statements: 1 }));
    let positions = vec![Position { class: 2, seq: 1, chain: Digest::of(b"chain") }];
    add("regain", Frame::Regain(Regain { sent: positions.clone(), received: positions, size: 1, statements: 2 }));
    let envelope = alerts.first().map(|alert| signed(alert, key));
    let item = RegainedItem { yours: shown.clone(), envelope, mine: Some(shown.clone()) };
    let (checkpoint, consistency) = (proven.checkpoint.clone(), vec![Digest::of(b"node")]);
    let given = Regained { checkpoint, consistency, items: vec![item], last: true, keys: Vec::new() };
    let told = Regained { items: Vec::new(), last: false, keys: vec![shown], ..given.clone() };
    add("regained", Frame::Regained(Box::new(given)));
    add("regained-keys", Frame::Regained(Box::new(told)));
    let checkpoint = proven.checkpoint.clone();
    let others = vec![LogHead { origin: origin("ee")?, checkpoint: checkpoint.clone() }];
    let joined = vec![Joined { size: 1, consistency: vec![Digest::of(b"node")] }];
    let gossip = Gossip { others, asked: vec![checkpoint], joined, forks: vec![fork(key)?], ..Gossip::none(known) };
    add("gossip", Frame::Heads(proven.clone(), Box::new(gossip)));
    add("heads", Frame::Heads(proven, Box::new(Gossip::none(known))));
    for (number, frame) in items.into_iter().enumerate() {
        add(&format!("items-{number}"), frame);
    }
    let entries = no.entries(0, no.tree.size().0);
    let checkpoint = no.proven().checkpoint;
    let by_entries =
        Proven { checkpoint: checkpoint.clone(), from_size: 0, consistency: vec![], entries, cosigned: None };
    add("heads-by-entries", Frame::Heads(by_entries.clone(), Box::new(Gossip::none(known))));
    add("ask", Frame::Ask(0, no.tree.size().0));
    add("entries", Frame::Entries(Piece { checkpoint, from: 0, entries: by_entries.entries }));
    add("refusal", Frame::Refusal("rollback".into()));
    add("goodbye", Frame::Goodbye("stopping".into(), 1500));
    Ok(())
}

fn identities(seeds: &mut Seeds, key: &SecretKey) -> Result<(), Failure> {
    let (no, ee) = (origin("no")?, origin("ee")?);
    let others: Vec<_> = (20..25).map(|seed| SecretKey::from_seed(&[seed; 32].into())).collect();
    let keys: Vec<_> = Role::ALL.into_iter().zip(std::iter::once(key).chain(&others)).collect();
    let genesis = Genesis::found(no.clone(), Mode::Test, RoleKeys::prove(&no, &keys)?, now(), [1; 32])?;
    let descriptor = Descriptor::issue(&genesis, Some(Endpoint::parse("no.varde.example:7443")?), now(), [2; 32]);
    let acceptance = Acceptance {
        from: no.clone(),
        with: ee,
        mode: Mode::Test,
        agreement: default_agreement(),
        accepted: now(),
        salt: [3; 32],
    };
    seeds.add("document", "genesis", genesis.sign(key)?.payload);
    seeds.add("document", "descriptor", descriptor.sign(key)?.payload);
    seeds.add("document", "acceptance", acceptance.sign(key)?.payload);
    seeds.add("armor", "genesis", genesis.sign_text(key)?);
    seeds.add("armor", "descriptor", descriptor.sign_text(key)?);
    seeds.add("armor", "acceptance", acceptance.sign_text(key)?);
    seeds.add("certificate", "fresh", Certificate::issue(key, now())?);
    incidents(seeds, key, &keys)
}

/// What says why a log ended, and what follows it.
fn incidents(seeds: &mut Seeds, key: &SecretKey, keys: &[(Role, &SecretKey)]) -> Result<(), Failure> {
    let no = origin("no")?;
    let later = no.successor().ok_or("no later log")?;
    let genesis = Genesis::found(later.clone(), Mode::Test, RoleKeys::prove(&later, keys)?, now(), [4; 32])?;
    let newest = Head::sign(&no, TreeSize(9), Digest([9; 32]), keys[1].1)?.write();
    let known = |size, root| KnownHead { size, root: Digest([root; 32]) };
    let incident = Incident {
        origin: later,
        mode: Mode::Test,
        previous: no,
        reason: Reason::TailLost,
        newest,
        stored: known(7, 7),
        shown: Some(known(12, 8)),
        genesis: envelope::digest(&genesis.sign(key)?),
        created: now(),
        salt: [5; 32],
    };
    let signed = incident.sign(key)?;
    let descriptor = Descriptor::issue(&genesis, None, now(), [2; 32]).with_incident(signed.clone())?;
    seeds.add("armor", "incident", armor::encode(Label::Incident, &signed));
    seeds.add("document", "incident", signed.payload);
    seeds.add("document", "descriptor-later", descriptor.sign(key)?.payload);
    Ok(())
}
