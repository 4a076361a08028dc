//! Writes the sample of each format into its corpus, once for each way of reading, and prints the formats' names.

use std::path::Path;
use thalweg::data::FORMATS;

fn main() -> std::io::Result<()> {
    for format in FORMATS {
        let folder = Path::new("corpus").join(format.name);
        std::fs::create_dir_all(&folder)?;
        for how in [0u8, 1, 2, 3, 6, 25] {
            let (_, sample) = &(format.sample)()[0];
            std::fs::write(folder.join(format!("sample-{how}")), [&[how], &sample[..]].concat())?;
        }
        println!("{}", format.name);
    }
    Ok(())
}
