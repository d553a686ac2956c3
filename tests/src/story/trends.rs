//! First trend editions: released once by each, read by a neighbour.

use super::Story;
use crate::harness::Trouble;

const COHORT: &str = "2025";

/// `varde trend release` at each, to all the others; asked again, it gives the same.
pub(super) fn release(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    for country in &story.countries {
        let others: Vec<&str> = story.countries.iter().map(|c| c.code()).filter(|c| *c != country.code()).collect();
        let to = others.join(",");
        let release = ["trend", "release", "--cohort", COHORT, "--to", &to, "--wait", "60s"];
        country.varde(&release)?.ok()?;
        let spent = country.varde(&["trend", "list", "--json"])?.json(0)?;
        let spent =
            spent["budget"].as_array().and_then(|entries| entries.last()?["rho_spent"].as_str().map(str::to_owned));
        let spent = spent.ok_or_else(|| Trouble::new(format!("{} says nothing of its budget", country.code())))?;
        lines.push(format!(
            "{}  {COHORT} released to {to} and receipted; {spent} of the cohort's 0.5 rho is spent",
            country.code()
        ));
    }
    lines.push(
        "each cohort was paid for out of the privacy budget before it was counted, and is released once for good"
            .into(),
    );
    Ok(lines)
}

/// `varde trend corridor LT NO`, asked at EE, which is neither end.
pub(super) fn corridor(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let analyst = story.country("EE")?;
    let outcome = analyst.varde(&["trend", "corridor", "LT", "NO"])?;
    let mut lines = vec!["EE $ varde trend corridor LT NO".to_owned()];
    let said = outcome.ok()?;
    // The table and its comparison; what every figure means follows in two more paragraphs.
    let table = said.split("\n\n").take(2).flat_map(str::lines);
    lines.extend(table.map(|l| format!("  {l}")));
    Ok(lines)
}
