//! What is offered as a peer's new log, and is not one that may be pinned.

use super::as_person;
use std::path::Path;
use varde_node::edge::clock::SystemClock;
use varde_node::port::Clock;
use varde_proto::envelope;
use varde_proto::exchange::KnownHead;
use varde_proto::home;
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize};
use varde_proto::identity::{Descriptor, Genesis, History, Incident, Reason, Role, RoleKeys, SecretKey};
use varde_proto::log::head::Head;
use varde_proto::time::Timestamp;
use varde_tests::harness::{Country, Outcome, Trouble, pin_all};

/// A descriptor of a later log of NO under the keys in this directory.
fn later(dir: &Path, generation: u32, previous: u32, issued: Timestamp) -> Result<String, Trouble> {
    headed(dir, (generation, previous), issued, String::new())
}

/// The same, with the newest head that peers are said to have had.
fn headed(
    dir: &Path,
    (generation, previous): (u32, u32),
    issued: Timestamp,
    newest: String,
) -> Result<String, Trouble> {
    let key = |role: Role| -> Result<SecretKey, Trouble> {
        let pem = std::fs::read_to_string(dir.join(home::key(role)))?;
        SecretKey::from_pem(&pem).map_err(|bad| Trouble::new(bad.to_string()))
    };
    let bad = |bad: &dyn std::fmt::Display| Trouble::new(bad.to_string());
    let text = std::fs::read_to_string(dir.join(home::GENESIS))?;
    let mode = Genesis::open_text(&text).map_err(|e| bad(&e))?.0.mode();
    let log = |generation: u32| Origin::parse(&format!("varde.example/no/{generation}")).map_err(|e| bad(&e));
    let keys = Role::ALL.into_iter().map(|role| Ok((role, key(role)?))).collect::<Result<Vec<_>, Trouble>>()?;
    let held: Vec<_> = keys.iter().map(|(role, key)| (*role, key)).collect();
    let proven = RoleKeys::prove(&log(generation)?, &held).map_err(|e| bad(&e))?;
    let genesis = Genesis::found(log(generation)?, mode, proven, issued, [1; 32]).map_err(|e| bad(&e))?;
    let id = &keys[0].1;
    let known = KnownHead { size: 0, root: Digest::of(b"") };
    let incident = Incident {
        origin: log(generation)?,
        mode,
        previous: log(previous)?,
        reason: Reason::PeersUnreachable,
        newest,
        stored: known,
        shown: None,
        genesis: envelope::digest(&genesis.sign(id).map_err(|e| bad(&e))?),
        created: issued,
        salt: [2; 32],
    };
    let descriptor = Descriptor::issue(&genesis, None, issued, [3; 32]);
    let descriptor = descriptor.with_incident(incident.sign(id).map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
    descriptor.sign_text(id).map_err(|e| bad(&e))
}

/// What the first log of this directory tells of its keys, of which its message key is revoked.
fn revoked(dir: &Path, now: Timestamp) -> Result<String, Trouble> {
    let bad = |bad: &dyn std::fmt::Display| Trouble::new(bad.to_string());
    let key = |role: Role| -> Result<SecretKey, Trouble> {
        SecretKey::from_pem(&std::fs::read_to_string(dir.join(home::key(role)))?).map_err(|e| bad(&e))
    };
    let text = std::fs::read_to_string(dir.join(home::GENESIS))?;
    let (genesis, envelope) = Genesis::open_text(&text).map_err(|e| bad(&e))?;
    let mut history = History::found(&genesis, &envelope);
    let stolen = (Role::Msg, key(Role::Msg)?.public().fingerprint());
    let statement = history.revoke(&key(Role::Id)?, stolen, TreeSize(1), now, [4; 32]).map_err(|e| bad(&e))?;
    history.take(&statement, LogIndex(1)).map_err(|e| bad(&e))?;
    history.write_whole().ok_or_else(|| Trouble::new("a history without a genesis"))
}

#[test]
fn a_new_log_that_skips_or_lowers_a_generation_or_is_of_another_identity_is_refused_by_name() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let (no, ee) = (Country::init(home.path(), "NO")?, Country::init(home.path(), "EE")?);
    pin_all(&[&no, &ee])?;
    let elsewhere = tempfile::tempdir()?;
    let forger = Country::init(elsewhere.path(), "NO")?;
    let issued = Timestamp::from_ms(SystemClock.now().ms() + 1).map_err(|e| Trouble::new(e.to_string()))?;
    let add = |text: &str, name: &str| -> Result<Outcome, Trouble> {
        let file = home.path().join("offered.descriptor");
        std::fs::write(&file, text)?;
        as_person(&ee, &["peer", "add", &file.to_string_lossy()], name)
    };
    let first = std::fs::read_to_string(ee.dir().join("peers/NO.descriptor"))?;
    let refused = |text: &str, reason: &str| -> Result<(), Trouble> {
        for name in ["a", "b"] {
            let said = add(text, name)?;
            assert!(said.code == Some(3) && said.stderr.contains(reason), "{reason}: {}", said.stderr);
        }
        Ok(())
    };
    refused(&later(no.dir(), 3, 2, issued)?, "generation-skipped")?;
    refused(&later(forger.dir(), 2, 1, issued)?, "other-identity")?;
    assert!(later(no.dir(), 3, 1, issued).is_err(), "there is no statement that skips one");
    let head = |by: &Country| -> Result<String, Trouble> {
        let bad = |bad: &dyn std::fmt::Display| Trouble::new(bad.to_string());
        let key = SecretKey::from_pem(&std::fs::read_to_string(by.dir().join(home::key(Role::Log)))?);
        let origin = Origin::parse("varde.example/no/1").map_err(|e| bad(&e))?;
        let head = Head::sign(&origin, TreeSize(9), Digest([9; 32]), &key.map_err(|e| bad(&e))?);
        Ok(head.map_err(|e| bad(&e))?.write())
    };
    refused(&headed(no.dir(), (2, 1), issued, head(&forger)?)?, "generation-head-unsigned")?;
    let keys = ee.dir().join("peers/NO.keys");
    std::fs::write(&keys, revoked(no.dir(), issued)?)?;
    refused(&headed(no.dir(), (2, 1), issued, head(&no)?)?, "generation-revoked-key")?;
    std::fs::remove_file(&keys)?;
    assert_eq!(std::fs::read_to_string(ee.dir().join("peers/NO.descriptor"))?, first, "nothing was pinned");
    let second = headed(no.dir(), (2, 1), issued, head(&no)?)?;
    assert_eq!(add(&second, "a")?.json(0)?["outcome"], "one-of-two");
    assert_eq!(std::fs::read_to_string(ee.dir().join("peers/NO.descriptor"))?, first, "one person alone pinned it");
    assert_eq!(add(&second, "b")?.json(0)?["outcome"], "replaced");
    refused(&first, "generation-ended")?;
    let healthy = as_person(&no, &["log", "bump"], "a")?;
    assert!(healthy.code != Some(0), "a node that does not run knows nothing of its log");
    Ok(())
}
