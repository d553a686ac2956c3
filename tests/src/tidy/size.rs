//! Files of at most 400 lines, functions of at most 60.

use super::{Breach, Source};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

/// A file that grows without end is one that nobody reads.
pub(super) fn files(source: &Source) -> Vec<Breach> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES {
        return Vec::new();
    }
    vec![source.breach(FILE_LINES + 1, format!("{lines} lines; a file has at most {FILE_LINES}: split it by flow"))]
}

/// A function fits on a screen.
pub(super) fn functions(source: &Source) -> Vec<Breach> {
    let long = source.scanned.functions().into_iter().filter_map(|f| {
        let lines = f.lines.end() - f.lines.start() + 1;
        let text = format!("`{}` has {lines} lines; a function has at most {FUNCTION_LINES}", f.name);
        (lines > FUNCTION_LINES).then(|| source.breach(*f.lines.start(), text))
    });
    long.collect()
}
