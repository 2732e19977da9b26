//! What a test without a system gets.

/// The context of a unit test.
#[derive(Debug)]
pub struct UnitTest {
    pub(crate) seed: u64,
}

impl UnitTest {
    /// The seed of whatever is random in the test; printed when it fails.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}
