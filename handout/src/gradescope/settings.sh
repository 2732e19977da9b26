# What both scripts know: what is graded, and what half a processor can bear.
# shellcheck shell=bash disable=SC2034
what=(@WHAT@)
memory=@MEMORY@
seconds=@SECONDS@
export RUSTUP_HOME=/opt/rustup CARGO_HOME=/opt/cargo PATH="/opt/cargo/bin:$PATH"
# One compiler and one thread of a search at a time. More would share the processor, and need more memory.
export CARGO_BUILD_JOBS=1 TESTKIT_THREADS=1
# The time limits of tests are for a whole processor.
export TESTKIT_TIME=2
