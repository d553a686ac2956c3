//! `[notify]` of `varde.toml`: whom a node wakes when an alert comes.

use core::time::Duration;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// Arguments of one command, the program among them.
const ARGUMENTS: usize = 32;
/// Bytes of one argument.
const ARGUMENT_BYTES: usize = 1024;

/// The commands, and when each is run. The node adds four arguments: the alert's kind, `urgent` or `routine`, its id, and the sender's
/// country; nothing else of it leaves the node this way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Program, by its whole path, and arguments: whoever is on duty.
    #[serde(deserialize_with = "command")]
    pub command: Vec<String>,
    /// The second contact's; none where it is not named.
    #[serde(default, deserialize_with = "second")]
    pub second: Option<Vec<String>>,
    /// How often it is run again until somebody has seen an urgent alert; 1 to 86400 seconds.
    #[serde(rename = "repeat_seconds", default = "repeat_default", deserialize_with = "seconds")]
    pub repeat: Duration,
    /// After which age of an urgent alert that nobody has seen the second contact is woken, too; 1 to 86400 seconds.
    #[serde(rename = "second_after_seconds", default = "second_after_default", deserialize_with = "seconds")]
    pub second_after: Duration,
}

fn repeat_default() -> Duration {
    Duration::from_secs(15 * 60)
}

fn second_after_default() -> Duration {
    Duration::from_secs(30 * 60)
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    match u64::deserialize(from)? {
        seconds @ 1..=86_400 => Ok(Duration::from_secs(seconds)),
        _ => Err(D::Error::custom("a time under [notify] must be 1 to 86400 seconds")),
    }
}

fn command<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let command = Vec::<String>::deserialize(from)?;
    if !command.first().is_some_and(|program| program.starts_with('/')) {
        return Err(D::Error::custom("a command begins with the whole path of its program: [\"/usr/local/bin/wake\"]"));
    }
    let fits = |argument: &String| argument.len() <= ARGUMENT_BYTES && !argument.contains('\0');
    if command.len() > ARGUMENTS || !command.iter().all(fits) {
        return Err(D::Error::custom(format!(
            "a command has at most {ARGUMENTS} parts of {ARGUMENT_BYTES} bytes each"
        )));
    }
    Ok(command)
}

fn second<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    command(from).map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Notify, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_command_is_enough_and_the_rest_has_defaults() {
        let notify = parse("command = [\"/bin/wake\", \"--duty\"]").unwrap();
        assert_eq!((notify.command.len(), notify.second, notify.repeat.as_secs()), (2, None, 900));
        assert_eq!(notify.second_after.as_secs(), 1800);
        let all = "command = [\"/bin/a\"]\nsecond = [\"/bin/b\"]\nrepeat_seconds = 60\nsecond_after_seconds = 120";
        assert_eq!(parse(all).unwrap().second, Some(vec!["/bin/b".to_owned()]));
    }

    #[test]
    fn what_could_run_anything_or_nothing_is_refused() {
        let whole_path = parse("command = [\"wake\"]").unwrap_err();
        assert!(whole_path.contains("whole path"), "{whole_path}");
        assert!(parse("command = []").is_err());
        assert!(parse("command = [\"/bin/a\"]\nsecond = [\"b\"]").unwrap_err().contains("whole path"));
        assert!(parse("command = [\"/bin/a\"]\nrepeat_seconds = 0").unwrap_err().contains("1 to 86400"));
        assert!(parse("command = \"/bin/a\"").is_err());
        assert!(parse("second = [\"/bin/a\"]").is_err());
        assert!(parse(&format!("command = [\"/bin/a\"{}]", ", \"x\"".repeat(ARGUMENTS))).is_err());
    }
}
