//! The key statements of the own node as files: those that the log holds, and the one that is on its way.

use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use crate::peer::pins;
use crate::staff::Credential;
use std::path::PathBuf;
use varde_proto::draft::act::Verb;
use varde_proto::envelope::{self, Envelope};
use varde_proto::home::{self, Step};
use varde_proto::id::{Digest, LogIndex};
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{BadHistory, History};
use varde_proto::limits;

/// What the files say.
pub(crate) struct Chain {
    /// The keys as the log has them.
    pub(crate) history: History,
    /// The statement that the node has not taken up.
    pub(super) waiting: Option<Waiting>,
}

/// A statement on its way.
pub(super) struct Waiting {
    /// Its number.
    pub(super) number: u32,
    /// As it was signed.
    pub(super) envelope: Envelope,
    /// Whether a second person approved it.
    pub(super) approved: bool,
    /// Why the node refused it, if it did.
    pub(super) refused: Option<String>,
}

/// Reads every statement of the own node.
pub(crate) fn read(home: &Home) -> Result<Chain, Failure> {
    let mut history = History::found(&home.genesis, &home.founding);
    loop {
        let number = history.number() + 1;
        let path = |step| home.path(home::statement(number, step));
        let statement = path(Step::Statement);
        if !statement.exists() {
            return Ok(Chain { history, waiting: None });
        }
        let text = files::read_text(&statement, limits::ARMOR_BYTES)?;
        let envelope = armor::decode(Label::KeyStatement, &text).map_err(|bad| broken(&statement, &bad.to_string()))?;
        let taken = path(Step::Taken);
        if !taken.exists() {
            let refused = path(Step::Refused);
            let refused = if refused.exists() { Some(files::read_text(&refused, limits::ARMOR_BYTES)?) } else { None };
            let waiting = Waiting { number, envelope, approved: path(Step::Approved).exists(), refused };
            return Ok(Chain { history, waiting: Some(waiting) });
        }
        let index = files::read_text(&taken, limits::ARMOR_BYTES)?;
        let index = index.trim().parse().map_err(|_| broken(&taken, "it is not the number of a leaf"))?;
        history.take(&envelope, LogIndex(index)).map_err(|bad| broken(&statement, &bad.to_string()))?;
    }
}

fn broken(path: &std::path::Path, why: &str) -> Failure {
    Failure::usage(format!("{}: {why}", path.display()))
        .means("the file is not as this command or the node wrote it")
        .next("restore the folder from its backup")
        .reason("bad-statement")
}

/// Writes a new statement, proposed by this member of staff. One that the node refused gives way; another one does not.
pub(super) fn propose(
    home: &Home,
    chain: &Chain,
    credential: &Credential,
    signed: Result<Envelope, BadHistory>,
    context: &Context,
) -> Result<Digest, Failure> {
    let envelope = signed.map_err(|bad| {
        Failure::refused(bad.to_string())
            .means("no peer and no auditor would take it; nothing was written")
            .next("look at `varde key list`")
            .reason("bad-change")
    })?;
    let number = chain.history.number() + 1;
    let about = envelope::digest(&envelope);
    let act = credential.sign(Verb::ProposeKey, about, context)?;
    let folder = home.path(home::STATEMENTS);
    if !folder.exists() {
        files::make_dir(&folder).map_err(|e| files::unwritten(&folder, &e))?;
    }
    for step in [Step::Statement, Step::Approved, Step::Leaf, Step::Refused] {
        remove(home.path(home::statement(number, step)))?;
    }
    write(home, number, Step::Proposed, &armor::encode(Label::Act, &act))?;
    write(home, number, Step::Statement, &armor::encode(Label::KeyStatement, &envelope))?;
    Ok(about)
}

/// Nothing new begins while another statement waits.
pub(super) fn nothing_waits(chain: &Chain) -> Result<(), Failure> {
    match &chain.waiting {
        Some(Waiting { number, refused: None, approved, .. }) => {
            let next = match approved {
                true => "start the node; it takes it up at once".to_owned(),
                false => format!(
                    "let another person run `varde key approve {number} --as FILE`; if it is wrong, take it back: remove {}",
                    home::statement(*number, Step::Statement)
                ),
            };
            let what = format!("the key statement {number} is on its way, and another one would follow it");
            Err(Failure::refused(what).next(next).reason("statement-waits"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Writes one step of a statement's way.
pub(super) fn write(home: &Home, number: u32, step: Step, text: &str) -> Result<(), Failure> {
    let path = home.path(home::statement(number, step));
    files::replace(&path, text.as_bytes()).map_err(|e| files::unwritten(&path, &e))
}

/// Removes a file that may be there.
pub(super) fn remove(path: PathBuf) -> Result<(), Failure> {
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::unwritten(&path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says what was proposed and who is to go on.
pub(super) fn say(home: &Home, chain: &Chain, what: &str, key: &Digest, context: &Context) -> Result<(), Failure> {
    let number = chain.history.number() + 1;
    if context.render.is_json() {
        let state = serde_json::json!({"number": number, "key_id": key.to_string(), "state": "proposed"});
        return context.render.document(&state);
    }
    context.render.line(number.to_string());
    context.render.talk(&format!(
        "Proposed as number {number}: {what}.\nNothing has changed yet. Let another person run `varde key approve {number} --as FILE`.\n\
         Until then it is taken back by removing {}.",
        home.path(home::statement(number, Step::Statement)).display()
    ));
    Ok(())
}

/// 32 random bytes.
pub(super) fn salt() -> Result<[u8; 32], Failure> {
    pins::salt()
}
