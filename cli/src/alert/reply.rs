//! `varde alert reply`

use super::release::{self, read_country};
use super::staff::{As, digest};
use super::standing::{connect, standing};
use super::{read_code, read_id};
use crate::context::Context;
use crate::delivery::{self, Wait};
use crate::failure::{Exit, Failure};
use crate::staff::Credential;
use std::collections::BTreeSet;
use std::time::Duration;
use varde_proto::draft::act::{Verb, about_reply};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::reply::{Forward, Said};
use varde_proto::vocabulary::*;
use varde_proto::wire::operator::{SayReply, SayRequest, StandingReply};
use varde_proto::wire::peer;

/// One alert, and one thing to say about it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert reply ID --seen\n  varde alert reply ID --outcome MATCH_CONTACTED --wait 10s\n  \
    varde alert reply ID --outcome NOT_COMPETENT --forward SE,SIRENE,SIRENE\n  varde alert reply ID --answer POSSIBLE\n  \
    varde alert reply ID --challenge INACCURATE,OUTDATED\n  varde alert reply ID --ruling UPHELD --to LT\n\n\
    Codes only, and nothing about the child: what is to be talked about goes over the legal channel that the alert names.\n\
    --seen says that a person has taken it in hand: it stops the alarm here and is shown to the issuer. Everything but\n\
    --seen, --challenge, --relay and --ruling is an answer and meets the deadline. An offer takes --accept or\n\
    --cannot-comply. A query about a found child takes\n\
    --answer, a referral --referral; anything else --outcome. A ruling is for the issuer to make.\n\n\
    With --wait: exit 0 when the other side has receipted it, 75 when it has not yet, 3 when its node refused it."
)]
pub(crate) struct Args {
    /// The alert's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    #[command(flatten)]
    what: What,
    /// With --outcome NOT_COMPETENT: who is, as country, legal channel and desk
    #[arg(long, value_name = "CC,CHANNEL,DESK", value_parser = read_forward, requires = "outcome")]
    forward: Option<Forward>,
    /// With --outcome DUPLICATE_OF: the other alert of the same country
    #[arg(long, value_name = "ID", value_parser = read_id, requires = "outcome")]
    duplicate_of: Option<AlertId>,
    /// With --ruling: the country whose challenge or request is decided
    #[arg(long, value_name = "CC", value_parser = read_country, requires = "ruling")]
    to: Option<NodeId>,
    /// With --ruling: its digest as `varde alert status` shows it; without it, the one that waits
    #[arg(long, value_name = "DIGEST", value_parser = read_digest, requires = "ruling")]
    about: Option<Digest>,
    /// Whose alert is meant, where several have this id
    #[arg(long, value_name = "CC", value_parser = read_country, conflicts_with = "ruling")]
    issuer: Option<NodeId>,
    /// Which desk speaks: a role, never a person
    #[arg(long, value_name = "DESK", value_parser = read_code::<DeskRole>, default_value = "FOCAL_POINT")]
    desk: DeskRole,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    staff: As,
}

/// Exactly one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A person has taken it in hand
    #[arg(long)]
    seen: bool,
    /// What came of it: ACTED_CHILD_SAFE, ACTED_NOT_FOUND, MATCH_CONTACTED, NO_RECORD, NOT_COMPETENT, CANNOT_COMPLY,
    /// DUPLICATE_OF, FALSE_ALARM; of a pattern ACTED
    #[arg(long, value_name = "CODE", value_parser = read_code::<Outcome>)]
    outcome: Option<Outcome>,
    /// To a query about a found child: POSSIBLE, NO or CALL_ME
    #[arg(long, value_name = "CODE", value_parser = read_code::<FoundAnswer>)]
    answer: Option<FoundAnswer>,
    /// To a referral: ACCEPTED, DECLINED or CANNOT_COMPLY; then IN_PROGRESS, then DONE
    #[arg(long, value_name = "STATE", value_parser = read_code::<ReferralState>)]
    referral: Option<ReferralState>,
    /// It is disputed: INACCURATE, OUTDATED, EXCESSIVE, ASSESSMENT_AS_FACT, NO_LEGAL_BASIS, WRONG_RECIPIENT
    #[arg(long, value_name = "CODE,CODE", value_delimiter = ',', value_parser = read_code::<ChallengeGround>)]
    challenge: Vec<ChallengeGround>,
    /// These countries should have it, too; only its issuer can send it to them
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', value_parser = read_named)]
    relay: Vec<Country>,
    /// To an offer: it is accepted, and its conditions bind this country
    #[arg(long)]
    accept: bool,
    /// To an offer: its conditions cannot be complied with; which, as far as it is said: handling codes H, prohibitions X
    #[arg(long, value_name = "CODE,CODE", value_delimiter = ',', num_args = 0.., value_parser = read_condition)]
    cannot_comply: Option<Vec<Condition>>,
    /// As its issuer: what is decided about a challenge or a request, UPHELD or DISMISSED
    #[arg(long, value_name = "CODE", value_parser = read_code::<Ruling>)]
    ruling: Option<Ruling>,
}

/// Signs it, sends it, says what became of it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let look = format!("`varde alert status {}`", args.id);
    let SayReply { deliveries, only_here } = args.wait.hold(&look, Duration::ZERO, said(&args, context)).await?;
    if context.render.is_json() {
        let list: Vec<_> = deliveries.iter().map(release::delivery).collect();
        let only_here = (!only_here.is_empty()).then_some(only_here);
        context.render.document(&serde_json::json!({
            "alert_id": args.id.to_string(), "deliveries": list, "only_here": only_here,
        }))?;
    } else if !only_here.is_empty() {
        context
            .render
            .talk(&format!("Seen here, so nobody is woken for it any more; its issuer cannot be told: {only_here}."));
    } else {
        release::table(context, &deliveries);
    }
    delivery::say("the reply", &deliveries, &look, &context.render);
    Ok(delivery::verdict(&deliveries, &args.wait))
}

async fn said(args: &Args, context: &Context) -> Result<SayReply, Failure> {
    let staff = args.staff.open(context)?;
    let said = what(args, context).await?;
    let standing = standing(args.id, args.issuer, context).await?;
    say(args.id, (said, args.desk), (&standing, args.to), (&staff, &args.wait), context).await
}

/// Signs a word about an alert that stands like this, and has the node say it; `to` is who is told where its issuer speaks.
pub(super) async fn say(
    id: AlertId,
    (said, desk): (Said, DeskRole),
    (standing, to): (&StandingReply, Option<NodeId>),
    (staff, wait): (&Credential, &Wait),
    context: &Context,
) -> Result<SayReply, Failure> {
    let of_offer = said.is_about_offer().unwrap_or(standing.object.is_empty());
    let object = if of_offer { &standing.offer } else { &standing.object };
    if object.is_empty() {
        let what = if of_offer { "it was not offered" } else { "it was offered, and has not come" };
        return Err(Failure::refused(format!("nothing can be said about this alert so: {what}"))
            .next(format!("`varde alert status {id}` shows how far it is"))
            .reason("nothing-to-answer"));
    }
    let to = match to {
        Some(to) => to,
        None => NodeId::parse(&standing.issuer).map_err(|e| Failure::ours(format!("the node's answer: {e}")))?,
    };
    let about = about_reply(digest(object)?, to, desk, &said);
    let request = SayRequest {
        id: id.to_string(),
        country: to.to_string(),
        said: Some(peer::Reply { desk_role: desk.number(), ..said.to_wire() }),
        wait_ms: wait.milliseconds(),
        act: Some(staff.sign(Verb::Reply, about, context)?),
    };
    Ok(connect(context, wait.time()).await?.say(request).await?.into_inner())
}

async fn what(args: &Args, context: &Context) -> Result<Said, Failure> {
    let What { seen: _, outcome, answer, referral, challenge, relay, ruling, accept, cannot_comply } = &args.what;
    let needs = |flag: &str, code: &str| {
        Failure::usage(format!("--outcome {code} and {flag} go together"))
            .means("nothing was sent")
            .next("see `varde alert reply --help`")
            .reason("incomplete-reply")
    };
    if let Some(outcome) = *outcome {
        return match (outcome, args.forward, args.duplicate_of) {
            (Outcome::NOT_COMPETENT, Some(forward), None) => Ok(Said::NotCompetent(forward)),
            (Outcome::DUPLICATE_OF, None, Some(id)) => Ok(Said::DuplicateOf(id)),
            (Outcome::NOT_COMPETENT, ..) | (_, Some(_), _) => Err(needs("--forward CC,CHANNEL,DESK", "NOT_COMPETENT")),
            (Outcome::DUPLICATE_OF, ..) | (_, _, Some(_)) => Err(needs("--duplicate-of ID", "DUPLICATE_OF")),
            (outcome, None, None) => Ok(Said::Outcome(outcome)),
        };
    }
    if let Some(ruling) = *ruling {
        return Ok(Said::Ruling(about(args, context).await?, ruling));
    }
    if let Some(conditions) = cannot_comply {
        let handling = conditions.iter().filter_map(|one| one.handling).collect();
        return Ok(Said::CannotComply(handling, conditions.iter().filter_map(|one| one.prohibition).collect()));
    }
    let challenge: BTreeSet<_> = challenge.iter().copied().collect();
    let relay: BTreeSet<_> = relay.iter().copied().collect();
    Ok(match (answer, referral) {
        (Some(answer), _) => Said::Answer(*answer),
        (_, Some(state)) => Said::Referral(*state),
        _ if *accept => Said::Accept,
        _ if !challenge.is_empty() => Said::Challenge(challenge),
        _ if !relay.is_empty() => Said::RelayRequest(relay),
        _ => Said::Seen,
    })
}

/// What a ruling is about: what was named, or the one challenge or request of that country that waits.
async fn about(args: &Args, context: &Context) -> Result<Digest, Failure> {
    let Some(to) = args.to else {
        return Err(
            Failure::usage("--ruling needs --to CC: whose challenge or request is decided").reason("no-country")
        );
    };
    if let Some(about) = args.about {
        return Ok(about);
    }
    let standing = standing(args.id, None, context).await?;
    let said = standing.recipients.into_iter().filter(|one| one.country == to.as_str()).flat_map(|one| one.said);
    let words: Vec<_> = said.map(|one| (one.digest, super::parse(&one.said_json))).collect();
    let mut open = Vec::new();
    for (digest, said) in &words {
        let asks = said.as_ref().is_ok_and(|said| matches!(said["type"].as_str(), Some("CHALLENGE" | "RELAY_REQUEST")));
        let hex = varde_proto::id::hex(digest);
        let ruled = words.iter().any(|(_, said)| said.as_ref().is_ok_and(|said| said["about"] == hex.as_str()));
        if asks && !ruled {
            open.push(digest);
        }
    }
    match &open[..] {
        [one] => digest(one),
        [] => Err(Failure::refused(format!("nothing that {to} said about this alert waits for a ruling"))
            .next(format!("`varde alert status {}` shows what was said", args.id))
            .reason("nothing-to-rule-on")),
        _ => Err(Failure::usage(format!("{to} said several things that wait for a ruling"))
            .next("name one: --about DIGEST, as `varde alert status ID --json` shows it")
            .reason("several-to-rule-on")),
    }
}

fn read_digest(text: &str) -> Result<Digest, String> {
    varde_proto::id::unhex::<32>(text).map(Digest).ok_or_else(|| "it is not 64 lower-case hex digits".to_owned())
}

/// A condition of an offer: one of the two.
#[derive(Debug, Clone, Copy)]
struct Condition {
    handling: Option<Handling>,
    prohibition: Option<Prohibition>,
}

fn read_condition(text: &str) -> Result<Condition, String> {
    let (handling, prohibition) = (read_code::<Handling>(text).ok(), read_code::<Prohibition>(text).ok());
    if handling.is_none() && prohibition.is_none() {
        return Err(format!("{text:?} is no handling code (H1) and no prohibition (X1)"));
    }
    Ok(Condition { handling, prohibition })
}

fn read_named(text: &str) -> Result<Country, String> {
    let named = Country::parse(text).ok().filter(|country| country.is_named());
    named.ok_or_else(|| format!("{text:?} is no country: two capital letters (ISO 3166-1 alpha-2)"))
}

fn read_forward(text: &str) -> Result<Forward, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let [country, channel, role] = parts[..] else {
        return Err("it has three parts: country, legal channel, desk; for example SE,SIRENE,SIRENE".to_owned());
    };
    Ok(Forward { country: read_named(country)?, channel: read_code(channel)?, role: read_code(role)? })
}
