//! What is recovered, as command line and files name it.

use serde::{Deserialize, Serialize};
use thalweg::data::{INSTANCE_KINDS, InstanceKind};

/// A kind of recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecoverKind {
    /// The low-rank and the sparse part of a table.
    Rpca,
    /// A sparse vector.
    Sparse,
    /// A low-rank matrix from measurements.
    #[serde(untagged)]
    Measured(InstanceKind),
}

impl RecoverKind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = RecoverKind> {
        INSTANCE_KINDS.iter().map(|(kind, _)| RecoverKind::Measured(*kind)).chain([RecoverKind::Rpca, RecoverKind::Sparse])
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            RecoverKind::Rpca => "rpca",
            RecoverKind::Sparse => "sparse",
            RecoverKind::Measured(kind) => kind.name(),
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<RecoverKind> {
        RecoverKind::all().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_use_the_names_of_the_command_line() {
        for kind in RecoverKind::all() {
            let text = serde_json::to_string(&kind).expect("a word");
            assert_eq!(text, format!("\"{}\"", kind.name()));
            assert_eq!(serde_json::from_str::<RecoverKind>(&text).expect("a kind"), kind);
            assert_eq!(RecoverKind::named(kind.name()), Some(kind));
        }
    }
}
