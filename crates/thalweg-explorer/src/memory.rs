//! How a page hands over a question and takes an answer: through the module's memory.
//!
//! The host asks for `room`, writes the question and after it the file, calls `ask`, and reads `answer_length` bytes of UTF-8 from `answer`.

// an exported name is all that is unsafe here: two of the same name would be one
#![allow(unsafe_code)]

use std::sync::Mutex;

static ASKED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ANSWER: Mutex<String> = Mutex::new(String::new());

/// Where so many bytes of question and file are to be written.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *const u8 {
    let mut asked = ASKED.lock().expect("one caller");
    *asked = vec![0; length];
    asked.as_ptr()
}

/// Answers the question of so many bytes; what follows it is the file.
#[unsafe(no_mangle)]
pub extern "C" fn ask(question_length: usize) {
    let mut asked = std::mem::take(&mut *ASKED.lock().expect("one caller"));
    let file = asked.split_off(question_length.min(asked.len()));
    *ANSWER.lock().expect("one caller") = crate::answer(&String::from_utf8_lossy(&asked), file);
}

/// Where the last answer stands.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    ANSWER.lock().expect("one caller").as_ptr()
}

/// Its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn answer_length() -> usize {
    ANSWER.lock().expect("one caller").len()
}
