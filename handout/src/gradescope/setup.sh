#!/usr/bin/env bash
# Runs once, when Gradescope builds the container: installs Rust, builds the tool, compiles the handout.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends build-essential ca-certificates curl bubblewrap util-linux
cd /autograder
# Submissions run as a user of their own, who is not to read what is hidden.
chmod -R go= source
tar -xzf source/handout.tar.gz
tar -xzf source/tool.tar.gz
if [ -f source/hidden.tar.gz ]; then
    tar -xzf source/hidden.tar.gz
    chmod -R go= hidden
fi

# Everybody may read the toolchain: tests run as a user of their own.
export RUSTUP_HOME=/opt/rustup CARGO_HOME=/opt/cargo
# What https://sh.rustup.rs gives, from where the compiler itself comes from.
curl --proto '=https' --tlsv1.2 -sSf https://static.rust-lang.org/rustup/rustup-init.sh | sh -s -- -y --profile minimal --default-toolchain none
export PATH="/opt/cargo/bin:$PATH"
(cd tool && cargo build --release --locked --package handout)
cp tool/target/release/handout /usr/local/bin/handout
(cd handout && cargo fetch --locked)
rm -rf tool

# Here is time for everything that is not the student's: it is compiled, and each suite is asked for its tests. The first
# grading, of the skeleton, leaves the container as each later one finds it. As little is written of a program as can be:
# in a later grading it has to be linked in little memory.
. /autograder/source/settings.sh
mkdir -p warm/labs
cp -r handout/labs/. warm/labs/
handout grade warm --handout handout --out grading "${what[@]}" --jobs 1
rm -rf warm grading/log.jsonl grading/submissions grading/*.*
chmod -R go-w handout
