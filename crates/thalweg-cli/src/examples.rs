//! Examples, in one place: the end of each `--help`, of the overview and of the man page.

/// A command line, and what it does.
pub struct Example {
    /// As it is typed.
    pub line: &'static str,
    /// What comes of it.
    pub does: &'static str,
}

const fn example(line: &'static str, does: &'static str) -> Example {
    Example { line, does }
}

/// Every one. The second word is the command it is an example of; the first of a command stands in the overview too.
pub const EXAMPLES: &[Example] = &[
    example("thalweg demo", "all of it on handwritten digits"),
    example("thalweg demo --restarts 20 -o digits", "more starts, another folder"),
    example("thalweg info expression.tsv", "what would be read"),
    example("thalweg info run.mat --variable Y --json", "one array of several, for a program"),
    example("thalweg info song.flac --window 4096", "a sound becomes a spectrogram"),
    example("thalweg fit expression.tsv -k 5 --restarts 10 -o run", "ten random starts, the best is kept"),
    example("thalweg fit ratings.dat -k 20 --holdout 0.1 --l2 0.02", "observed entries alone, RMSE on a tenth of them"),
    example("thalweg fit counts.mtx -k 12 --missing zero --loss kl", "counts, unlisted ones are 0"),
    example("thalweg fit cube.mat -k 4 --sum-to-one v --init spa", "spectra and their shares in each pixel"),
    example("thalweg fit data:metabolic --data-dir data -k 3", "a named data set, prepared as in its paper"),
    example("thalweg rank expression.tsv -k 2:8", "which ranks do the data support?"),
    example("thalweg rank ratings.dat -k 1:10 --l2 0.02", "of ratings, with a ridge"),
    example("thalweg audit run", "how far to trust it"),
    example("thalweg audit run --lines 200 --points 3", "more lines, to the three best answers"),
    example("thalweg line run/restarts/0.npz run/restarts/1.npz --data x.csv", "is there a barrier between two answers?"),
    example("thalweg line a.npz b.npz --data x.csv --svg line.svg", "the same, drawn"),
    example("thalweg flatness run", "how flat is the valley at this answer?"),
    example("thalweg flatness a.npz --problem instance.npz --kind sensing", "at factors of your own"),
    example("thalweg recover sensing instance.npz --certify", "the matrix of smallest nuclear norm, proved"),
    example("thalweg recover completion ratings.dat --keep 0.8", "hide a fifth, and tell the error there"),
    example("thalweg recover rpca frames.npy --certify -o run", "background and what moves before it"),
    example("thalweg recover sparse instance.npz --depth 3", "the flattest deep network that fits"),
    example("thalweg verify run --problem instance.npz", "check the proof from the instance alone"),
    example("thalweg report run -o report.html", "one page that opens offline"),
    example("thalweg report run-5 run-6 -o both.html", "two runs side by side"),
    example("thalweg report frames --image-shape 120,160", "frames of a film as pictures"),
    example("thalweg reproduce --list", "papers and items, and what each costs"),
    example("thalweg reproduce star-convexity fig5 --data data -o out", "a figure, beside what is true"),
    example("thalweg reproduce flat-minima all --scale smoke", "that everything runs, in seconds"),
    example("thalweg phase sensing --x rate=1:4:7 --y rank=1:5:5", "how often is the answer found?"),
    #[cfg(feature = "net")]
    example("thalweg net train resnet20 --data cifar-10 -o run", "train a network; the same command goes on"),
    #[cfg(feature = "net")]
    example("thalweg net convexity run/final.safetensors --data cifar-10", "how far is its loss convex?"),
    example("thalweg transform new.csv --model run -o new.npz", "new rows on known components"),
    example("thalweg update run new.csv -o grown", "new rows join the old ones"),
    example("thalweg predict run --pairs asked.csv", "entries that were not observed"),
    example("thalweg export run -o tables", "U.csv and V.csv, with labels"),
    example("thalweg data list", "the catalogue of named data sets"),
    example("thalweg data example", "small files to try things on"),
    example("thalweg data example genes", "write one of them here"),
    example("thalweg data get metabolic --data-dir data", "where a data set comes from"),
    example("thalweg data shard ratings.dat -o ratings.shards", "blocks of rows on disk, for fit --stream"),
    example("thalweg data check data", "are the files in this folder whole?"),
    example("thalweg doctor", "does thalweg work here as it should?"),
    example("thalweg completions bash > ~/.local/share/bash-completion/completions/thalweg", "complete commands and flags"),
    example("thalweg man > ~/.local/share/man/man1/thalweg.1", "then: man thalweg"),
];

/// What `thalweg` alone says.
pub const WELCOME: &str = "\
thalweg factors a matrix, and says how far the answer can be trusted. Three ways to begin:

  thalweg demo                       see all of it, on handwritten digits: takes seconds, ends with a report
  thalweg info FILE                  what would be read of a file of yours (CSV, NumPy, MATLAB, HDF5, images, sound, ...)
  thalweg rank FILE -k 1:8           how many components do its data support? Then: fit, audit, report

All commands: thalweg --help. No file at hand: thalweg data example.";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 2 usage, 3 finished but not established (not converged, not certified), 65 bad input, 66 no input,
73 cannot write, 74 input or output failed, 75 limit reached (run the command again to go on), 130 and 143 signals.";

/// The end of the help of a command.
pub fn of(command: &str) -> String {
    listing(&EXAMPLES.iter().filter(|example| command_of(example) == command).collect::<Vec<_>>())
}

/// The end of the help of the program: one example of each command.
pub fn overview() -> String {
    let is_first = |at: usize| at == 0 || command_of(&EXAMPLES[at - 1]) != command_of(&EXAMPLES[at]);
    let first: Vec<&Example> = (0..EXAMPLES.len()).filter(|&at| is_first(at)).map(|at| &EXAMPLES[at]).collect();
    format!("{}\n\n{EXIT_CODES}", listing(&first))
}

fn command_of(example: &Example) -> &'static str {
    example.line.split(' ').nth(1).expect("a command follows the name of the program")
}

/// What is typed, and what comes of it below: columns would be broken on a narrow terminal.
fn listing(examples: &[&Example]) -> String {
    let row = |example: &&Example| format!("\n  {}\n          {}", example.line, example.does);
    format!("Examples:{}", examples.iter().map(row).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    /// An example that the parser refuses teaches a mistake.
    #[test]
    fn every_example_parses() {
        for example in EXAMPLES {
            let words = example.line.split(" > ").next().expect("a first part").split(' ');
            assert!(command().try_get_matches_from(words).is_ok(), "{}", example.line);
        }
    }

    #[test]
    fn every_command_has_an_example() {
        for sub in command().get_subcommands() {
            assert!(EXAMPLES.iter().any(|example| command_of(example) == sub.get_name()), "{}", sub.get_name());
        }
    }

    #[test]
    fn examples_of_a_command_stand_together() {
        let mut commands: Vec<&str> = EXAMPLES.iter().map(command_of).collect();
        commands.dedup();
        let count = commands.len();
        commands.sort_unstable();
        commands.dedup();
        assert_eq!(commands.len(), count, "one group for each command");
    }
}
