//! Figures as Python gets them.

use serde::Serialize;
use thalweg_lab::Style;
use thalweg_lab::figure::{Figure, Table};

/// A figure with its drawing and the numbers behind it.
#[derive(Serialize)]
pub struct Drawn {
    svg: String,
    table: Table,
    #[serde(flatten)]
    figure: Figure,
}

impl Drawn {
    pub fn of(figure: Figure) -> Drawn {
        Drawn { svg: figure.svg(Style::File), table: figure.table(), figure }
    }
}
