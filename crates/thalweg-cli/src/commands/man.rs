//! `thalweg man`: the page of the program, then one section for each command.

use super::print_text;
use crate::args::command;
use crate::exit::{DONE, Failure};
use clap_mangen::Man;

pub fn run() -> Result<u8, Failure> {
    let mut page = Vec::new();
    let command = command();
    let render = |man: Man, page: &mut Vec<u8>| man.render(page).expect("a vector can be written to");
    render(Man::new(command.clone()), &mut page);
    for sub in command.get_subcommands() {
        render(Man::new(sub.clone().display_name(format!("thalweg {}", sub.get_name()))), &mut page);
    }
    print_text(&String::from_utf8_lossy(&page))?;
    Ok(DONE)
}
