//! Makes the files of a new node beside their place, then renames the whole directory into it.

use super::{Plan, settings};
use crate::failure::Failure;
use crate::files;
use std::io;
use std::path::{Path, PathBuf};
use varde_proto::home;
use varde_proto::id::Digest;
use varde_proto::identity::armor;
use varde_proto::identity::certificate::Certificate;
use varde_proto::identity::{Genesis, Role, RoleKeys, SecretKey};
use varde_proto::time::Timestamp;
use zeroize::Zeroizing;

/// The two credentials that every node begins with.
const OPERATORS: [&str; 2] = ["a", "b"];

/// Makes the node; returns its fingerprint.
pub(super) fn build(plan: &Plan, now: Timestamp) -> Result<Digest, Failure> {
    let keys = Role::ALL.into_iter().map(|role| Ok((role, key()?))).collect::<Result<Vec<_>, Failure>>()?;
    let operators = OPERATORS.into_iter().map(|name| Ok((name, key()?))).collect::<Result<Vec<_>, Failure>>()?;
    let files = contents(plan, &keys, &operators, now)?;

    let beside = Beside::new(&plan.dir)?;
    write_all(&beside.0, &files).map_err(|e| files::unwritten(&beside.0, &e))?;
    std::fs::rename(&beside.0, &plan.dir).map_err(|e| files::unwritten(&plan.dir, &e))?;
    let parent = plan.dir.parent().unwrap_or(Path::new("/"));
    files::sync_dir(parent).map_err(|e| files::unwritten(parent, &e))?;
    keys.first().map(|(_, id)| id.public().fingerprint()).ok_or_else(|| Failure::ours("no identity key was made"))
}

type File = (String, Zeroizing<Vec<u8>>);

fn contents(
    plan: &Plan,
    keys: &[(Role, SecretKey)],
    operators: &[(&str, SecretKey)],
    now: Timestamp,
) -> Result<Vec<File>, Failure> {
    let by_role: Vec<_> = keys.iter().map(|(role, key)| (*role, key)).collect();
    let [(_, id), _, _, _, (_, tls), _] = by_role.as_slice() else {
        return Err(Failure::ours("a node has six keys"));
    };
    let proven = RoleKeys::prove(&plan.origin, &by_role).map_err(ours)?;
    let genesis = Genesis::found(plan.origin.clone(), plan.mode, proven, now, salt()?).map_err(ours)?;
    let certificate = Certificate::issue(tls, now).map_err(ours)?;
    let public: Vec<_> = operators.iter().map(|(name, key)| (*name, key.public())).collect();

    let mut files = Vec::new();
    for (role, key) in &by_role {
        files.push((home::key(*role), pem(key)?));
    }
    for (name, key) in operators {
        files.push((home::operator(name), pem(key)?));
    }
    let plain = |text: String| Zeroizing::new(text.into_bytes());
    files.push((home::GENESIS.to_owned(), plain(genesis.sign_text(id).map_err(ours)?)));
    files.push((home::TLS_CERTIFICATE.to_owned(), plain(armor::certificate_to_pem(&certificate))));
    // Empty: nothing was ever shown under these keys, so a log may begin.
    files.push((home::GUARD.to_owned(), Zeroizing::default()));
    files.push((home::CONFIG.to_owned(), plain(settings::text(plan, &public))));
    Ok(files)
}

fn write_all(dir: &Path, files: &[File]) -> io::Result<()> {
    let folders = [home::KEYS, home::OPERATORS, home::PEERS].map(|name| dir.join(name));
    folders.iter().try_for_each(|folder| files::make_dir(folder))?;
    files.iter().try_for_each(|(name, bytes)| files::write_new(&dir.join(name), bytes))?;
    folders.iter().try_for_each(|folder| files::sync_dir(folder))?;
    files::sync_dir(dir)
}

/// The directory while it is built; removed unless it was renamed into its place.
struct Beside(PathBuf);

impl Beside {
    fn new(place: &Path) -> Result<Self, Failure> {
        let name = format!(".{}.init-{:08x}", super::name(place), random()?);
        let path = place.with_file_name(name);
        files::make_dir(&path).map_err(|e| files::unwritten(&path, &e))?;
        Ok(Self(path))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After the rename it is not there, which is as it should be.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pem(key: &SecretKey) -> Result<Zeroizing<Vec<u8>>, Failure> {
    key.to_pem().map(|text| Zeroizing::new(text.as_bytes().to_vec())).map_err(ours)
}

fn key() -> Result<SecretKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(no_chance)?;
    Ok(SecretKey::from_seed(&seed))
}

fn salt() -> Result<[u8; 32], Failure> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(no_chance)?;
    Ok(salt)
}

fn random() -> Result<u32, Failure> {
    getrandom::u32().map_err(no_chance)
}

fn no_chance(error: getrandom::Error) -> Failure {
    Failure::ours(format!("the system gives no random bytes: {error}")).means("no key can be made")
}

fn ours(error: impl std::fmt::Display) -> Failure {
    Failure::ours(format!("a node could not be made: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use varde_proto::home::Config;
    use varde_proto::id::Origin;
    use varde_proto::identity::Endpoint;
    use varde_proto::wire::peer::Mode;

    fn plan(dir: &Path) -> Plan {
        Plan {
            dir: dir.to_owned(),
            origin: Origin::parse("varde.example/no/1").unwrap(),
            mode: Mode::Test,
            listen: "127.0.0.1:7443".parse().unwrap(),
            endpoint: Endpoint::parse("no.varde.example:7443").ok(),
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-21T12:00:00Z").unwrap()
    }

    #[test]
    fn a_new_node_reads_back_and_only_its_owner_can_read_it() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("no");
        let fingerprint = build(&plan(&dir), now()).unwrap();
        let text = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let config = Config::parse(&text(home::CONFIG)).unwrap();
        let (genesis, _) = Genesis::open_text(&text(home::GENESIS)).unwrap();
        config.check_genesis(&genesis).unwrap();
        assert_eq!(genesis.keys().id().fingerprint(), fingerprint);
        for role in Role::ALL {
            let key = files::read_key(&dir.join(home::key(role))).unwrap();
            assert_eq!(genesis.keys().get(role), Some(&key.public()));
        }
        for operator in &config.operators {
            let key = files::read_key(&dir.join(home::operator(&operator.name))).unwrap();
            assert_eq!(operator.public_key, key.public());
        }
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join(home::KEYS)), mode(&dir.join(home::PEERS))), (0o700, 0o700, 0o700));
        for name in [home::CONFIG, home::IDENTITY_KEY, "keys/log.key", "operators/a.key", home::GENESIS] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "something was left beside it");
    }

    #[test]
    fn a_node_that_cannot_be_put_in_its_place_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("no");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("taken"), "").unwrap();
        assert!(build(&plan(&dir), now()).is_err());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }
}
