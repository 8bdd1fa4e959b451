//! The referee: a request-level discrete-event simulation of the system layer, sharing no closure, no rate and no
//! equation with the rest. May use `model` and `random` only.
