#!/usr/bin/env bash
# Runs once, when Gradescope builds the container: installs Rust, builds the tool, compiles the handout.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends build-essential ca-certificates curl bubblewrap util-linux
cd /autograder
tar -xzf source/handout.tar.gz
tar -xzf source/tool.tar.gz

# Everybody may read the toolchain: tests run as a user of their own.
export RUSTUP_HOME=/opt/rustup CARGO_HOME=/opt/cargo
curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
export PATH="/opt/cargo/bin:$PATH"
(cd tool && cargo build --release --locked --package handout)
cp tool/target/release/handout /usr/local/bin/handout
(cd handout && cargo fetch --locked)

# The first grading compiles everything that is not the student's; here there is memory and time for it.
mkdir -p warm/labs
cp -r handout/labs/. warm/labs/
handout grade warm --handout handout --out grading @SUITES@ --jobs 1 || true
rm -rf warm tool grading/log.jsonl
chmod -R go-w /autograder/handout
