//! What a country may do that is not honest, in virtual time; and that every other country knows it in the time that
//! docs/threats.md promises.

use super::World;
use super::member::Member;
use super::network::{Between, Weather};
use std::sync::Arc;
use std::time::Duration;
use varde_node::flow::fork;

/// A fork is known to every connected country after so many heartbeats. Both faces must first have shown heads of one size.
const HEARTBEATS: u32 = 6;
/// What a frame and a broken connection cost besides.
const SLOW: Duration = Duration::from_secs(10);

/// A country runs a second node from a copy of its store, under the same keys, and shows one to some of its peers and the
/// other to the rest.
pub async fn two_faces(world: &mut World) {
    let place = world.chance.below(world.members.len() as u64) as usize;
    let liar = world.members[place].clone();
    let twin = Arc::new(liar.twin());
    if let Err(failure) = twin.start().await {
        return world.watch.fail(failure);
    }
    let log = crate::pair::origin(&liar.code);
    world.watch.seen(|seen| seen.forked = Some(log.as_str().to_owned()));
    let deceived: Vec<_> = world.between.iter().filter(|between| leads_to(between, &liar)).cloned().collect();
    let many = 1 + world.chance.below(deceived.len() as u64 - 1) as usize;
    let (to_twin, to_liar) = deceived.split_at(many);
    to_twin.iter().for_each(|between| between.lead_to_twin(&liar, &twin));
    // What runs over the old ways breaks.
    for weather in [Weather::Cut, Weather::Fair] {
        for between in to_twin {
            between.weather.set(weather);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    for (face, shown) in [(&liar, to_liar), (&twin, to_twin)] {
        let mut told = 0;
        for end in shown.iter().flat_map(|between| between.ends()).filter(|end| end.code != face.code) {
            told += u32::from(world.release_from(face, &[super::network::country(&end.code)]).await.is_some());
        }
        // No agreement lets it say anything there, so it has one face.
        if told == 0 {
            return;
        }
    }
    let honest: Vec<_> = world.members.iter().filter(|member| !Arc::ptr_eq(member, &liar)).cloned().collect();
    let knows = |member: &Arc<Member>| {
        member.life().is_some_and(|life| fork::is_frozen(&life.country.node.ledger, &log).unwrap_or(false))
    };
    let found = tokio::time::timeout(world.heartbeat * HEARTBEATS + SLOW, async {
        while !honest.iter().all(knows) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    if found.await.is_err() {
        let blind: Vec<_> = honest.iter().filter(|member| !knows(member)).map(|member| member.code.as_str()).collect();
        world.watch.fail(format!("{log} shows two faces, and {blind:?} do not know"));
    }
}

fn leads_to(between: &Between, member: &Arc<Member>) -> bool {
    between.ends().iter().any(|end| Arc::ptr_eq(end, member))
}
