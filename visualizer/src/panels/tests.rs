//! What the panels say of the sample traces.
