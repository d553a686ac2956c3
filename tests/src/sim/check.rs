//! What must hold when a simulation has come to rest, by the promises of docs/threats.md: everything owed is delivered once (L3, L5),
//! what must be gone is gone and shown to be (L7, `gone`), both ends of every channel and every conversation say the same
//! (`talks`), nothing was admitted that no agreement of both permitted (L4, L6, `permitted`), every log verifies without a finding,
//! and every two reconcile (L1, L2). That no log shows two roots for one size is watched all the time ([`super::watch`]).

mod gone;
mod permitted;
mod talks;

use super::member::Member;
use super::{SETTLED, World};
use crate::pair::Country;
use std::sync::Arc;
use std::time::Duration;
use varde_node::flow::{bundle, recover};
use varde_node::state::{ChannelKey, Direction};
use varde_proto::audit::{Audit, Finding, Given, MemoryBundle, Scope, Severity, Trusted, codes, reconcile, verify};
use varde_proto::limits;

/// Waits until nothing is owed and nothing is left to do; says what still is after the time for it.
pub async fn settled(world: &World) {
    let done = tokio::time::timeout(SETTLED, async {
        while world.members.iter().any(|member| owed(member) > 0) || !gone::restless(world).is_empty() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    if done.await.is_err() {
        for member in &world.members {
            if let Some(life) = member.life() {
                if let Some(standing) = recover::standing(&life.country.node) {
                    world.watch.fail(format!("{} is still locked after {SETTLED:?} of calm: {standing}", member.code));
                }
                let book = life.country.node.ledger.book();
                let peers = life.country.node.peers.borrow().clone();
                let owed: Vec<_> = peers.keys().map(|peer| (*peer, book.owed(*peer))).filter(|o| o.1 > 0).collect();
                if !owed.is_empty() {
                    world.watch.fail(format!("{} still owes {owed:?} after {SETTLED:?} of calm", member.code));
                }
            }
        }
        gone::restless(world)
            .into_iter()
            .for_each(|what| world.watch.fail(format!("after {SETTLED:?} of calm {what}")));
    }
    // The last receipts are logged at once, and the heads that cover them go round with the next heartbeat.
    tokio::time::sleep(Duration::from_secs(5) + 2 * world.heartbeat).await;
}

fn owed(member: &Arc<Member>) -> u64 {
    let Some(life) = member.life() else { return 1 };
    let node = &life.country.node;
    // A log that is not whole again owes that.
    if *node.ledger.locked().borrow() {
        return 1;
    }
    let (book, peers) = (node.ledger.book(), node.peers.borrow());
    peers.keys().map(|peer| book.owed(*peer)).sum()
}

/// Audits all logs.
pub fn audited(world: &World) {
    let lives: Vec<_> = world.members.iter().filter_map(|member| member.life()).collect();
    let countries: Vec<&Country> = lives.iter().map(|life| &life.country).collect();
    if countries.len() < world.members.len() {
        return world.watch.fail("a country does not run after the calm".into());
    }
    gone::checked(world, &countries);
    talks::checked(world, &countries);
    permitted::checked(world, &countries);
    let mut audits = Vec::new();
    for country in &countries {
        match audit(country) {
            Ok(audit) => {
                report(world, country.origin().as_str(), &audit.findings);
                audits.push(audit);
            }
            Err(failure) => world.watch.fail(format!("{} cannot be audited: {failure}", country.origin())),
        }
    }
    for (n, a) in countries.iter().enumerate() {
        for (m, b) in countries.iter().enumerate() {
            if n != m {
                same_channels(world, a, b);
            }
            if n < m && audits.len() == countries.len() {
                let findings = reconcile(&audits[n], &audits[m]);
                report(world, &format!("{} with {}", a.origin(), b.origin()), &findings);
            }
        }
    }
}

fn same_channels(world: &World, a: &Country, b: &Country) {
    for class in 1..limits::CLASSES {
        let end = |of: &Country, direction, peer: &Country| {
            of.node.ledger.book().channel(&ChannelKey { direction, peer: peer.origin().clone(), class })
        };
        let (sent, taken) = (end(a, Direction::Out, b), end(b, Direction::In, a));
        if (sent.seq, sent.chain) != (taken.seq, taken.chain) {
            let what = format!("{} and {} differ on class {class}", a.origin(), b.origin());
            world.watch.fail(format!("{what}: {} sent, {} taken", sent.seq, taken.seq));
        }
    }
}

fn audit(country: &Country) -> Result<Audit, String> {
    let (written, _) =
        bundle::write(&country.node, Scope::National, MemoryBundle::new()).map_err(|error| error.to_string())?;
    verify(&written, &given(country)).map_err(|error| error.to_string())
}

fn given(country: &Country) -> Given {
    let trusted =
        Trusted { origin: Some(country.origin().clone()), fingerprint: country.keys[0].public().fingerprint() };
    Given { trusted: vec![trusted], views: Vec::new() }
}

fn report(world: &World, whose: &str, findings: &[Finding]) {
    // In days that are skipped nobody cosigns, so that what was logged before them is witnessed late.
    let skipped = |finding: &&Finding| finding.code == codes::NOT_WITNESSED && world.calendar.days() > 0;
    let wrong = |finding: &&Finding| finding.code.severity != Severity::Note;
    for finding in findings.iter().filter(wrong).filter(|finding| !skipped(finding)) {
        world.watch.fail(format!("{whose}: {} {}", finding.code.name, finding.text));
    }
}
