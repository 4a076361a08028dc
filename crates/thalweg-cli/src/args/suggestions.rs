//! What to do about a command line that makes no sense.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use thalweg::data::nearest_name;

/// What clap says, with what it does not know: how a rank is found, and what [`nearest_name`] takes for a misspelt command.
pub fn with_suggestion(error: clap::Error) -> clap::Error {
    match error.kind() {
        ErrorKind::MissingRequiredArgument => with_way_to_a_rank(error),
        ErrorKind::InvalidSubcommand => with_nearest_command(error),
        _ => error,
    }
}

fn with_way_to_a_rank(mut error: clap::Error) -> clap::Error {
    let is_missing = |context: &ContextValue| matches!(context, ContextValue::Strings(names) if names.iter().any(|name| name.starts_with("--rank ")));
    if error.get(ContextKind::InvalidArg).is_some_and(is_missing) {
        let tip = StyledStr::from("`thalweg rank INPUT -k 1:8` tells which ranks the data support");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// A misspelt command with the one that was meant, where clap, which counts letters in common, sees none: `fti` is `fit`.
fn with_nearest_command(mut error: clap::Error) -> clap::Error {
    let asked = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(asked)) if error.get(ContextKind::SuggestedSubcommand).is_none() => asked.clone(),
        _ => return error,
    };
    let commands = super::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    if let Some(name) = nearest_name(&asked, names) {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![name.to_owned()]));
    }
    error
}
