//! Tests of the engine from outside: exact counts, independence of threads, random systems, bad nodes.

mod oracles;
