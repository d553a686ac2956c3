//! Both ends of every conversation: what one says and the other acknowledged, both have, and nobody has anything else; and where an alert
//! still lives, both say that it is as far.

use super::gone::has_forgotten;
use crate::pair::Country;
use crate::sim::World;
use std::collections::{BTreeMap, BTreeSet};
use varde_node::flow::alert::held;
use varde_node::flow::conversation::{self, State};
use varde_node::flow::delivery;
use varde_node::rows;
use varde_proto::id::{AlertId, Digest};
use varde_proto::log::event::Direction;

/// Between whom, about what: issuer, id, recipient, as the row of a conversation names them.
type About = Vec<u8>;
/// Words by their E.
type Words = BTreeSet<Digest>;

/// Compares the conversations of every two countries.
pub(super) fn checked(world: &World, countries: &[&Country]) {
    let talks: Vec<_> = countries.iter().map(|country| read(country)).collect();
    for (talks, country) in talks.iter().zip(countries) {
        if let Err(failure) = talks {
            world.watch.fail(format!("a conversation of {} cannot be read: {failure}", country.origin()));
        }
    }
    let Ok(talks): Result<Vec<_>, String> = talks.into_iter().collect() else { return };
    for (n, (here, ours)) in countries.iter().zip(&talks).enumerate() {
        for (there, theirs) in countries.iter().zip(&talks).skip(n + 1) {
            let (a, b) = (here.origin().node(), there.origin().node());
            let between = |about: &&About| {
                let ends = (&about[1..3], &about[19..21]);
                let (a, b) = (a.as_str().as_bytes(), b.as_str().as_bytes());
                ends == (a, b) || ends == (b, a)
            };
            let all: BTreeSet<&About> = ours.keys().chain(theirs.keys()).filter(between).collect();
            for about in all {
                let of = |talks: &BTreeMap<About, Words>| talks.get(about).cloned().unwrap_or_default();
                let (mine, yours) = (of(ours), of(theirs));
                if mine != yours {
                    let (mine, yours) = (mine.len(), yours.len());
                    world
                        .watch
                        .fail(format!("{a} and {b} differ on what was said about {}: {mine}, {yours}", id(about)));
                }
            }
        }
    }
    states(world, countries);
}

fn id(about: &About) -> AlertId {
    about.get(3..19).and_then(AlertId::from_bytes).unwrap_or(AlertId([0; 16]))
}

/// Every conversation of a country: the words that came, and those of its own that the other side took.
fn read(country: &Country) -> Result<BTreeMap<About, Words>, String> {
    let ledger = &country.node.ledger;
    let mut talks: BTreeMap<About, Words> = BTreeMap::new();
    for row in ledger.scan(&[rows::REPLIES], &[rows::REPLIES + 1], false) {
        let (name, value) = row.map_err(|error| error.to_string())?;
        let words = talks.entry(name).or_default();
        // First whether the alert was delivered, and until when an answer is due.
        for index in value.as_chunks::<8>().0.iter().skip(2).map(|number| u64::from_be_bytes(*number)) {
            let opening = ledger.opening(index).map_err(|error| error.to_string())?;
            let event = opening.event();
            let taken = match event.direction {
                Direction::Out => {
                    let sent = delivery::of(ledger, index).map_err(|error| error.to_string())?;
                    sent.iter().any(|one| matches!(one.state, delivery::State::Received { .. }))
                }
                _ => true,
            };
            if taken && !words.insert(event.object) {
                return Err(format!("one word stands twice in it, the second time under {index}"));
            }
        }
    }
    Ok(talks)
}

/// An alert that lives at both ends is as far at one as at the other.
fn states(world: &World, countries: &[&Country]) {
    let lives = |state: State| matches!(state, State::Stored | State::Seen | State::Acted);
    for shared in &world.shared {
        let issuer = countries[shared.from];
        let own = issuer.origin().node();
        let Ok(Some((kept, object))) = conversation::ours(&issuer.node, shared.id) else { continue };
        let standings = conversation::of_ours(&issuer.node, (shared.id, kept, object), Some(shared.expires));
        let standings = match standings {
            Ok(standings) => standings,
            Err(failure) => {
                world.watch.fail(format!("{own} cannot say how far {} is: {failure}", shared.id));
                continue;
            }
        };
        for one in standings.iter().filter(|one| lives(one.state)) {
            let Some(there) = countries.iter().find(|there| there.origin().node() == one.country) else { continue };
            let found = held::find(&there.node.ledger, &[own], shared.id).unwrap_or_default();
            let here = found.first().map(|found| conversation::of_received(&there.node, shared.id, found));
            match here {
                Some(Ok(here)) if here.state == one.state => {}
                Some(Ok(here)) if !lives(here.state) && shared.expires <= there.node.clock.now() => {}
                None if has_forgotten(world, shared, there) => {}
                other => {
                    let other = other.map(|other| other.map(|other| other.state));
                    let what = format!("{own} says {:?} of {} at {}", one.state, shared.id, one.country);
                    world.watch.fail(format!("{what}, and that country says {other:?}"));
                }
            }
        }
    }
}
