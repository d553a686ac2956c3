//! What became of every alert: delivered unless something stood against it; and unreadable, with what remains of it, wherever it was taken
//! back, its time is over, or an agreement ended that says so.

use crate::pair::Country;
use crate::sim::World;
use crate::sim::network::country;
use crate::sim::people::{Shared, is_held};
use std::time::Duration;
use varde_node::flow::alert::held::{self, What};
use varde_node::flow::conversation::{self, State, offers};
use varde_node::flow::delivery;
use varde_node::flow::erase::{self, Stage};
use varde_node::flow::outstanding::{Standing, outstanding};
use varde_node::rows;
use varde_proto::agreement::AtEnd;
use varde_proto::id::{Digest, NodeId};

/// How far two clocks may be apart, and what it takes to notice.
const SLACK: Duration = Duration::from_secs(300);

/// What is still to be done, in words; nothing where all has come to rest.
pub(super) fn restless(world: &World) -> Vec<String> {
    let mut what = Vec::new();
    let now = world.calendar.now();
    for member in &world.members {
        let Some(life) = member.life() else { continue };
        let (node, code) = (&life.country.node, member.code.as_str());
        let ledger = &node.ledger;
        match outstanding(node, now) {
            Ok(all) => all.into_iter().filter(|one| one.standing != Standing::OnHold).for_each(|one| {
                // Nobody was asked: whoever holds it says nothing of that.
                let holder = world.member(one.peer.node());
                let held = holder.as_ref().is_some_and(|holder| is_held(holder, one.id, country(code)));
                let is_near = now.since(one.asked) < SLACK;
                let shared = world.shared.iter().find(|shared| shared.id == one.id);
                let holder = holder.as_ref().and_then(|holder| holder.life());
                let forgot = shared.zip(holder).is_some_and(|(of, at)| has_forgotten(world, of, &at.country));
                if one.standing != Standing::Expired || !held && !is_near && !forgot {
                    what.push(format!("{} owes {code} the erasure of {}: {:?}", one.peer.node(), one.id, one.standing));
                }
            }),
            Err(failure) => what.push(format!("{code} cannot say what is outstanding: {failure}")),
        }
        match erase::all(ledger) {
            Ok(all) => {
                all.into_iter().filter(|(_, one)| matches!(one.stage, Stage::Destroying(_))).for_each(|(_, one)| {
                    what.push(format!("{code} has not finished erasing {} of {}", one.id, one.issuer));
                })
            }
            Err(failure) => what.push(format!("{code} cannot say what it erased: {failure}")),
        }
        for filed in offers::of(ledger, country(code)).unwrap_or_default() {
            let is_open = ledger.get(&offers_open_row(&filed)).is_ok_and(|row| row.is_some());
            let waits = offers::standings(node, &filed, country(code)).unwrap_or_default();
            let waits = waits.iter().any(|one| one.state == State::Offered);
            if is_open && (!waits || filed.offer.answer_by.after(SLACK) < now) {
                what.push(format!("{code} has not decided its offer {}", filed.offer.id));
            }
        }
        for other in &world.members {
            what.extend(apart(&life.country, other));
            what.extend(after_the_end(&life.country, other));
        }
    }
    what
}

/// Whether an alert was taken back by an issuer who went back behind that, and the recipient, who went back too, has only the leaf of it:
/// nobody can say more, and the list of what is outstanding says so (docs/recovery.md, 5).
pub(super) fn has_forgotten(world: &World, shared: &Shared, holder: &Country) -> bool {
    let own = country(&world.members[shared.from].code);
    let found = held::find(&holder.node.ledger, &[own], shared.id);
    shared.is_unsure && found.is_ok_and(|found| found.is_empty())
}

fn offers_open_row(filed: &offers::Filed) -> Vec<u8> {
    rows::row(rows::OFFERED, &[&filed.offer.id.0])
}

/// Where two countries do not know the same of their agreements.
fn apart(here: &Country, there: &crate::sim::member::Member) -> Option<String> {
    let life = there.life().filter(|life| life.country.origin() != here.origin())?;
    let of = |one: &Country, other: &Country| one.node.ledger.book().agreed(other.origin());
    let (ours, theirs) = (of(here, &life.country), of(&life.country, here));
    let other = ours.all().find(|one| {
        let same = theirs.get(&one.agreement.id()).map(|them| (them.ours, them.theirs));
        same != Some((one.theirs, one.ours))
    })?;
    let edition = other.agreement.terms().edition;
    Some(format!("{} and {} differ on edition {edition} of their agreement", here.origin(), life.country.origin()))
}

/// Alerts of a country that another one still shows although their agreement is over and says that they are erased.
fn after_the_end(here: &Country, there: &crate::sim::member::Member) -> Vec<String> {
    let Some(life) = there.life().filter(|life| life.country.origin() != here.origin()) else { return Vec::new() };
    let agreed = here.node.ledger.book().agreed(life.country.origin());
    let erases = agreed.governing(here.node.time());
    let erases = erases.is_some_and(|one| one.is_over && one.agreement.terms().at_end == AtEnd::Erase);
    if !erases {
        return Vec::new();
    }
    let inbox = held::inbox(&life.country.node.ledger, 0, usize::MAX).unwrap_or_default();
    let own = here.origin().node();
    let shown = inbox.iter().filter(|one| one.from == own).filter_map(|one| match &one.what {
        What::Alert(alert) => Some(alert.content().id),
        What::Remains(_) => None,
    });
    let held = |id| is_held(there, id, own);
    shown
        .filter(|id| !held(*id))
        .map(|id| format!("{} still shows {id} of {own} after the end of their agreement", there.code))
        .collect()
}

/// Checks every alert whose release somebody was told of.
pub(super) fn checked(world: &World, countries: &[&Country]) {
    for shared in &world.shared {
        if let Err(failure) = check(world, countries, shared) {
            let from = &world.members[shared.from].code;
            world.watch.fail(format!("{from}'s {:?} {}: {failure}", shared.kind, shared.id));
        }
    }
}

fn check(world: &World, countries: &[&Country], shared: &Shared) -> Result<(), String> {
    let issuer = countries[shared.from];
    let own = issuer.origin().node();
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let Some((kept, object)) = conversation::ours(&issuer.node, shared.id).map_err(|error| said(&error))? else {
        return if shared.is_offer { Ok(()) } else { Err("it was acknowledged and is nowhere".into()) };
    };
    let deliveries = delivery::of(&issuer.node.ledger, kept).map_err(|error| said(&error))?;
    if !shared.is_offer && deliveries.len() != shared.to.len() {
        return Err(format!("was released to {:?} and went to {}", shared.to, deliveries.len()));
    }
    let now = world.calendar.now().after(SLACK);
    let whole = shared.gone.iter().any(|(from, _)| from.is_empty());
    if whole {
        is_mute(issuer, own, &object, is_held(&world.members[shared.from], shared.id, own))?;
    }
    for one in &deliveries {
        let there = world.members.iter().position(|member| country(&member.code) == one.country);
        let there = there.ok_or("it went to nobody")?;
        let excused = shared.is_unsure || shared.is_gone(one.country) || world.have_treated(own, one.country);
        match &one.state {
            delivery::State::Received { .. } => {}
            delivery::State::Abandoned { .. } if excused => {}
            delivery::State::Rejected { reason, .. } if excused && is_fair(reason) => {}
            // It was delivered and taken back, which its issuer forgot and its recipient did not.
            delivery::State::Rejected { reason, .. } if shared.is_offer && shared.is_unsure && reason == REUSED => {}
            // It was on its way while days passed.
            delivery::State::Rejected { reason, .. } if reason == "content:expired" && shared.expires <= now => {}
            other => return Err(format!("{} was to get it, and it became {other:?}", one.country)),
        }
        at_recipient(world, (shared, own, &object), (countries[there], there), &one.state)?;
    }
    Ok(())
}

/// The recipient has had an alert under this id.
const REUSED: &str = "content:alert-id-reused";

/// Whether a simulation brings about that a recipient refuses an alert so.
fn is_fair(reason: &str) -> bool {
    reason.starts_with("agreement:") || ["wrong-agreement", "content:withdrawn"].contains(&reason)
}

fn at_recipient(
    world: &World,
    (shared, own, object): (&Shared, NodeId, &Digest),
    (there, place): (&Country, usize),
    state: &delivery::State,
) -> Result<(), String> {
    let (code, now) = (there.origin().node(), world.calendar.now());
    let found = held::find(&there.node.ledger, &[own], shared.id).map_err(|error| format!("at {code}: {error}"))?;
    let readable = found.iter().any(|one| matches!(one.what, What::Alert(_)));
    let held = is_held(&world.members[place], shared.id, own);
    let received = matches!(state, delivery::State::Received { .. });
    if readable && !received {
        return Err(format!("{code} has it, and says that it did not take it"));
    }
    let over = shared.expires.after(SLACK) < now;
    if (over || shared.is_gone(code)) && !held {
        if readable {
            return Err(format!("{code} still shows it (over: {over})"));
        }
        if received && !has_forgotten(world, shared, there) {
            return is_mute(there, own, object, false).map_err(|failure| format!("at {code}: {failure}"));
        }
    }
    let lives = now.after(SLACK) < shared.expires && !shared.is_gone(code) && !shared.is_unsure;
    let at_end =
        world.treaties.iter().any(|said| [(own, code), (code, own)].contains(&(said.by, said.to)) && ends(said));
    if (lives && !at_end || held) && received && !readable && !shared.is_gone(code) {
        return Err(format!("{code} took it, and nothing says that it may be gone"));
    }
    Ok(())
}

/// Whether an agreement may have ended with this: by a word, or by its own time.
fn ends(said: &crate::sim::treaties::Said) -> bool {
    let far =
        said.agreement.terms().until > varde_proto::time::Timestamp::from_ms(4_000_000_000_000).unwrap_or_default();
    said.agreement.terms().at_end == AtEnd::Erase || !far
}

/// Nothing can be read of an item, and what remains says so; a hold keeps it, and then what remains says that.
fn is_mute(at: &Country, issuer: NodeId, object: &Digest, held: bool) -> Result<(), String> {
    let remains = erase::find(&at.node.ledger, issuer, object).map_err(|error| error.to_string())?;
    let remains = remains.ok_or("nothing remains of it to show that there was one")?;
    match remains.stage {
        Stage::Held if held => return Ok(()),
        Stage::Done(_) => {}
        other => return Err(format!("its erasure stands at {other:?}")),
    }
    let envelope = at.node.ledger.read(&rows::numbered(rows::ENVELOPE, remains.kept));
    match envelope {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err("it is erased and can be read".into()),
        Err(failure) => Err(format!("what was erased cannot be looked for: {failure}")),
    }
}
