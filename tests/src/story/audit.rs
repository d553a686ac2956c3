//! An auditor proves it: two bundles, no node, no network; and one changed byte.

use super::Story;
use crate::harness::{Outcome, Trouble, run};
use std::path::Path;

/// `varde log export` at NO and EE, `varde audit verify` and `reconcile` with both identities compared.
pub(super) fn prove(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    let mut fingerprints = Vec::new();
    for code in ["NO", "EE"] {
        let country = story.country(code)?;
        let out = format!("{}.bundle", code.to_lowercase());
        let said = run(country.command()?.current_dir(&story.home).args(["log", "export", "--out", &out]))?.ok()?;
        lines.push(format!("{code} $ varde log export --out {out}"));
        lines.extend(indented(&said));
        fingerprints.push(country.varde(&["peer", "fingerprint"])?.ok()?.trim().to_owned());
    }
    let trust = ["--trust", &fingerprints[0], "--trust", &fingerprints[1]];
    for verb in ["verify", "reconcile"] {
        let outcome = audit(story, &[&["audit", verb, "no.bundle", "ee.bundle"][..], &trust[..]].concat())?;
        if outcome.code != Some(0) {
            return Err(outcome.trouble("the two bundles do not prove what they should"));
        }
        lines.push(format!(
            "   $ varde audit {verb} no.bundle ee.bundle --trust {}... --trust {}...",
            &fingerprints[0][..8],
            &fingerprints[1][..8]
        ));
        // What each bundle says of itself was said by `verify` already.
        let said = outcome.stdout + &outcome.stderr;
        lines.extend(indented(&said).filter(|l| verb == "verify" || !l.contains(".bundle: ")));
    }
    Ok(lines)
}

/// One byte in the middle of a copy of a bundle, and what the verifier says.
pub(super) fn tamper(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let forged = story.home.join("forged.bundle");
    copy(&story.home.join("no.bundle"), &forged)?;
    let file = forged.join("openings/000");
    let mut bytes = std::fs::read(&file)?;
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(&file, &bytes)?;
    let trust = story.country("NO")?.varde(&["peer", "fingerprint"])?.ok()?.trim().to_owned();
    let outcome = audit(story, &["audit", "verify", "forged.bundle", "--trust", &trust])?;
    if outcome.code != Some(3) || !outcome.stdout.contains("openings/000") {
        return Err(outcome.trouble("one changed byte was not found"));
    }
    let mut lines = vec![format!("byte {place} of openings/000 in a copy of NO's bundle is another now")];
    lines.push("   $ varde audit verify forged.bundle".into());
    lines.extend(indented(&outcome.stdout).chain(indented(&outcome.stderr)));
    lines.push("     exit code 3: findings".into());
    Ok(lines)
}

/// Without a node: the directory of none is given.
fn audit(story: &Story, args: &[&str]) -> Result<Outcome, Trouble> {
    let mut command = story.country("NO")?.command()?;
    run(command.env_remove("VARDE_DIR").current_dir(&story.home).args(args))
}

fn indented(said: &str) -> impl Iterator<Item = String> {
    said.lines().map(|l| format!("     {l}")).collect::<Vec<_>>().into_iter()
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() { copy(&here, &there) } else { std::fs::copy(&here, &there).map(drop) }?;
    }
    Ok(())
}
