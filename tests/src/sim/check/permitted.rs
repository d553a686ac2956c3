//! Nothing was taken that no agreement of both permitted: judged leaf by leaf from each log, by what coordinators signed in the simulation
//! and not by what the node makes of it.

use crate::pair::Country;
use crate::sim::World;
use std::collections::{BTreeMap, BTreeSet};
use varde_node::flow::{erase, kept};
use varde_proto::alert::Alert;
use varde_proto::id::{Digest, Origin};
use varde_proto::identity::Revocation;
use varde_proto::limits;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::AlertKind;
use varde_proto::wire::peer::Envelope;

/// What a log has said so far of the agreements with one peer: accepted by us, by them, ended by either.
#[derive(Default)]
struct Heard {
    ours: BTreeSet<Digest>,
    theirs: BTreeSet<Digest>,
    ended: BTreeSet<Digest>,
}

/// Reads every log.
pub(super) fn checked(world: &World, countries: &[&Country]) {
    for country in countries {
        if let Err(failure) = read(world, country) {
            world.watch.fail(format!("{}: {failure}", country.origin()));
        }
    }
}

fn read(world: &World, country: &Country) -> Result<(), String> {
    let ledger = &country.node.ledger;
    let mut heard: BTreeMap<Origin, Heard> = BTreeMap::new();
    let (mut taken, mut is_whole) = (BTreeSet::new(), true);
    for index in 0..ledger.head().size().0 {
        let opening = ledger.opening_if_kept(index).map_err(|error| error.to_string())?;
        // What a restored node said of agreements after its backup was made, nobody gives back.
        let Some(opening) = opening else {
            is_whole = false;
            continue;
        };
        let event = opening.event();
        let Some(peer) = &event.peer else { continue };
        match event.kind {
            Kind::AGREEMENT => hear(heard.entry(peer.clone()).or_default(), event, peer)?,
            Kind::RECEIVED if !taken.insert((peer.clone(), event.object)) => {
                return Err(format!("leaf {index} takes what an earlier one took"));
            }
            Kind::RECEIVED if event.class != limits::CONTROL => {
                let heard = heard.entry(peer.clone()).or_default();
                may_take(world, country, (index, event, peer), heard, is_whole)
                    .map_err(|failure| format!("leaf {index} takes from {peer} what it must not: {failure}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn hear(heard: &mut Heard, event: &Event, peer: &Origin) -> Result<(), String> {
    let envelope = <Envelope as prost::Message>::decode(event.body.as_slice()).map_err(|error| error.to_string())?;
    let (own, other) = (event.direction == Direction::Out, event.direction == Direction::In);
    let ends = envelope.payload_type == Revocation::TYPE;
    let said = if ends {
        &mut heard.ended
    } else if own {
        &mut heard.ours
    } else {
        &mut heard.theirs
    };
    if !own && !other {
        return Err(format!("a word about an agreement with {peer} is nobody's"));
    }
    said.insert(event.agreement);
    Ok(())
}

/// Both signed the agreement that the leaf names, and neither had ended it; the newest that both had signed permits its kind, too.
fn may_take(
    world: &World,
    country: &Country,
    (index, event, peer): (u64, &Event, &Origin),
    heard: &Heard,
    is_whole: bool,
) -> Result<(), String> {
    let (own, other, id) = (country.origin().node(), peer.node(), event.agreement);
    for (by, to) in [(own, other), (other, own)] {
        if !world.has_accepted(by, to, &id) {
            return Err(format!("{by} never accepted {id}"));
        }
    }
    if heard.ended.contains(&id) {
        return Err(format!("{id} was ended"));
    }
    let kind = kind_of(country, (index, event, other))?;
    let permits = |agreement: &Digest| {
        let agreement = world.agreement(agreement).ok_or("an agreement that nobody signed")?;
        let permits = kind.is_none_or(|kind| agreement.terms().kinds.contains_key(&kind));
        if permits { Ok(()) } else { Err(format!("edition {} does not permit {kind:?}", agreement.terms().edition)) }
    };
    permits(&id)?;
    if is_whole && let Some(governing) = governing(world, heard, event.time) {
        permits(&governing)?;
        if heard.ended.contains(&governing) {
            return Err(format!("{governing} governs, and was ended"));
        }
        let until = world.agreement(&governing).map_or(Timestamp::MAX, |one| one.terms().until);
        if until <= event.time {
            return Err(format!("{governing} governs, and its time is over"));
        }
    }
    Ok(())
}

/// The newest edition that both sides had accepted, of those that had begun.
fn governing(world: &World, heard: &Heard, now: Timestamp) -> Option<Digest> {
    let both = heard.ours.intersection(&heard.theirs).filter_map(|id| world.agreement(id));
    let begun = both.filter(|one| one.terms().from <= now);
    begun.max_by_key(|one| (one.terms().edition, one.id())).map(|one| one.id())
}

/// The kind of an alert that came, as far as it is still known; nothing of what is no alert.
fn kind_of(
    country: &Country,
    (index, event, from): (u64, &Event, varde_proto::id::NodeId),
) -> Result<Option<AlertKind>, String> {
    let alert = kept::if_of_type::<Alert>(&country.node.ledger, index).map_err(|error| error.to_string())?;
    let remains = erase::find(&country.node.ledger, from, &event.object).map_err(|error| error.to_string())?;
    Ok(alert.map(|alert| alert.content().kind()).or_else(|| remains.and_then(|remains| remains.kind)))
}
