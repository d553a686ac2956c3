//! Four nodes: made, started, pinned.

use super::Story;
use crate::harness::{Country, Trouble, pin_all, until};
use std::time::Duration;

const CODES: [&str; 4] = ["NO", "LT", "EE", "DK"];
const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// `varde init`, `varde-node`, `varde peer export` and `add`, until every node is connected with every other.
pub(super) fn start(story: &mut Story) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    for code in CODES {
        let mut country = Country::init_with(&story.home, code, &["--mode", "test"])?;
        country.start()?;
        let address = country.address().map(|a| a.to_string()).unwrap_or_default();
        let (dir, pid) = (code.to_lowercase(), country.pid().unwrap_or(0));
        lines.push(format!("{code}  varde-node --dir {dir}  ready {address}  process {pid}"));
        story.countries.push(country);
    }
    pin_all(&story.countries.iter().collect::<Vec<_>>())?;
    for country in &story.countries {
        let all = || connections(country).ok().filter(|n| *n == CODES.len() - 1);
        until(&format!("{} to be connected with the others", country.code()), CONNECT_LIMIT, all)?;
    }
    lines.push("each pinned the other three by fingerprint; mutual TLS 1.3 stands between every two".into());
    Ok(lines)
}

fn connections(country: &Country) -> Result<usize, Trouble> {
    let status = country.varde(&["status", "--json"])?.json(0)?;
    let peers = status["peers"].as_array().cloned().unwrap_or_default();
    Ok(peers.iter().filter(|p| p["connected"] == true).count())
}
