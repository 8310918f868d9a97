//! Tests through the public interface: the hub by a server in the test, real weights where there are some.

mod bert;
mod diffusion;
mod hub;
mod inception;
mod marian;
mod real;
mod vision;
