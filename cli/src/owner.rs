//! Whose files these are, where the system says "permission denied": nearly always another user runs the node.

use crate::failure::Failure;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What it means that the system does not let this user at a path, and what to do.
pub(crate) fn denied(path: &Path) -> Failure {
    let failure = Failure::usage(format!("permission denied: {}", path.display())).reason("permission-denied");
    let Some((place, found)) = nearest(path) else {
        return failure.next("see who owns the path, and run this command as that user");
    };
    let shown = place.display();
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == found.uid()) {
        return failure
            .means(format!("{shown} is yours, but its mode {:03o} shuts you out", found.mode() & 0o777))
            .next(format!("run `chmod u+rwX {shown}`, then try again"));
    }
    let owner = name(found.uid());
    failure
        .means(format!("{shown} belongs to the user {owner}"))
        .next(format!("run this command as that user, for example with `sudo -u {owner} varde ...`"))
}

/// The path itself or the folder above it of which the system tells something.
fn nearest(path: &Path) -> Option<(PathBuf, Metadata)> {
    let whole = std::path::absolute(path).ok()?;
    whole.ancestors().find_map(|place| Some((place.to_owned(), std::fs::metadata(place).ok()?)))
}

/// The user's name, or its number where this machine has no name for it.
fn name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&users, uid).map_or_else(|| format!("#{uid}"), str::to_owned)
}

fn named(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbroken\nvarde:x:998:998::/var/lib/varde:/bin/false\n";
        assert_eq!(named(users, 998), Some("varde"));
        assert_eq!(named(users, 7), None);
    }

    #[test]
    fn the_nearest_place_that_can_be_seen_is_named() {
        let home = tempfile::tempdir().unwrap();
        let (place, _) = nearest(&home.path().join("a/b/c")).unwrap();
        assert_eq!(place, home.path());
    }
}
