//! Tests of what is said about an alert.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::limits;
use crate::vocabulary::*;
use prost::Message;

fn header() -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: 1,
        issuer: "varde.example/lt/1".into(),
        recipients: vec!["varde.example/no/1".into()],
        agreement: vec![1; 32].into(),
        salt: vec![2; 32].into(),
    }
}

fn reply(kind: AlertKind, said: Said) -> Reply {
    let (object, id, desk_role) = (Digest([3; 32]), AlertId([4; 16]), DeskRole::FOCAL_POINT);
    Reply { header: header(), object, id, kind, desk_role, said }
}

fn forward() -> Forward {
    let (country, channel, role) = (Country::parse("SE").unwrap(), ContactChannel::SIRENE, DeskRole::SIRENE);
    Forward { country, channel, role }
}

fn relay() -> Said {
    Said::RelayRequest(["EE", "PL"].map(|code| Country::parse(code).unwrap()).into())
}

/// One of each, with a kind of which it can be said.
fn each() -> Vec<(AlertKind, Said)> {
    let (pointer, pattern) = (AlertKind::MISSING_CHILD_POINTER, AlertKind::MODUS_OPERANDI);
    let grounds = [ChallengeGround::INACCURATE, ChallengeGround::EXCESSIVE].into();
    vec![
        (pattern, Said::Seen),
        (pointer, Said::Outcome(Outcome::ACTED_CHILD_SAFE)),
        (pattern, Said::Outcome(Outcome::ACTED)),
        (pointer, Said::NotCompetent(forward())),
        (pattern, Said::DuplicateOf(AlertId([5; 16]))),
        (AlertKind::FOUND_CHILD_QUERY, Said::Answer(FoundAnswer::CALL_ME)),
        (AlertKind::CROSS_BORDER_REFERRAL_REQUEST, Said::Referral(ReferralState::ACCEPTED)),
        (pattern, Said::Challenge(grounds)),
        (pointer, relay()),
        (pattern, Said::Ruling(Digest([6; 32]), Ruling::DISMISSED)),
        (pointer, Said::Accept),
        (pattern, Said::CannotComply([Handling::H2].into(), [Prohibition::X1, Prohibition::X4].into())),
        (pointer, Said::Recall),
    ]
}

#[test]
fn each_reads_back_as_it_was_written_and_has_one_spelling() {
    for (kind, said) in each() {
        let reply = reply(kind, said);
        let wire = reply.to_wire();
        let bytes = wire.encode_to_vec();
        assert_eq!(peer::Reply::decode(bytes.as_slice()).unwrap(), wire);
        assert_eq!(Reply::from_wire(wire), Ok(reply));
    }
}

#[test]
fn nothing_of_another_type_may_stand_beside_what_is_said() {
    for (kind, said) in each() {
        let type_of = said.reply_type();
        for (_, other) in each() {
            let mut wire = reply(kind, said.clone()).to_wire();
            let beside = other.to_wire();
            let has_fields = peer::Reply { reply_type: 0, outcome: 0, ..beside.clone() } != peer::Reply::default();
            if other.reply_type() == type_of && type_of != ReplyType::OUTCOME || !has_fields {
                continue;
            }
            wire.forward_country = beside.forward_country;
            wire.duplicate_of = beside.duplicate_of;
            wire.answer = beside.answer;
            wire.referral = beside.referral;
            wire.grounds = beside.grounds;
            wire.relay_to = beside.relay_to;
            wire.about = beside.about;
            wire.ruling = beside.ruling;
            wire.handling = beside.handling;
            wire.prohibitions = beside.prohibitions;
            if wire != reply(kind, said.clone()).to_wire() {
                assert!(Reply::from_wire(wire).is_err(), "{said:?} with what belongs to {other:?}");
            }
        }
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let refused = |change: fn(&mut peer::Reply)| {
        let mut wire = reply(AlertKind::MISSING_CHILD_POINTER, Said::NotCompetent(forward())).to_wire();
        change(&mut wire);
        Reply::from_wire(wire).unwrap_err()
    };
    let rule = Rejection::Content;
    assert_eq!(refused(|w| w.kind = 99), rule("reply-kind"));
    assert_eq!(refused(|w| w.reply_type = 0), rule("reply-type"));
    assert_eq!(refused(|w| w.outcome = 77), rule("reply-outcome"));
    assert_eq!(refused(|w| w.header = None), rule("header"));
    assert_eq!(refused(|w| w.object = vec![1; 31].into()), rule("reply-object"));
    assert_eq!(refused(|w| w.alert_id = vec![1; 15].into()), rule("reply-id"));
    assert_eq!(refused(|w| w.desk_role = 0), rule("reply-desk"));
    assert_eq!(refused(|w| w.forward_country = "OTHER".into()), rule("reply-forward"));
    assert_eq!(refused(|w| w.forward_country = String::new()), rule("reply-forward"));
    assert_eq!(refused(|w| w.forward_channel = 97), rule("reply-forward"));
    assert_eq!(refused(|w| w.forward_role = 400), rule("reply-forward"));
    let wire = |said: Said| reply(AlertKind::MISSING_CHILD_POINTER, said).to_wire();
    let backwards = |mut wire: peer::Reply| {
        wire.relay_to.reverse();
        wire.grounds.reverse();
        Reply::from_wire(wire).unwrap_err()
    };
    assert_eq!(backwards(wire(relay())), rule("reply-fields"), "countries out of order");
    let many = Country::all().take(limits::RELAY_COUNTRIES + 1).collect();
    assert_eq!(Reply::from_wire(wire(Said::RelayRequest(many))), Err(rule("reply-relay")));
    assert_eq!(Reply::from_wire(wire(Said::Challenge([].into()))), Err(rule("reply-grounds")));
}

#[test]
fn a_query_and_a_referral_are_answered_in_their_own_words_and_a_pattern_is_about_no_single_child() {
    let (query, referral) = (AlertKind::FOUND_CHILD_QUERY, AlertKind::CROSS_BORDER_REFERRAL_REQUEST);
    let (pointer, pattern) = (AlertKind::MISSING_CHILD_POINTER, AlertKind::MODUS_OPERANDI);
    let taken = |kind, said| Reply::from_wire(reply(kind, said).to_wire()).is_ok();
    let answers = |kind| FoundAnswer::all().filter(|answer| taken(kind, Said::Answer(*answer))).count();
    assert_eq!([query, referral, pointer, pattern].map(answers), [3, 0, 0, 0]);
    let states = |kind| ReferralState::all().filter(|state| taken(kind, Said::Referral(*state))).count();
    assert_eq!([query, referral, pointer, pattern].map(states), [0, 5, 0, 0]);
    let outcomes = |kind| {
        let plain = Outcome::all().filter(|o| !matches!(*o, Outcome::NOT_COMPETENT | Outcome::DUPLICATE_OF));
        plain.filter(|outcome| taken(kind, Said::Outcome(*outcome))).map(|outcome| outcome.number()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(query), [6]);
    assert_eq!(outcomes(referral), Vec::<i32>::new());
    assert_eq!(outcomes(pointer), [1, 2, 3, 4, 6, 8]);
    assert_eq!(outcomes(pattern), [3, 4, 6, 8, 9]);
    for kind in [query, referral, pointer, pattern] {
        assert!(taken(kind, Said::Seen) && taken(kind, Said::NotCompetent(forward())) && taken(kind, relay()));
        let class = reply(kind, Said::Seen).class();
        assert_eq!(class, if kind == pattern { 2 } else { 1 }, "as the alert itself");
    }
}

fn turns(said: impl IntoIterator<Item = Said>) -> Vec<Turn> {
    said.into_iter().zip(1..).map(|(said, number)| Turn { digest: Digest([number; 32]), said }).collect()
}

#[test]
fn a_referral_goes_through_its_states_and_never_back() {
    use ReferralState as State;
    let all: Vec<State> = State::all().collect();
    let ways = |last: Option<State>| {
        let before = turns(last.map(Said::Referral));
        all.iter().filter(|next| may_follow(&before, &Said::Referral(**next)).is_ok()).copied().collect::<Vec<_>>()
    };
    assert_eq!(ways(None), [State::ACCEPTED, State::DECLINED, State::CANNOT_COMPLY]);
    assert_eq!(ways(Some(State::ACCEPTED)), [State::CANNOT_COMPLY, State::IN_PROGRESS, State::DONE]);
    assert_eq!(ways(Some(State::IN_PROGRESS)), [State::CANNOT_COMPLY, State::DONE]);
    assert_eq!([State::DECLINED, State::CANNOT_COMPLY, State::DONE].map(|end| ways(Some(end)).len()), [0, 0, 0]);
}

#[test]
fn what_was_seen_stays_seen_and_only_what_is_open_is_ruled_on() {
    let challenge = Said::Challenge([ChallengeGround::OUTDATED].into());
    let ruling = |about: u8| Said::Ruling(Digest([about; 32]), Ruling::UPHELD);
    assert_eq!(may_follow(&[], &Said::Seen), Ok(()));
    assert_eq!(may_follow(&turns([challenge.clone()]), &Said::Seen), Err("reply-repeated"), "who speaks has seen it");
    assert_eq!(may_follow(&turns([Said::Seen]), &ruling(1)), Err("reply-about"), "nothing to decide about");
    assert_eq!(may_follow(&turns([Said::Seen, challenge.clone()]), &ruling(2)), Ok(()));
    assert_eq!(may_follow(&turns([challenge.clone(), ruling(1)]), &ruling(1)), Err("reply-about"), "decided before");
    assert_eq!(may_follow(&turns([challenge, ruling(1), relay()]), &ruling(3)), Ok(()));
    let full = turns(std::iter::repeat_n(relay(), limits::REPLIES));
    assert_eq!(may_follow(&full[1..], &Said::Outcome(Outcome::ACTED)), Ok(()));
    assert_eq!(may_follow(&full, &Said::Outcome(Outcome::ACTED)), Err("reply-too-many"));
}

#[test]
fn an_offer_is_decided_once_and_not_after_it_was_taken_back() {
    let cannot = Said::CannotComply([].into(), [].into());
    for decision in [Said::Accept, cannot.clone()] {
        assert_eq!(may_follow(&turns([Said::Seen]), &decision), Ok(()));
        for before in [Said::Accept, cannot.clone()] {
            assert_eq!(may_follow(&turns([before]), &decision), Err("reply-decided"));
        }
        assert_eq!(may_follow(&turns([decision]), &Said::Recall), Ok(()), "its issuer need not deliver");
    }
    assert_eq!(may_follow(&turns([Said::Recall]), &Said::Accept), Err("reply-decided"));
    assert_eq!(may_follow(&turns([Said::Recall]), &cannot), Ok(()), "a no counts for good");
    assert_eq!(may_follow(&turns([Said::Recall]), &Said::Recall), Err("reply-repeated"));
}

#[test]
fn how_far_a_recipient_is_goes_by_its_last_answer() {
    let ruling = Said::Ruling(Digest([1; 32]), Ruling::DISMISSED);
    let outcome = |outcome| Said::Outcome(outcome);
    assert_eq!(progress(&[]), Progress::Silent);
    assert_eq!(progress(&turns([Said::Seen])), Progress::Seen);
    assert_eq!(progress(&turns([relay(), ruling.clone()])), Progress::Seen, "who asks has seen it");
    let said = turns([outcome(Outcome::NO_RECORD), outcome(Outcome::MATCH_CONTACTED), relay(), ruling]);
    assert_eq!(progress(&said), Progress::Answered(&outcome(Outcome::MATCH_CONTACTED)));
}
