//! `varde log bump`: the log of a locked node ends, and the node goes on under the next generation. Each of two people runs it; the
//! first one's makes the statement and the new genesis and signs them with the identity key, the second one's approves them. The
//! node takes them up when it starts again.

use super::export;
use crate::agreement;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use crate::key;
use crate::peer::pins;
use crate::staff::{As, Credential};
use varde_proto::agreement::default_agreement;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{self, Envelope};
use varde_proto::exchange::KnownHead;
use varde_proto::home;
use varde_proto::id::Digest;
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{Acceptance, BadDocument, Genesis, History, Incident, Reason, Role, RoleKeys, SecretKey};
use varde_proto::limits;
use varde_proto::wire::operator::{LogIncidentReply, LogIncidentRequest, log_client::LogClient};

/// Who decides.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde log status --dir ./no\n  varde log bump --dir ./no --as ./no/operators/a.key\n  \
    varde log bump --dir ./no --as ./no/operators/b.key\n\n\
    The last resort: only for a node that `varde log status` shows as locked for good, after a call to every other coordinator.\n\
    What was logged since the backup and lies nowhere any more stays lost. The node must run for the first call, and is started\n\
    again after the second; then give every peer the descriptor of the new log (`varde peer export`), which two people must\n\
    accept there (`varde peer add`). Remove the folder `bump` to begin anew."
)]
pub(crate) struct Args {
    #[command(flatten)]
    staff: As,
}

/// How far people have decided that the log of the node ends.
pub(crate) fn decided(context: &Context) -> Result<Option<&'static str>, Failure> {
    let bump = context.node_dir()?.join(home::BUMP);
    Ok(match [home::INCIDENT_APPROVED, home::INCIDENT_PROPOSED].map(|step| bump.join(step).exists()) {
        [true, _] => Some("approved"),
        [false, true] => Some("proposed"),
        [false, false] => None,
    })
}

/// What that means, for people.
pub(crate) fn meaning(decided: &str) -> &'static str {
    match decided {
        "approved" => "Two people have decided that this log ends: start the node again.",
        _ => "One person has decided that this log ends; another runs `varde log bump --as THEIR-KEY-FILE`.",
    }
}

/// Proposes, or approves what another person proposed.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { staff } = args;
    let home = Home::open(context)?;
    let credential = staff.open(context)?;
    let bump = |name: &str| home.path(home::BUMP).join(name);
    if bump(home::INCIDENT_PROPOSED).exists() {
        return approve(&home, &credential, context).await;
    }
    let reply = LogClient::new(client::connect(context).await?).incident(LogIncidentRequest {}).await?.into_inner();
    let silent = reply.silent.join(", ");
    let (genesis, keys, acceptances) = found(&home, context)?;
    let id = home.identity()?;
    let incident = read_known(&home, reply, envelope::digest(&genesis), context)?;
    let statement = incident.sign(&id).map_err(ours)?;
    let act = credential.sign(Verb::Bump, envelope::digest(&statement), context)?;
    let _ = std::fs::remove_dir_all(home.path(home::BUMP));
    for folder in ["", home::KEYS, home::PEERS, home::AGREEMENTS] {
        let folder = bump(folder);
        files::make_dir(&folder).map_err(|e| files::unwritten(&folder, &e))?;
    }
    let texts = [
        (home::GENESIS.to_owned(), armor::encode(Label::Genesis, &genesis)),
        (home::INCIDENT.to_owned(), armor::encode(Label::Incident, &statement)),
    ];
    // What was proposed counts from when the proposal itself is there.
    let proposed = (home::INCIDENT_PROPOSED.to_owned(), armor::encode(Label::Act, &act));
    let write = |(name, text): (String, String)| {
        let path = bump(&name);
        files::write_new(&path, text.as_bytes()).map_err(|e| files::unwritten(&path, &e))
    };
    keys.into_iter().chain(acceptances).chain(texts).try_for_each(write)?;
    for folder in [home::KEYS, home::PEERS, home::AGREEMENTS, ""] {
        let folder = bump(folder);
        files::sync_dir(&folder).map_err(|e| files::unwritten(&folder, &e))?;
    }
    write(proposed)?;
    say(&incident, &silent, "proposed", context)
}

fn ours(error: impl std::fmt::Display) -> Failure {
    Failure::ours(format!("a new generation could not be made: {error}"))
}

type Texts = Vec<(String, String)>;

/// The genesis of the next generation with the keys that are in use, and what we said of agreements with every peer, under its name.
fn found(home: &Home, context: &Context) -> Result<(Envelope, Texts, Texts), Failure> {
    let (id, history) = (home.identity()?, key::read(home)?.history);
    let origin = home.genesis.origin().successor().ok_or_else(|| ours("there is no next one"))?;
    let mut secrets = vec![(Role::Id, id)];
    for role in Role::ALL.into_iter().skip(1) {
        secrets.push((role, in_use(home, &history, role)?));
    }
    let held: Vec<_> = secrets.iter().map(|(role, key)| (*role, key)).collect();
    let proven = RoleKeys::prove(&origin, &held).map_err(ours)?;
    let now = context.now()?;
    let genesis = Genesis::found(origin.clone(), home.genesis.mode(), proven, now, pins::salt()?).map_err(ours)?;
    let [(_, id), others @ ..] = secrets.as_slice() else { return Err(ours("no identity key")) };
    let pem = |(role, key): &(Role, SecretKey)| Ok((home::key(*role), key.to_pem().map_err(ours)?.to_string()));
    let keys = others.iter().map(pem).collect::<Result<_, Failure>>()?;
    let mut acceptances = Texts::new();
    for peer in pins::read_all(home)?.into_iter().filter_map(|pin| pin.descriptor.ok()) {
        let (from, with, mode) = (origin.clone(), peer.origin().clone(), home.genesis.mode());
        let (agreement, salt) = (default_agreement(), pins::salt()?);
        let yes = Acceptance { from, with, mode, agreement, accepted: now, salt }.sign_text(id).map_err(ours)?;
        acceptances.push((home::acceptance(peer.node()), yes));
        acceptances.extend(agreement::said_again(home, (&origin, peer.origin()), id)?);
    }
    Ok((genesis.sign(id).map_err(ours)?, keys, acceptances))
}

/// The newest key of a role that is in use, from the file in which it was made.
fn in_use(home: &Home, history: &History, role: Role) -> Result<SecretKey, Failure> {
    let key = history.current(role).last().copied().ok_or_else(|| ours(format!("no {role} key is in use")))?;
    let brought = history.statements().iter().find(|logged| logged.brings(role, &key));
    let path =
        home.path(brought.map_or_else(|| home::key(role), |logged| home::later_key(role, logged.statement.number)));
    let found = files::read_key(&path)?;
    if found.public() == key {
        return Ok(found);
    }
    Err(Failure::usage(format!("{} is not the {role} key in use", path.display()))
        .next("restore the file from its backup")
        .reason("other-key"))
}

/// What the node knows, as it is to be signed.
fn read_known(home: &Home, reply: LogIncidentReply, genesis: Digest, context: &Context) -> Result<Incident, Failure> {
    let LogIncidentReply { origin, reason, newest, stored_size, stored_root, shown_size, shown_root, silent: _ } =
        reply;
    let previous = home.genesis.origin().clone();
    let reason = Reason::parse(&reason).filter(|_| origin == previous.as_str()).ok_or_else(|| {
        Failure::refused("the log of this node is not locked")
            .means("a log ends only where its node cannot go on with it; nothing was written")
            .next("`varde log status` shows how it stands")
            .reason("not-locked")
    })?;
    let root = |bytes: &[u8]| Digest::from_bytes(bytes).ok_or_else(|| ours("the node's answer cannot be read"));
    let shown = match shown_root.is_empty() {
        true => None,
        false => Some(KnownHead { size: shown_size, root: root(&shown_root)? }),
    };
    Ok(Incident {
        origin: previous.successor().ok_or_else(|| ours("there is no next one"))?,
        mode: home.genesis.mode(),
        previous,
        reason,
        newest,
        stored: KnownHead { size: stored_size, root: root(&stored_root)? },
        shown,
        genesis,
        created: context.now()?,
        salt: pins::salt()?,
    })
}

async fn approve(home: &Home, credential: &Credential, context: &Context) -> Result<Exit, Failure> {
    let read = |name: &str, label| {
        let path = home.path(home::BUMP).join(name);
        let text = files::read_text(&path, limits::ARMOR_BYTES)?;
        armor::decode(label, &text).map_err(|bad| broken(&BadDocument::from(bad)))
    };
    let (statement, proposed) = (read(home::INCIDENT, Label::Incident)?, read(home::INCIDENT_PROPOSED, Label::Act)?);
    let incident = Incident::open(&statement, home.genesis.keys().id()).map_err(|bad| broken(&bad))?;
    // What was proposed is decided only while it is so: a peer may have answered since.
    let reply = LogClient::new(client::connect(context).await?).incident(LogIncidentRequest {}).await?.into_inner();
    let silent = reply.silent.join(", ");
    let now = read_known(home, reply, incident.genesis, context)?;
    let of_now = Incident { created: incident.created, salt: incident.salt, ..now };
    if of_now != incident {
        return Err(Failure::refused(
            "what was proposed is not so any more: the node knows something else of its log now",
        )
        .means("a peer has answered, or leaves came back; nothing was signed")
        .next("see `varde log status`; remove the folder `bump`, and begin anew if the log must still end")
        .reason("changed"));
    }
    let act = credential.sign(Verb::Bump, envelope::digest(&statement), context)?;
    let staff: Vec<_> = home.config.operators.iter().map(|operator| operator.public_key).collect();
    if act::signer(&proposed, &staff) == act::signer(&act, &staff) {
        return Err(Failure::refused("whoever proposed that the log ends cannot approve it")
            .next("let another member of staff run this with `--as FILE`")
            .reason("same-person"));
    }
    let path = home.path(home::BUMP).join(home::INCIDENT_APPROVED);
    files::replace(&path, armor::encode(Label::Act, &act).as_bytes()).map_err(|e| files::unwritten(&path, &e))?;
    keep_last(home, context).await;
    say(&incident, &silent, "approved", context)
}

/// Keeps the last bundle of the log that ends: when the node starts again, nothing signs for that log any more.
async fn keep_last(home: &Home, context: &Context) {
    let number = home.genesis.origin().generation();
    let out = home.path(home::last_bundle(number));
    if out.exists() {
        return;
    }
    for folder in out.ancestors().skip(1).take(2).collect::<Vec<_>>().into_iter().rev() {
        let _ = files::make_dir(folder);
    }
    match export::write(&out, String::new(), context).await {
        Ok(_) => context.render.talk(&format!("The last bundle of the log that ends lies in {}.", out.display())),
        Err(_) => {
            let _ = std::fs::remove_dir_all(&out);
            context.render.talk(
                "The last bundle of the log that ends was not written: run `varde log export` before the node is started again, while it \
                 runs locked. Later nobody can.",
            );
        }
    }
}

fn broken(bad: &BadDocument) -> Failure {
    Failure::usage(format!("a file in `bump` cannot be read: {bad}"))
        .means("it is not as `varde log bump` wrote it")
        .next("remove the folder `bump`, and begin anew")
        .reason("bad-bump")
}

fn say(incident: &Incident, silent: &str, state: &str, context: &Context) -> Result<Exit, Failure> {
    let Incident { origin, previous, reason, stored, shown, .. } = incident;
    let answered = incident.answered();
    if context.render.is_json() {
        context.render.document(&serde_json::json!({
            "origin": origin.as_str(),
            "previous": previous.as_str(),
            "reason": reason.name(),
            "state": state,
            "peers_had": answered.map(|head| head.size),
            "stored": stored.size,
            "shown": shown.map(|shown| shown.size),
        }))?;
        return Ok(Exit::Done);
    }
    let leaves = |head: Option<KnownHead>| head.map_or_else(|| "none known".to_owned(), |head| head.size.to_string());
    context.render.line(format!(
        "{previous} ends ({reason}); {origin} follows. Leaves stored {}, shown {}, at peers {}",
        stored.size,
        leaves(*shown),
        leaves(answered)
    ));
    if !silent.is_empty() {
        context.render.talk(&format!("Not answered: {silent}. What only they hold of the log is lost to it."));
    }
    context.render.talk(match state {
        "approved" => "Two people have decided. Start the node again; then give every peer the new descriptor (`varde peer export`).",
        _ => "Nothing has changed yet. Let another person read this and run: varde log bump --as THEIR-KEY-FILE",
    });
    Ok(Exit::Done)
}
