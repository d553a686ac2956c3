//! Commands and what they say, from a guide's Markdown.

/// One command of a guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Line of the guide, from 1.
    pub line: usize,
    /// For `sh`.
    pub text: String,
    /// What it says; empty when the guide does not show it.
    pub says: Vec<String>,
    /// Its exit code.
    pub exit: i32,
}

/// The commands in the `console` blocks of a guide, in order.
pub fn commands(guide: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let (mut inside, mut continues) = (false, false);
    for (place, line) in guide.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
            continues = false;
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(text) = line.strip_prefix("$ ") {
            found.push(Command { line: place + 1, text: text.to_owned(), says: Vec::new(), exit: 0 });
            continues = text.ends_with('\\');
        } else if let Some(command) = found.last_mut() {
            if continues {
                command.text.push('\n');
                command.text.push_str(line.trim_start_matches("> "));
                continues = line.ends_with('\\');
            } else if let Some(code) = exit_code(line) {
                command.exit = code;
            } else {
                command.says.push(line.to_owned());
            }
        }
    }
    found
}

/// `[exit 3]`
fn exit_code(line: &str) -> Option<i32> {
    line.strip_prefix("[exit ")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_in_console_blocks_only() {
        let guide = "$ no\n```sh\n$ no\n```\n```console\n$ a \\\n>   b\nsays\n[exit 3]\n$ c\n```\n";
        let found = commands(guide);
        assert_eq!(found.len(), 2);
        let Command { line, text, says, exit } = &found[0];
        assert_eq!((*line, text.as_str(), says.len(), *exit), (6, "a \\\n  b", 1, 3));
    }
}
