//! `thalweg net`.

mod args;
mod compare;
mod convexity;
mod hessian;
mod path;
mod scene;
mod surface;
mod train;

pub use args::NetArgs;

use crate::args::Common;
use crate::exit::Failure;
use args::NetCommand;
use std::path::Path;
use thalweg::data::write_atomically;
use thalweg_lab::Style;
use thalweg_lab::figure::Figure;

pub fn run(args: &NetArgs, common: &Common) -> Result<u8, Failure> {
    match &args.command {
        NetCommand::Train(args) => train::run(args, common),
        NetCommand::Convexity(args) => convexity::run(args, common),
        NetCommand::Surface(args) => surface::run(args, common),
        NetCommand::Hessian(args) => hessian::run(args, common),
        NetCommand::Path(args) => path::run(args, common),
        NetCommand::Compare(args) => compare::run(args, common),
    }
}

fn draw(figure: &Figure, path: &Path) -> Result<(), Failure> {
    let svg = figure.svg(Style::File);
    write_atomically(path, |out| std::io::Write::write_all(out, svg.as_bytes())).map_err(Failure::Output)
}
