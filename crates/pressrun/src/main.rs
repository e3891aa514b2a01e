//! The `pressrun` binary.
fn main() {}
