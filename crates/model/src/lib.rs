//! The words of the trade and the sockets in the walls; no IO.
