//! `varde.operator.v1.Agreements`: what is agreed with peers, and what is offered.

use crate::flow::Node;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use varde_proto::agreement::Between;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::agreements_server::{Agreements, AgreementsServer};
use varde_proto::wire::operator::{AgreementEntry, AgreementsReply, AgreementsRequest};

/// The service.
pub fn agreements_service(node: Arc<Node>) -> AgreementsServer<Service> {
    AgreementsServer::new(Service { node })
}

/// The service; see [`agreements_service`].
pub struct Service {
    node: Arc<Node>,
}

#[tonic::async_trait]
impl Agreements for Service {
    async fn list(&self, _: Request<AgreementsRequest>) -> Result<Response<AgreementsReply>, Status> {
        let (peers, now) = (self.node.peers.borrow().clone(), self.node.clock.now());
        let mut agreements = Vec::new();
        for peer in peers.values() {
            let agreed = self.node.ledger.book().agreed(&peer.origin);
            for one in agreed.all() {
                let state = agreed.state(one, now).name().to_owned();
                agreements.push(AgreementEntry {
                    peer: peer.origin.node().to_string(),
                    origin: peer.origin.to_string(),
                    state,
                    ..entry(one)
                });
            }
        }
        Ok(Response::new(AgreementsReply { agreements }))
    }
}

fn entry(one: &Between) -> AgreementEntry {
    let Between { agreement, ours, theirs } = one;
    let ms = |time: Option<Timestamp>| time.map_or(0, Timestamp::ms);
    AgreementEntry {
        id: agreement.id().to_string(),
        edition: agreement.terms().edition,
        from_ms: agreement.terms().from.ms(),
        until_ms: agreement.terms().until.ms(),
        accepted_by_us_ms: ms(ours.accepted),
        accepted_by_peer_ms: ms(theirs.accepted),
        ended_by_us_ms: ms(ours.ended),
        ended_by_peer_ms: ms(theirs.ended),
        text: agreement.text().to_owned(),
        ..AgreementEntry::default()
    }
}
