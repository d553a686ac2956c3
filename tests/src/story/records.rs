//! Case records go in, and stay.

use super::Story;
use crate::harness::Trouble;
use std::path::Path;

/// `varde record import`, once and again.
pub(super) fn import(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    for country in &story.countries {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
        let file = sample.join(format!("{}.csv", country.code().to_lowercase())).to_string_lossy().into_owned();
        let import = ["record", "import", &file, "--format", "varde", "--json"];
        let first = country.varde(&import)?.json(0)?;
        let again = country.varde(&import)?.json(0)?;
        if again["added"] != 0 || first["added"] == 0 {
            return Err(Trouble::new(format!("{}: {first:#}\nand again: {again:#}", country.code())));
        }
        let code = country.code();
        lines.push(format!(
            "{code}  {} cases added, {} refused; the same file again: 0 added",
            first["added"], first["refused"]
        ));
    }
    lines.push("every case is invented (tests/sample); each is stored under a key of its own and never leaves".into());
    Ok(lines)
}
